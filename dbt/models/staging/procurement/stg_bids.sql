{{ staged('bids') }}
