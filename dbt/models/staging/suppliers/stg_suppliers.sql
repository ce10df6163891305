{{ staged('suppliers') }}
