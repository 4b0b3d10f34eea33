"""Bank files → lines. Pure: a file in, typed lines or one refusal out; nothing is recorded here."""
