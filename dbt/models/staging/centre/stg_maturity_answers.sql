{{ staged('maturity_answers') }}
