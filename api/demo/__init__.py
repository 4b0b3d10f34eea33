"""`sovang demo`: a month of an invented fund, then everything a stranger can check about it.

make_statement.py makes the bundled statements agribank-2026-08-{a,b}.csv, in which nobody exists; story.py tells the
month through the same doors that people use; tell.py audits what came of it. Loaded by the command only.
"""
