{{ staged('internships') }}
