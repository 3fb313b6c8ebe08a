"""SQL: dialects, columns, statements, and running them."""
