{{ staged('supplier_aliases') }}
