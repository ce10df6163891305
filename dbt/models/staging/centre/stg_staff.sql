{{ staged('staff') }}
