{{ share_with_requirement('any_environment', at_least=1, among='environment') }}
