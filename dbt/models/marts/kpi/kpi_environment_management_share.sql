{{ share_with_requirement('environment_management', at_least=2, among='environment') }}
