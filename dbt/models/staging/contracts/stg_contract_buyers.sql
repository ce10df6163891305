{{ staged('contract_buyers') }}
