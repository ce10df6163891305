{{ staged('business_climate') }}
