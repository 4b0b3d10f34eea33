"""Timestamps: a third party's signed word that a checkpoint was there at an instant (RFC 3161).

An authority signs the SHA-256 of a checkpoint's text (origin, size, root: what the log's key signs too) together
with its own time. Whoever rewrites the book later, with the log's key and with every witness on their side, still
has no such word for the new root. What is kept is the whole answer, a DER TimeStampResp.

Whom to believe lies outside the database, beside the signing key, in `keys/<book>/tsa.json`:

    {"tsa.example.org": {"roots": "-----BEGIN CERTIFICATE-----\n…", "url": "https://tsa.example.org/"}}

`roots` holds the authority's root certificate and, should its answers not carry them, those between. A certificate
needs to be good at the time of the stamp only, so an old stamp stays good when it expires. An authority is never taken
out while stamps of it are kept: without its root they cannot be checked.

Nothing waits for an authority: a checkpoint is signed and kept before one is asked, outside any transaction.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from threading import Thread
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec
import rfc3161_client
from cryptography.x509 import Certificate, ObjectIdentifier, load_pem_x509_certificates

from ledger.files import write_durably
from ledger.home import Home, OpenBook
from ledger.log.note import split_note
from ledger.store import read
from ledger.store.append import keep_timestamp
from ledger.store.engine import StoreUnavailable, reading, writing
from ledger.vault.seal import RandomBytes

MAX_TOKEN_BYTES = 65_536
SECONDS = 20.0
"""How long one authority may take, from looking up its name to its last byte."""

_SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
# TimeStampReq ::= SEQUENCE { version 1, messageImprint { sha256, NULL, 32 bytes }, nonce 8 bytes, certReq TRUE }
_REQUEST = bytes.fromhex("3043020101 3031300d060960864801650304020105000420")
_NONCE, _CERTIFICATES = bytes.fromhex("0208"), bytes.fromhex("0101ff")

TimestampReason = Literal[
    "malformed",  # no TimeStampResp
    "too_large",
    "not_granted",  # the authority says no, or waits
    "imprint_differs",  # a stamp of something else
    "nonce_differs",  # an answer to another question
    "not_trusted",  # the signature does not hold, or leads to none of the roots by certificates for timestamping
    "authority_unknown",
]


class TimestampInvalid(ValueError):
    """Not a timestamp of this checkpoint by an authority that is trusted. `reason` is stable."""

    def __init__(self, reason: TimestampReason, message: str = "") -> None:
        self.reason: TimestampReason = reason
        super().__init__(f"{reason}: {message}" if message else reason)


class TimestampUnavailable(Exception):
    """No answer came."""


class AuthorityRefused(ValueError):
    """An authority cannot be added as asked."""


class Timestamper(Protocol):
    """Somebody who stamps."""

    @property
    def name(self) -> str: ...
    def stamp(self, note_text: bytes) -> bytes:
        """A DER TimeStampResp for the text. Raises TimestampUnavailable or TimestampInvalid."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority as it is configured."""

    name: str
    url: str
    roots: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class Stamped:
    """What came of asking one authority: an instant, or why there is none."""

    authority: str
    size: int
    at: datetime | None
    failure: TimestampInvalid | TimestampUnavailable | None = None


class HttpTimestamper:
    """An authority asked over HTTP (RFC 3161 section 3.4). Randomness is handed in, for the nonce."""

    def __init__(self, url: str, name: str, random_bytes: RandomBytes, *, seconds: float = SECONDS) -> None:
        self.name = name
        self._url = url
        self._random = random_bytes
        self._seconds = seconds

    def stamp(self, note_text: bytes) -> bytes:
        # The first bit is 0 and the second 1, so that the number is positive and always eight bytes long.
        drawn = self._random(8)
        nonce = bytes([drawn[0] & 0x3F | 0x40]) + drawn[1:]
        token = self._within(_REQUEST + sha256(note_text).digest() + _NONCE + nonce + _CERTIFICATES)
        if _opened(token).tst_info.nonce != int.from_bytes(nonce, "big"):
            raise TimestampInvalid("nonce_differs", "an answer to another question")
        return token

    def _within(self, request: bytes) -> bytes:
        """The answer, or TimestampUnavailable once the time is over.

        A timeout of a socket begins anew with every byte, so a server that drips could hold its caller for days.
        """
        answers: list[bytes | Exception] = []

        def ask() -> None:
            try:
                answers.append(self._post(request))
            except Exception as error:
                answers.append(error)

        thread = Thread(target=ask, name=f"timestamp {self.name}", daemon=True)
        thread.start()
        thread.join(self._seconds)
        match answers:
            case [bytes(token)]:
                return token
            case [OSError() | http.client.HTTPException() | ValueError() as error]:
                raise TimestampUnavailable(str(error)[:200]) from error
            case [Exception() as error]:
                raise error
        raise TimestampUnavailable(f"no answer within {self._seconds:g} s")

    def _post(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        asked = urllib.request.Request(self._url, request, headers, method="POST")
        try:
            with urllib.request.build_opener(_NoRedirect).open(asked, timeout=self._seconds) as answer:
                return bytes(answer.read(MAX_TOKEN_BYTES + 1))
        except urllib.error.HTTPError as error:
            error.close()
            raise


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An authority is where the operator says; nobody may send the question on."""

    def redirect_request(self, *_: object) -> None:
        return None


def check_timestamp(token: bytes, text: bytes, roots: tuple[Certificate, ...]) -> datetime:
    """When the authority says that it saw `text`, the signed text of a checkpoint. Raises TimestampInvalid.

    1. The token is a TimeStampResp that grants a stamp.
    2. The stamp is of the SHA-256 of the text.
    3. Its signature holds, by a certificate for timestamping alone that leads to one of the roots and was good then.
    """
    # 1
    response = _opened(token)
    # 2
    imprint = response.tst_info.message_imprint
    if imprint.hash_algorithm != _SHA256 or imprint.message != sha256(text).digest():
        raise TimestampInvalid("imprint_differs", "a stamp of something else")
    # 3
    try:
        verifier = rfc3161_client.VerifierBuilder(roots=list(roots)).build()
        verifier.verify(response, imprint.message)
        return response.tst_info.gen_time.astimezone(UTC)
    except _OURS:
        raise
    except BaseException as error:  # the library's own errors are many, and a panic of it is no Exception
        raise TimestampInvalid("not_trusted", str(error)[:200]) from None


def check_form(token: bytes) -> None:
    """Whether the token grants a stamp of anything, by anybody. Raises TimestampInvalid."""
    _opened(token)


_OURS = (KeyboardInterrupt, SystemExit, MemoryError)


def _opened(token: bytes) -> rfc3161_client.TimeStampResponse:
    if len(token) > MAX_TOKEN_BYTES:
        raise TimestampInvalid("too_large", f"over {MAX_TOKEN_BYTES} bytes")
    try:
        response = rfc3161_client.decode_timestamp_response(token)
        status = response.status
        if status == 0:
            _ = response.tst_info.message_imprint  # what is inside is read only when it is asked for
            return response
    except _OURS:
        raise
    except BaseException as error:  # as in check_timestamp
        raise TimestampInvalid("malformed", type(error).__name__) from None
    raise TimestampInvalid("not_granted", f"status {status}")


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roots: str
    url: str


def authorities(home: Home, book: str) -> dict[str, Authority]:
    """Those of `keys/<book>/tsa.json`, by name; none without the file. Raises StoreUnavailable."""
    path = home.path / "keys" / book / "tsa.json"
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, _Kept])
        return {name: Authority(name, one.url, _roots(one.roots.encode())) for name, one in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeError, AuthorityRefused) as error:
        raise StoreUnavailable(f"{path.name} cannot be read: {error}") from error


def add_authority(home: Home, book: str, name: str, url: str, root: bytes) -> Authority:
    """Adds an authority, `root` being its certificates in PEM. Raises AuthorityRefused, StoreUnavailable."""
    known = authorities(home, book)
    if name in known:
        raise AuthorityRefused(f"{name} is there already; its root is needed for the stamps it gave")
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise AuthorityRefused("a name has 1 to 100 printable characters")
    if urlsplit(url).scheme not in ("http", "https"):
        raise AuthorityRefused("an http or https address is needed")
    added = Authority(name, url, _roots(root))
    path = home.path / "keys" / book / "tsa.json"
    before = msgspec.json.decode(path.read_bytes(), type=dict[str, _Kept]) if known else {}
    after = {**before, name: _Kept(root.decode("ascii"), url)}
    write_durably(path, msgspec.json.format(msgspec.json.encode(after, order="sorted"), indent=2))
    return added


def _roots(pem: bytes) -> tuple[Certificate, ...]:
    try:
        pem.decode("ascii")
        return tuple(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise AuthorityRefused(f"no certificates in PEM: {error}") from error


def stamp_newest(
    opened: OpenBook, timestamper: Callable[[Authority], Timestamper] | None = None
) -> tuple[Stamped, ...]:
    """Has every authority stamp the newest checkpoint, and keeps the stamps that hold; for once a day, say.

    One that has stamped it already is not asked again. One that fails leaves its stamp missing, and a failure in the
    outcome. Raises StoreUnavailable or CommitUnknown.
    """
    trusted = authorities(opened.home, opened.code)
    with reading(opened.engine) as db:
        note = read.newest_checkpoint(db, opened.code)
        before = {(size, name): token for size, name, token in read.timestamps(db, opened.code)}
    if note is None:
        return ()
    text = split_note(note.encode())[0]
    size = int(text.split("\n")[1])
    make = timestamper or (lambda one: HttpTimestamper(one.url, one.name, opened.random))
    return tuple(_stamp(opened, one, size, text.encode(), before, make) for one in trusted.values())


def _stamp(
    opened: OpenBook,
    authority: Authority,
    size: int,
    text: bytes,
    before: Mapping[tuple[int, str], bytes],
    make: Callable[[Authority], Timestamper],
) -> Stamped:
    try:
        token = before.get((size, authority.name))
        known = token is not None
        if token is None:
            token = make(authority).stamp(text)
        # Checked before it is kept: the first one kept stands for ever.
        at = check_timestamp(token, text, authority.roots)
    except (TimestampInvalid, TimestampUnavailable) as failure:
        return Stamped(authority.name, size, None, failure)
    if not known:
        with writing(opened.engine) as db:
            keep_timestamp(db, opened.code, size, authority.name, token)
    return Stamped(authority.name, size, at)
