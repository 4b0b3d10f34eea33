"""Sealing private values and opening them again.

A private value is sealed as `nonce (12) ‖ AES-256-GCM(r ‖ value)` under the data key of its subject, bound to
book, subject, tag and field. A subject is one person as the vault knows them; the data key is wrapped by
the vault's master key. What the record carries is a commitment: HMAC-SHA256(r, tag ‖ 0 ‖ field ‖ 0 ‖ NFC value).
"""

import hmac
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.entries.base import Person, Seal
from ledger.store.append import SealedRow, SubjectRow
from ledger.text import MAX_CHARS, clean
from ledger.vault.keys import VaultKeys

MAX_BANK_TEXT = 2000  # characters of one private value
BANK_TEXT = ("memo", "counterparty")
"""Fields whose text a bank or a stranger wrote: may have several lines."""
RandomBytes = Callable[[int], bytes]


class VaultDamaged(ValueError):
    """A sealed value or wrapped key does not open: changed, moved, or sealed under another key."""


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """A person ready to be recorded: what the record says and what the vault keeps."""

    person: Person
    rows: tuple[SealedRow, ...]
    subject: SubjectRow


@dataclass(frozen=True, slots=True)
class OpenedValue:
    """A private value and the random key of its commitment (the opening)."""

    value: str
    r: bytes


def commitment(r: bytes, tag: str, field: str, value: str) -> str:
    """The commitment to a value, hex."""
    message = f"{tag}\0{field}\0{unicodedata.normalize('NFC', value)}".encode()
    return hmac.digest(r, message, "sha256").hex()


class Vault:
    """Seals and opens the private values of one book. Randomness is passed in."""

    def __init__(self, book: str, keys: VaultKeys, random_bytes: RandomBytes) -> None:
        self._book = book
        self._keys = keys
        self._random = random_bytes

    def person(self, private: Mapping[str, str], known: SubjectRow | None = None) -> SealedPerson:
        """Seals what is known of somebody under a fresh tag; `known` continues a subject already in the vault.

        Raises Rejected(MALFORMED) naming the field for text that cannot be kept.
        """
        values = {field: _private_text(field, text) for field, text in sorted(private.items())}
        random = self._random(16 + 16 + 32 + 12)
        tag = random[:16].hex()
        if known is None:
            subject, data_key = random[16:32].hex(), random[32:64]
            wrapped = random[64:76] + self._master(self._keys.newest).encrypt(
                random[64:76], data_key, self._subject_data(subject, self._keys.newest)
            )
            known = SubjectRow(subject, self._keys.newest, wrapped)
        else:
            data_key = self._unwrap(known)
        cipher = AESGCM(data_key)
        rows, seals = [], []
        for field, value in values.items():
            drawn = self._random(12 + 32)
            nonce, r = drawn[:12], drawn[12:]
            sealed = nonce + cipher.encrypt(nonce, r + value.encode(), self._value_data(known.subject, tag, field))
            rows.append(SealedRow(tag, field, known.subject, sealed))
            seals.append(Seal(commitment(r, tag, field, value), field))
        return SealedPerson(Person(tuple(seals), tag), tuple(rows), known)

    def open(self, row: SealedRow, subject: SubjectRow) -> OpenedValue:
        """Opens one value; raises VaultDamaged."""
        cipher = AESGCM(self._unwrap(subject))
        try:
            plain = cipher.decrypt(row.sealed[:12], row.sealed[12:], self._value_data(row.subject, row.tag, row.field))
            return OpenedValue(plain[32:].decode(), plain[:32])
        except (InvalidTag, ValueError) as error:
            raise VaultDamaged(f"value of tag {row.tag}, field {row.field} does not open") from error

    def check_subject(self, subject: SubjectRow) -> None:
        """Raises VaultDamaged unless the subject's key opens."""
        self._unwrap(subject)

    def _unwrap(self, subject: SubjectRow) -> bytes:
        if subject.epoch not in self._keys.epochs:
            raise VaultDamaged(f"no master key of epoch {subject.epoch}")
        try:
            return self._master(subject.epoch).decrypt(
                subject.wrapped[:12], subject.wrapped[12:], self._subject_data(subject.subject, subject.epoch)
            )
        except (InvalidTag, ValueError) as error:
            raise VaultDamaged(f"key of subject {subject.subject} does not open") from error

    def _master(self, epoch: int) -> AESGCM:
        return AESGCM(self._keys.epochs[epoch])

    def _subject_data(self, subject: str, epoch: int) -> bytes:
        return f"subject\0{self._book}\0{subject}\0{epoch}".encode()

    def _value_data(self, subject: str, tag: str, field: str) -> bytes:
        return f"value\0{self._book}\0{subject}\0{tag}\0{field}".encode()


def _private_text(field: str, text: str) -> str:
    banks = field in BANK_TEXT
    return clean(text, field=field, multiline=banks, max_chars=MAX_BANK_TEXT if banks else MAX_CHARS)
