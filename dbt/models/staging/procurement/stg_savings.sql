{{ staged('savings') }}
