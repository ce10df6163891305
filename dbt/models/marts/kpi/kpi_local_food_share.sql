{{ share_with_requirement('local_food', at_least=1, among='food') }}
