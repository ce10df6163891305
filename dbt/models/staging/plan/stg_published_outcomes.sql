{{ staged('published_outcomes') }}
