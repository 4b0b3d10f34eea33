"""What every command shares: its home, book and actor, how it answers, and how it fails.

A command is a function whose first parameter is a `Session`; `command` gives it the five options of the
contract (`--home --book --as --json --passphrase-fd`) and turns its `Answer` into a table or one JSON document.
Exit codes: 0 done and whole, 1 findings or refused, 2 misuse, 3 could not tell.
"""

import functools
import getpass
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.refusals import Reason, Rejected

if TYPE_CHECKING:  # the database is loaded by the commands that use it: help must come at once
    from ledger.home import Home, OpenBook

DONE, FINDINGS, MISUSE, UNKNOWN = 0, 1, 2, 3
SHORT, WIDE = 12, 1000  # characters of a cell, of a line


class Misuse(Exception):
    """The command's words are off; exit 2."""


class HomeMissing(Exception):
    """There is no folder where the home should be; exit 3."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says: one JSON document, and the same for people."""

    document: dict[str, Any]
    lines: Sequence[str] = ()
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
    code: int = DONE
    aside: Sequence[str] = ()
    """For people, on stderr: what must not end up in the file that standard output is sent to."""


@dataclass
class Session:
    """One run of a command."""

    home_path: Path
    book_code: str | None
    actor: str
    as_json: bool
    passphrase_fd: int | None = None
    _opened: "OpenBook | None" = field(default=None)

    @functools.cached_property
    def home(self) -> "Home":
        """The home named by `--home`, with the database of SOVANG_DATABASE_URL if that is set."""
        from ledger.home import Home

        url = os.environ.get("SOVANG_DATABASE_URL") or None
        return Home(self.home_path, database_url=url, passphrase=lambda: self.passphrase)

    @functools.cached_property
    def passphrase(self) -> str | None:
        """The key's passphrase: from `--passphrase-fd`, or asked for at a terminal; None where neither is there."""
        if self.passphrase_fd is not None:
            return read_passphrase(self.passphrase_fd)
        if not sys.stdin.isatty():
            return None
        return getpass.getpass("Mật khẩu của khóa ký — passphrase of the signing key: ") or None

    def new_passphrase(self, descriptor: int | None) -> str:
        """A passphrase to seal with: from a descriptor, or asked for twice at a terminal. Raises Misuse."""
        if descriptor is not None:
            return read_passphrase(descriptor)
        if not sys.stdin.isatty():
            raise Misuse("không có ai để hỏi mật khẩu — nobody to ask for a passphrase: give a file descriptor")
        said = getpass.getpass("Mật khẩu mới — new passphrase: ")
        if not said:
            raise Misuse(EMPTY_PASSPHRASE)
        if said != getpass.getpass("Gõ lại — again: "):
            raise Misuse("hai lần gõ khác nhau — the two are not the same")
        return said

    @property
    def opened(self) -> "OpenBook":
        """The book named by `--book`, or the only one."""
        if self._opened is None:
            self.need_home()
            self._opened = self.home.open_book(self.book_code)
        return self._opened

    def need_home(self) -> None:
        """Raises HomeMissing."""
        if not self.home_path.is_dir():
            raise HomeMissing(str(self.home_path))

    def book_kept(self) -> str:
        """The book named by `--book`, or the only one that has keys here: a damaged database is not asked."""
        self.need_home()
        codes = self.home.kept_keys()
        if self.book_code is None and len(codes) == 1:
            return codes[0]
        if self.book_code not in codes:
            raise Rejected(Reason.BOOK_NOT_OPEN, field="book", books=", ".join(codes) or "none")
        return self.book_code

    def signed(self, answer: "Answer") -> "Answer":
        """The answer of a command that recorded something, once a checkpoint covers it.

        A signer that refuses or fails takes nothing back: the answer stands, says so, and ends with exit code 1,
        or 3 when it could not be told.
        """
        from ledger.signing import SignerRefused
        from ledger.store.engine import CommitUnknown, StoreUnavailable

        try:
            self.opened.checkpointer.run()
        except (SignerRefused, StoreUnavailable, CommitUnknown, OSError) as error:
            why = _detail(error)
            warning = f"Đã ghi nhưng chưa ký được — recorded, but not signed: {why}"
            return replace(
                answer,
                lines=(*answer.lines, warning),
                document={**answer.document, "unsigned": why},
                code=FINDINGS if isinstance(error, SignerRefused) else UNKNOWN,
            )
        return answer

    def write(self, path: Path, data: bytes, *, private: bool = False) -> None:
        """Writes what a command was asked for, over an older one; never over a file of the home (Misuse)."""
        from ledger.files import write_durably

        if path.exists() and path.resolve().is_relative_to(self.home_path.resolve()):
            raise Misuse(f"là tệp của sổ, không ghi đè — a file of the home is not written over: {path}")
        write_durably(path, data, private=private)

    @property
    def today(self) -> date:
        """Today in the book's own zone."""
        from ledger.days import day_of, to_instant

        return day_of(to_instant(self.opened.clock()), self.opened.opened.zone)


EMPTY_PASSPHRASE = "mật khẩu trống — the passphrase is empty"
MAX_PASSPHRASE_BYTES = 1024


def read_passphrase(descriptor: int) -> str:
    """The first line of an open file descriptor; what follows it is left there. Raises Misuse."""
    said = bytearray()
    try:
        while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            said += byte
            if len(said) > MAX_PASSPHRASE_BYTES:
                raise Misuse("mật khẩu quá dài — the passphrase is too long")
        passphrase = said.decode()
    except (OSError, OverflowError) as error:
        raise Misuse(f"không đọc được mật khẩu — descriptor {descriptor} cannot be read") from error
    except UnicodeDecodeError as error:
        raise Misuse("mật khẩu không phải UTF-8 — the passphrase is not UTF-8") from error
    if not passphrase:
        raise Misuse(EMPTY_PASSPHRASE)
    return passphrase


def _default_actor() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:40]
    return cleaned if re.match("[A-Za-z0-9]", cleaned) else "operator"


_OPTIONS = {
    "home": Annotated[
        Path, typer.Option("--home", envvar="SOVANG_HOME", help="Thư mục của sổ — the home folder", show_default=True)
    ],
    "book": Annotated[str | None, typer.Option("--book", help="Mã sổ — which book, if there are several")],
    "actor": Annotated[str | None, typer.Option("--as", help="Người ghi — who acts")],
    "as_json": Annotated[bool, typer.Option("--json", help="Trả lời bằng một tài liệu JSON — answer in JSON")],
    "passphrase_fd": Annotated[
        int | None,
        typer.Option("--passphrase-fd", help="Đọc mật khẩu khóa ký từ đây — descriptor with the key's passphrase"),
    ],
}
_DEFAULTS: dict[str, Any] = {
    "home": Path("data"),
    "book": None,
    "actor": None,
    "as_json": False,
    "passphrase_fd": None,
}


def command(app: typer.Typer, name: str | None = None, **settings: Any) -> Callable[[Callable[..., Answer]], Any]:
    """Registers a function `(session, …) -> Answer` as a command of the contract."""

    def register(function: Callable[..., Answer]) -> Any:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        # A command that makes something says in its own words what the shared option would name.
        options = {key: kind for key, kind in _OPTIONS.items() if key not in {p.name for p in own}}

        @functools.wraps(function)
        def run(**given: Any) -> None:
            shared = _DEFAULTS | {key: given.pop(key) for key in options}
            actor = shared["actor"] or _default_actor()
            session = Session(shared["home"], shared["book"], actor, shared["as_json"], shared["passphrase_fd"])
            finish(session, lambda: function(session, **given))

        added = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=_DEFAULTS[key])
            for key, kind in options.items()
        ]
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*keyword, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*keyword, *added)}
        app.command(name, **settings)(run)
        return function

    return register


def finish(session: Session, work: Callable[[], Answer]) -> None:
    """Runs the work, prints the answer or one clear line, and ends with the contract's exit code."""
    try:
        answer = work()
    except Misuse as error:
        code, reason, message = MISUSE, "MISUSE", str(error)
    except Rejected as error:
        from api.words import say

        code, reason, message = FINDINGS, str(error.reason), say(error)
    except Exception as error:
        from api.words import failure

        code, reason = _kind_of(error)
        message = failure(reason, _detail(error) if reason != "UNEXPECTED" else f"{type(error).__name__}: {error}")
    else:
        show(session, answer)
        raise typer.Exit(answer.code)
    fail(reason, message, as_json=session.as_json)
    raise typer.Exit(code)


def _kind_of(error: Exception) -> tuple[int, str]:
    """Exit code and reason of what is not a refusal. What we did not foresee is «could not tell», never a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    from api.serve import ServeRefused
    from audit.checks_bundle import BundleFalse
    from audit.fork import NoFork
    from audit.queries import QueryFailed
    from audit.saved import StateRejected
    from audit.sources import SourceUnavailable
    from audit.witness import StoreFailed
    from certificates.check import PaperFalse
    from ledger.log.merkle import ProofFailed
    from ledger.log.note import NoteRejected
    from ledger.log.policy import PolicyRejected
    from ledger.log.tiles import TileRejected
    from ledger.record import RecordMalformed
    from ledger.restore import RestoreRefused
    from ledger.signing import SignerRefused
    from ledger.store.engine import CommitUnknown, StoreUnavailable
    from ledger.store.schema import SchemaOld
    from ledger.timestamps import AuthorityRefused
    from ledger.vault.seal import VaultDamaged

    named: list[tuple[type[Exception], int, str]] = [
        (SignerRefused, FINDINGS, "SIGNER_REFUSED"),
        (RestoreRefused, FINDINGS, "RESTORE_REFUSED"),
        (PaperFalse, FINDINGS, "PAPER_FALSE"),
        (ProofFailed, FINDINGS, "PROOF_FAILED"),
        (NoteRejected, FINDINGS, "NOTE_REJECTED"),
        (NoFork, FINDINGS, "NO_FORK"),
        (BundleFalse, FINDINGS, "BUNDLE_FALSE"),
        (StateRejected, UNKNOWN, "STATE_REJECTED"),
        (PolicyRejected, MISUSE, "POLICY_REJECTED"),
        (TileRejected, FINDINGS, "TILE_REJECTED"),
        (RecordMalformed, FINDINGS, "RECORD_MALFORMED"),
        (VaultDamaged, FINDINGS, "VAULT_DAMAGED"),
        (QueryFailed, FINDINGS, "QUERY_FAILED"),
        (HomeMissing, UNKNOWN, "HOME_MISSING"),
        (SourceUnavailable, UNKNOWN, "SOURCE_UNAVAILABLE"),
        (StoreFailed, UNKNOWN, "WITNESS_UNFIT"),
        (CommitUnknown, UNKNOWN, "COMMIT_UNKNOWN"),
        (AuthorityRefused, MISUSE, "AUTHORITY_REFUSED"),
        (ServeRefused, MISUSE, "SERVE_REFUSED"),
        (StoreUnavailable, UNKNOWN, "STORE_UNAVAILABLE"),
        (SchemaOld, UNKNOWN, "SCHEMA_OLD"),
        (SQLAlchemyError, UNKNOWN, "STORE_UNAVAILABLE"),
        (OSError, UNKNOWN, "FILE_UNREADABLE"),
    ]
    for kind, code, reason in named:
        if isinstance(error, kind):
            return code, reason
    if os.environ.get("SOVANG_DEBUG"):
        raise error
    return UNKNOWN, "UNEXPECTED"


def _detail(error: Exception) -> str:
    """What a library had to say, without its numbers and without the statements it quotes."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return re.sub(r"\[Errno -?[0-9]+\] ", "", str(getattr(error, "orig", None) or error))


def fail(reason: str, message: str, *, as_json: bool) -> None:
    """One line on stderr, and with --json the same as a document on stdout."""
    message = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    line = message if reason in message else f"{reason}: {message}"
    print(f"sovang: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps({"ok": False, "reason": reason, "message": message}, ensure_ascii=False))


def show(session: Session, answer: Answer) -> None:
    """Prints an answer."""
    if session.as_json:
        print(json.dumps(answer.document, ensure_ascii=False, default=str))
        return
    for line in answer.lines:
        print(line)
    for line in answer.aside:
        print(line, file=sys.stderr)
    if answer.table is not None:
        from rich.console import Console
        from rich.table import Table

        heads, rows = answer.table
        table = Table(show_edge=False, pad_edge=False)
        for number, head in enumerate(heads):
            # What is copied (the first column) and what is short stays in one piece; long text folds.
            whole = number == 0 or all(len(row[number]) <= SHORT for row in rows)
            table.add_column(head, overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*row)
        # Into a file or a pipe nothing folds.
        console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
        console.print(table)
