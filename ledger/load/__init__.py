"""Taking in what an organisation has already: lists in tables, catalogues in folders, another system's export."""
