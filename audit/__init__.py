"""Checking a book and asking it: verify, trace, prove, list, sign for others. Nothing here writes a record."""
