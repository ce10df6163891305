{{ share_with_requirement('climate_transport', at_least=2, among='environment') }}
