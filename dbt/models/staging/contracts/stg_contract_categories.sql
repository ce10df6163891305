{{ staged('contract_categories') }}
