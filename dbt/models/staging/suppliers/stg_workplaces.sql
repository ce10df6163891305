{{ staged('workplaces') }}
