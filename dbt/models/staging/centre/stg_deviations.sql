{{ staged('deviations') }}
