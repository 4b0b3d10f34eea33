"""The vault's master keys and the application key; they live outside the database (ledger/home.py)."""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """`epochs` are the 32-byte master keys by number, the newest seals; `application` authenticates rows."""

    epochs: dict[int, bytes]
    application: bytes

    @property
    def newest(self) -> int:
        """The epoch that seals now."""
        return max(self.epochs)

    def row_mac(self, book: str, index: int, leaf: bytes, request: bytes) -> bytes:
        """HMAC-SHA256 that binds a record's row to this application: a row slipped in by SQL has none."""
        message = b"record\0%b\0%d\0%b%b" % (book.encode(), index, leaf, request)
        return hmac.digest(self.application, message, "sha256")

    def request_mac(self, book: str, request: bytes) -> bytes:
        """Keyed hash of what a caller asked, so that it can be compared without being kept."""
        return hmac.digest(self.application, b"request\0" + book.encode() + b"\0" + request, "sha256")

    def line_mac(self, text: bytes) -> bytes:
        """Keyed hash of a bank memo for a line's identity: outsiders cannot try memos against it."""
        return hmac.digest(self.application, b"line\0" + text, "sha256")
