{{ staged('lots') }}
