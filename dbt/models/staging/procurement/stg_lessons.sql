{{ staged('lessons') }}
