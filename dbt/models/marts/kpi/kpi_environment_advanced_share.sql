{{ share_with_requirement('any_environment', at_least=2, among='environment') }}
