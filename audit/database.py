"""The audit of a database: the log pass over its records, then every stored row against the outcome.

Here it begins (`verify_home`, `verify_folder`, `verify_database`), and here what the signing key remembers is held
against the book. How rows are read: stored.py; how they are compared, which `database=True` asks for: rows.py.

Whatever cannot be read is a finding; StoreUnavailable is raised only when nothing can be said.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit.checks_keys import Signed
from audit.checks_log import parsed_checkpoints
from audit.findings import FindingKind, Findings, Report, States
from audit.rows import RowCheck, check_schema
from audit.saved import Resumed, SavedAudit, read_saved
from audit.sources import SourceUnavailable
from audit.stored import DatabaseSource, StoredRows, unavailable
from audit.verify import (
    ROWS_UNSEEN,
    VAULT_UNSEEN,
    Observe,
    Passed,
    Pinned,
    excuse_young_tail,
    not_excluded,
    report_of,
    run_pass,
)
from ledger.home import Home, OpenBook
from ledger.log.merkle import Reader
from ledger.log.note import VerifierKey
from ledger.log.policy import Policy
from ledger.record import BareRecord, Record
from ledger.signing import FileSigner, SignerRefused, SignerState
from ledger.store import read, tables
from ledger.store.engine import StoreUnavailable
from ledger.timestamps import Authority
from ledger.timestamps import authorities as kept_authorities
from ledger.vault.keys import VaultKeys

OPERATIONAL = (
    "Bảng vận hành (phiên đăng nhập, công việc nền) không thuộc phạm vi chứng minh. — "
    "Changes in operational tables (sessions, jobs): no proof covers them."
)
OLDER_CHECKPOINTS = (
    "Một mốc niêm phong cũ, chữ ký làm chứng hoặc dấu thời gian đã bị xóa khỏi bảng. — "
    "That an older checkpoint, a witness's line or a timestamp was removed from its table."
)
MACS_UNSEEN = (
    "Dòng nào không do chương trình ghi: thiếu khóa ứng dụng để kiểm tra. — "
    "That rows were not written by the program: the application key was not given."
)
SIGNER_UNSEEN = (
    "Sổ đã bị lùi về bản cũ: không có bộ nhớ của khóa ký để so. — "
    "That an older copy was put back: the signing key's memory was not at hand."
)
TIMESTAMPS_UNSEEN = (
    "Dấu thời gian có do cơ quan đáng tin đóng hay không: không có chứng thư gốc để kiểm tra. — "
    "That timestamps are by authorities to be trusted: their roots were not given."
)
SCHEMA_UNSEEN = (
    "Cấu trúc bảng và trigger đã bị sửa: không có quyền dựng bản mẫu để so. — "
    "That tables or triggers were altered: no right to build a schema to compare with."
)
GRANTS = "Quyền truy cập của người dùng cơ sở dữ liệu. — Who may access the database server, and its grants."


@dataclass(frozen=True, slots=True)
class SignerMemory:
    """What the signing key remembers, or why that cannot be read."""

    state: SignerState | None = None
    refused: str | None = None

    @classmethod
    def of(cls, signer: FileSigner | None, db: Connection) -> "SignerMemory":
        """Read while the signer has its turn and `db` takes its snapshot, so that the two are of one moment."""
        if signer is None:
            return cls()
        with ExitStack() as stack:
            # A reader without the right to write there goes without the lock.
            with suppress(OSError):
                stack.enter_context(signer.turn())
            with suppress(SQLAlchemyError):
                db.exec_driver_sql("SELECT max(size) FROM heads").all()
            try:
                return cls(signer.state())
            except SignerRefused as refused:
                return cls(None, str(refused))


def verify_home(
    open_book: OpenBook,
    *,
    database: bool = False,
    saved: bytes | None = None,
    vkey: VerifierKey | None = None,
    signer: bool = True,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
) -> Report:
    """Audits one book of a home. `vkey` is the pinned key, by default the one that lies beside the private key;
    `saved` a checkpoint kept from before; `signer=False` leaves out what the signing key remembers; `policy`, `state`,
    `keep_state` and `complete` as in `verify_tiles`.

    Raises StoreUnavailable when the database cannot be opened, SignerRefused when there is no key to pin.
    """
    return verify_database(
        open_book.engine,
        open_book.code,
        open_book.vkey if vkey is None else vkey,
        vault=open_book.keys,
        authorities=kept_authorities(open_book.home, open_book.code),
        signer=open_book.signer if signer else None,
        database=database,
        saved=saved,
        policy=policy,
        max_age_seconds=max_age_seconds,
        state=state,
        keep_state=keep_state,
        complete=complete,
        at=open_book.clock(),
    )


def verify_folder(
    home: Home,
    code: str,
    *,
    database: bool = True,
    saved: bytes | None = None,
    vkey: VerifierKey | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
) -> Report:
    """The same for a home whose database may be too damaged to be opened as a book: only its keys are trusted."""
    signer = home.signer(code)
    engine = home.unchecked_engine()
    try:
        return verify_database(
            engine,
            code,
            signer.verifier if vkey is None else vkey,
            vault=home.vault_keys(),
            authorities=kept_authorities(home, code),
            signer=signer,
            database=database,
            saved=saved,
            policy=policy,
            max_age_seconds=max_age_seconds,
            state=state,
            keep_state=keep_state,
            complete=complete,
            observe=observe,
            at=datetime.now(UTC),
        )
    finally:
        engine.dispose()


def verify_database(
    engine: Engine,
    book: str,
    vkey: VerifierKey,
    *,
    vault: VaultKeys | None = None,
    authorities: Mapping[str, Authority] | None = None,
    signer: FileSigner | None = None,
    database: bool = True,
    origin: str | None = None,
    saved: bytes | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
    at: datetime | None = None,
) -> Report:
    """Audits one book in a database with the keys given; only the public one is needed.

    `at` is the present, for judging how long a tail has waited. Raises StoreUnavailable, StateRejected.
    """
    try:
        with _snapshot(engine) as db:
            return verify_connection(
                db,
                book,
                vkey,
                vault=vault,
                authorities=authorities,
                memory=SignerMemory.of(signer, db),
                database=database,
                origin=origin,
                saved=saved,
                policy=policy,
                max_age_seconds=max_age_seconds,
                state=state,
                keep_state=keep_state,
                complete=complete,
                observe=observe,
                at=at,
            )
    except (DBAPIError, UnicodeError) as error:
        # UnicodeError: SQLite's own message may quote the damage, in bytes that are no text.
        if isinstance(error, DBAPIError) and unavailable(error):
            raise StoreUnavailable(str(error.orig)) from error
        # Not even a transaction can be begun: a header or schema that SQLite refuses to read.
        found = Findings()
        said = str(error.orig) if isinstance(error, DBAPIError) else "it cannot say what is damaged"
        found.add(FindingKind.DATABASE_DAMAGED, said)
        return Report(0, "", found.sorted(), (), States(), 0.0, origin or vkey.name)


def verify_connection(
    db: Connection,
    book: str,
    vkey: VerifierKey,
    *,
    vault: VaultKeys | None = None,
    authorities: Mapping[str, Authority] | None = None,
    memory: SignerMemory | None = None,
    database: bool = True,
    origin: str | None = None,
    saved: bytes | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
    at: datetime | None = None,
) -> Report:
    """`verify_database` on an open connection, which should be in a transaction that sees one snapshot.

    The comparison of stored rows is always of all of them: with `database` a saved `state` spares no reading, and
    is held against the records like any saved checkpoint.
    """
    started = time.perf_counter()
    found = Findings()
    pinned = Pinned(vkey, vkey.name if origin is None else origin, saved, policy, max_age_seconds, at)
    reader = StoredRows(db, book, found)
    rows = RowCheck(reader, book, vault, found) if database else None
    source = DatabaseSource(reader, None if rows is None else rows.coming, pinned.origin, found, authorities)
    remembered = None if memory is None else memory.state
    kept = [] if remembered is None else [Signed(remembered.size, remembered.root, "the signer's memory")]
    earlier = None if state is None else read_saved(state, origin=pinned.origin)
    if earlier is not None and rows is not None:
        kept += parsed_saved(earlier.audit, found)
        earlier = None
    watchers = [watch for watch in (None if rows is None else rows.observe, observe) if watch is not None]

    def watch(index: int, body: bytes, leaf: bytes, record: Record | BareRecord | None) -> None:
        for watcher in watchers:
            watcher(index, body, leaf, record)

    passed = run_pass(
        source.records(0 if earlier is None else earlier.audit.size),
        parsed_checkpoints(
            source.checkpoints(0 if earlier is None else earlier.audit.witnessed_size),
            found,
            origin=pinned.origin,
            table="checkpoints",
        ),
        source.body,
        pinned,
        found,
        kept=kept,
        book=book,
        table="records",
        observe=watch if watchers else None,
        on_level=None if rows is None else rows.level,
        resumed=None if earlier is None else Resumed(earlier, _proving(db, book)),
        keep_state=keep_state,
        complete=complete,
    )
    if passed.size == 0:
        found.add(FindingKind.RECORD_MISSING, "there are no records", index=0, table="records")
    if at is not None:
        excuse_young_tail(passed, at, found)
    if memory is not None:
        _signer(memory, passed, pinned, found)
    cannot = not_excluded(passed, pinned, resumed=earlier is not None)
    if remembered is None:
        cannot.append(SIGNER_UNSEEN)
    if authorities is None and source.timestamped:
        cannot.append(TIMESTAMPS_UNSEEN)
    if rows is None:
        cannot += [ROWS_UNSEEN, VAULT_UNSEEN]
    else:
        rows.finish(passed)
        if not check_schema(reader, found):
            cannot.append(SCHEMA_UNSEEN)
        cannot += [MACS_UNSEEN, VAULT_UNSEEN] if vault is None else []
        cannot += [OPERATIONAL, OLDER_CHECKPOINTS, GRANTS]
    read_tables = tables.CLASSES if database else ("records", "checkpoints", "cosignatures")
    classes = {name: str(tables.CLASSES[name]) for name in read_tables}
    return report_of(passed, pinned, found, cannot, started, classes)


def parsed_saved(saved: SavedAudit, found: Findings) -> list[Signed]:
    """The checkpoint that a saved audit stands at."""
    notes = [(None, saved.checkpoint.encode(), "")]
    return [
        Signed(signed.size, signed.root, "the saved audit", signed.note)
        for signed in parsed_checkpoints(notes, found, origin=saved.origin)
    ]


def _proving(db: Connection, book: str) -> Reader:
    """Hashes from the stored subtrees, to prove older records with; nothing else is believed of them."""
    stored = read.tree_reader(db, book)

    def hash_of(level: int, index: int) -> bytes:
        try:
            return stored(level, index)
        except LookupError as error:
            raise SourceUnavailable(
                f"older records cannot be proven ({error}); audit without the saved state, or with --database"
            ) from error

    return hash_of


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    sqlite = engine.dialect.name == "sqlite"
    options = {} if sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as db:
        db.begin()
        yield db
        db.rollback()


def _signer(memory: SignerMemory, passed: Passed, pinned: Pinned, found: Findings) -> None:
    """What the signing key remembers, beside the checkpoints that are kept; its root was compared in the pass."""
    if memory.refused is not None:
        found.add(FindingKind.SIGNER_UNREADABLE, memory.refused)
    state = memory.state
    if state is None:
        return
    if state.origin != pinned.origin:
        found.add(FindingKind.FORKED, "the signer's memory is of another origin")
    kept = passed.log.largest
    if state.size > kept:
        detail = f"the key has signed {state.size} records, the newest checkpoint kept is of {kept}"
        found.add(FindingKind.CHECKPOINT_MISSING, detail, index=state.size, table="checkpoints", key=str(state.size))
    elif state.size < kept:
        detail = f"a checkpoint of {kept} records is kept, the key remembers {state.size}"
        found.add(FindingKind.SIGNER_BEHIND, detail, index=kept)
