"""The book: what can be said, how it becomes bytes, and where the bytes are kept."""
