"""Where tests find the shared material (vectors, hostile inputs) that lies beside the repository."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(path: str) -> Path:
    """The file or folder `path` of the shared material; without it the test is skipped, and says so."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"shared material is missing: {found}")
    return found
