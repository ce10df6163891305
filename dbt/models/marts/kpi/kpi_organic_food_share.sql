{{ share_with_requirement('organic_food', at_least=1, among='food') }}
