"""A witness: somebody outside who signs, with the time, that a book only grew. It needs no book of its own.

`core.py` is the witness without HTTP and without files, `folder.py` keeps its key and memory on disk, `mirror.py`
keeps a copy of the log. The protocol is ledger/log/witness.py, the door api/witness.py.
"""

from audit.witness.core import Answer, MemoryStore, Seen, StoreFailed, Witness
from audit.witness.folder import WitnessFolder

__all__ = ["Answer", "MemoryStore", "Seen", "StoreFailed", "Witness", "WitnessFolder"]
