"""Inputs that the fuzzer found, each once a failure: (parser, bytes)."""

CASES: list[tuple[str, bytes]] = []
