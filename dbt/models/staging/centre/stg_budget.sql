{{ staged('budget') }}
