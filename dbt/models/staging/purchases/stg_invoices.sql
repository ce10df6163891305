{{ staged('invoices') }}
