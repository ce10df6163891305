{{ staged('contract_followups') }}
