{{ count_with_requirement('labour_terms') }}
