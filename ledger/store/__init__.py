"""All SQL of the book: tables, the one append, the readers. SQLite by default, PostgreSQL by address."""
