{{ staged('requirements') }}
