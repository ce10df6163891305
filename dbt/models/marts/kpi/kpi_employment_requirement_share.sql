{{ share_with_requirement('employment', at_least=2, among='all') }}
