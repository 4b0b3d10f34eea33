"""Asking witnesses: the operator's side of C2SP tlog-witness (https://c2sp.org/tlog-witness).

Who is asked stands in the book itself (`witnesses_set`), so that everybody knows whose word is missing. A
witness is sent the newest checkpoint and the proof that it continues the one that witness saw last; what it
answers is verified before it is kept. Nothing waits for a witness: the checkpoint is signed and kept before
the first is asked, and one that is silent, refuses or has lost its memory only leaves its line missing.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine

from ledger.deadline import Http, Https, within
from ledger.entries.book import WITNESSES
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import cosigned_at
from ledger.log.merkle import prove_consistency
from ledger.log.note import NoteRejected, parse_signature_line
from ledger.log.policy import Policy, PolicyWitness, parse_policy
from ledger.log.witness import AddCheckpoint
from ledger.registers import decode_value
from ledger.store import read
from ledger.store.append import keep_cosignature
from ledger.store.engine import reading, writing

SECONDS = 5.0
MAX_ANSWER_BYTES = 65_536
RENEWED_AFTER = timedelta(hours=1)
"""A witness that has signed the newest checkpoint is asked again after so long, so that a book in which nothing
happens can be told from one that is held back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP."""

    status: int
    body: bytes


class WitnessSilent(Exception):
    """No answer came."""


Send = Callable[[str, bytes], Reply]
"""Posts a body to an address; raises WitnessSilent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How one witness answered, for `/readyz`, the metrics and whoever asked."""

    witness: str
    ok: bool
    detail: str = ""


class CosignedLog(Protocol):
    """What asking needs of a log: its policy, its proofs, and the lines that were kept."""

    def policy(self) -> Policy | None:
        """The policy in force; None when there is none."""

    def prove(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes, 0 < old < new."""

    def line(self, witness: str, size: int) -> tuple[int, str] | None:
        """(size, line) of the largest checkpoint up to `size` that a witness has signed."""

    def keep(self, size: int, witness: str, line: str) -> None:
        """Keeps a line that holds."""


def policy_in_force(db: Connection, book: str) -> Policy | None:
    """The policy that the book's own records name; None when they name none."""
    row = read.registers(db, book, [WITNESSES]).get(WITNESSES)
    lines = [] if row is None else decode_value(row)["policy"]
    return parse_policy("".join(f"{line}\n" for line in lines)) if lines else None


class StoredLog:
    """A book in the database."""

    def __init__(self, engine: Engine, book: str) -> None:
        self._engine = engine
        self._book = book

    def policy(self) -> Policy | None:
        with reading(self._engine) as db:
            return policy_in_force(db, self._book)

    def prove(self, old: int, new: int) -> Sequence[bytes]:
        with reading(self._engine) as db:
            return prove_consistency(old, new, read.tree_reader(db, self._book))

    def line(self, witness: str, size: int) -> tuple[int, str] | None:
        with reading(self._engine) as db:
            return read.cosignature(db, self._book, witness, size)

    def keep(self, size: int, witness: str, line: str) -> None:
        with writing(self._engine) as db:
            keep_cosignature(db, self._book, size, witness, line)


class Witnesses:
    """The witnesses of one log, as it names them itself. Clock and transport are handed in."""

    def __init__(self, log: CosignedLog, clock: Callable[[], datetime], send: Send | None = None) -> None:
        self._log = log
        self._clock = clock
        self._send = send or http_send

    def policy(self) -> Policy | None:
        """The policy that the book names now; None when it names none."""
        return self._log.policy()

    def ask(self, checkpoint: Checkpoint, note: bytes) -> list[Asked]:
        """Asks every witness that has an address to sign the log's own `note`; keeps the lines that hold.

        Raises StoreUnavailable or CommitUnknown; whatever a witness does is in the answer.
        """
        policy = self.policy()
        asked = [] if policy is None else [witness for witness in policy.witnesses if witness.url]
        if not asked or checkpoint.size == 0:
            return []
        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(partial(self._ask, checkpoint, note), asked))

    def _ask(self, checkpoint: Checkpoint, note: bytes, witness: PolicyWitness) -> Asked:
        kept = self._log.line(witness.key.name, checkpoint.size)
        seen = 0 if kept is None else kept[0]
        if kept is not None and seen == checkpoint.size and self._fresh(kept[1]):
            return Asked(witness.name, True)
        try:
            reply = self._add(witness, checkpoint, note, seen)
            if reply.status == 409:
                # The witness says what it saw last: more than we know when its answer was lost, less after it was
                # set back. Larger than the checkpoint, it is this log that was set back.
                said = reply.body.strip()
                seen = int(said) if said.isdigit() and len(said) < 20 else -1
                if not 0 <= seen <= checkpoint.size:
                    return Asked(witness.name, False, f"has seen {said[:20]!a} records, more than {checkpoint.size}")
                reply = self._add(witness, checkpoint, note, seen)
            if reply.status != 200:
                return Asked(witness.name, False, f"answers {reply.status}")
            self._keep(witness, checkpoint, reply.body)
        except WitnessSilent as error:
            return Asked(witness.name, False, f"no answer: {error}")
        except (NoteRejected, UnicodeDecodeError) as error:
            return Asked(witness.name, False, f"the answer is not its signature: {error}")
        return Asked(witness.name, True)

    def _add(self, witness: PolicyWitness, checkpoint: Checkpoint, note: bytes, seen: int) -> Reply:
        proof = self._log.prove(seen, checkpoint.size) if 0 < seen < checkpoint.size else ()
        body = AddCheckpoint(seen, tuple(proof), note).encode()
        return self._send(f"{str(witness.url).rstrip('/')}/add-checkpoint", body)

    def _keep(self, witness: PolicyWitness, checkpoint: Checkpoint, answer: bytes) -> None:
        text = checkpoint.text().encode()
        for line in answer.decode().split("\n")[:-1]:
            signature = parse_signature_line(f"{line}\n")
            if (signature.name, signature.key_hash) == (witness.key.name, witness.key.key_hash):
                witness.key.verify(text, signature.signature)
                self._log.keep(checkpoint.size, witness.key.name, signature.line())
                return
        raise NoteRejected("no_known_signature", f"no line of {witness.key.name}")

    def _fresh(self, line: str) -> bool:
        signature = parse_signature_line(line)
        return self._clock().timestamp() - cosigned_at(signature.signature) < RENEWED_AFTER.total_seconds()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A witness is where the policy says; nobody may send the question on."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.ProxyHandler(),
    Http(),
    Https(),
    _NoRedirect(),
    urllib.request.UnknownHandler(),
):
    _OPENER.add_handler(_handler)


def http_send(url: str, body: bytes, seconds: float = SECONDS) -> Reply:
    """Posts over http or https; `seconds` is the whole time, to the last byte. Raises WitnessSilent."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise WitnessSilent(f"not an http or https address: {url[:200]}")
    request = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream"}, method="POST")
    try:
        with within(seconds), _OPENER.open(request, timeout=seconds) as answer:
            return Reply(answer.status, answer.read(MAX_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError, urllib.error.URLError) as error:
        raise WitnessSilent(str(error)[:200]) from error
