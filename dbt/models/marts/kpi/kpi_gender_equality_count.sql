{{ count_with_requirement('gender_equality') }}
