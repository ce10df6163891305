{{ staged('comments') }}
