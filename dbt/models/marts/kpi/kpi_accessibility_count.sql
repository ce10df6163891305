{{ count_with_requirement('accessibility') }}
