{{ staged('classifications') }}
