{{ share_with_requirement('chemicals', at_least=2, among='environment') }}
