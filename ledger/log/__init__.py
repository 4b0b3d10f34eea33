"""The verifiable log: bytes in, hashes and signed notes out. Knows no donation, no database, no clock."""
