{{ share_with_requirement('climate_other', at_least=2, among='environment') }}
