"""The only home of personal data: sealed values, the keys that open them, and nothing in the records."""
