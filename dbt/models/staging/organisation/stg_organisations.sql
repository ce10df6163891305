{{ staged('organisations') }}
