{{ staged('invoice_reviews') }}
