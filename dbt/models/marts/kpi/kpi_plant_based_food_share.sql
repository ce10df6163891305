{{ share_with_requirement('plant_based_food', at_least=1, among='food') }}
