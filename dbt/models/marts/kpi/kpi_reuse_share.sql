{{ share_with_requirement('reuse', at_least=2, among='environment') }}
