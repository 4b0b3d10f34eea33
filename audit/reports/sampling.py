"""An auditor's sample of the book, drawn by money, that anybody can draw again; and the papers for its records.

**Method.** Monetary unit sampling, systematic with a random start (VSA/ISA 530, appendix 4 d and b; also called
probability proportional to size). The population is put in a row by index, each record as long as its amount. Of the T
đồng in the row, n are drawn: number (u + k·T) // n for k = 0 … n−1. Each đồng has the same chance n/T, so a record has
a chance in proportion to its amount; one of at least T/n is always drawn, and a large one may be hit several times.

**Nobody chose it.** u is SHA-512("sovang sample\\n" ‖ seed ‖ leaf hash of `sample_committed`) as a number, modulo T.
The seed was fixed by its hash before, by the auditor alone; the leaf hash fixes the whole book up to that record and
was not known to the auditor. The population is of the records before it, whatever came after.

**Population.** By booking day; amounts in the unit of the commitment; what a reversal undid within the population is
out, with its reversal.

| population | a record counts with what it moves |
|---|---|
| `received` | from donors and as interest |
| `paid` | out of orders into somebody's hands, as costs, to another organisation, back to donors |
| `used` | to those it is for, and as costs |
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from audit.queries import AnyBook, prove
from audit.reports.source import Source, Told
from ledger.accounts import Posting, root
from ledger.entries.auditing import Population, SampleCommitted
from ledger.entries.base import EntryBase
from ledger.entries.control import Reversed
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

METHOD = "Chọn mẫu theo đơn vị tiền tệ, hệ thống, bắt đầu ngẫu nhiên (VSA 530) — monetary unit sampling (ISA 530)"


@dataclass(frozen=True, slots=True)
class Item:
    """A record of the sample, what it counts with and how often it was hit."""

    index: int
    minor: int
    hits: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample as drawn."""

    code: str
    committed: int
    """Index of `sample_committed`."""
    terms: SampleCommitted
    seed: str
    records: int
    """Records in the population."""
    total_minor: int
    items: tuple[Item, ...]

    def to_json(self) -> dict[str, Any]:
        """As `sovang audit sample --json` says it."""
        return {
            "sample": self.code,
            "committed": self.committed,
            "method": METHOD,
            "population": self.terms.population,
            "from_on": self.terms.from_on.isoformat(),
            "to_on": self.terms.to_on.isoformat(),
            "unit": self.terms.unit,
            "records": self.records,
            "total_minor": self.total_minor,
            "hits": self.terms.hits,
            "seed": self.seed,
            "items": [{"index": one.index, "minor": one.minor, "hits": one.hits} for one in self.items],
        }


def draw_sample(source: Source, code: str) -> Sample:
    """The sample of a code, from the records alone.

    Raises Rejected(NO_SUCH_SAMPLE) when it was never committed to, Rejected(SEED_DIFFERS) while its seed is not shown.
    """
    row = source.register("sample", code)
    if row is None:
        raise Rejected(Reason.NO_SUCH_SAMPLE, field="sample", code=code)
    if "drawn" not in row:
        raise Rejected(Reason.SEED_DIFFERS, "its seed is not shown yet", field="seed")
    told = source.records[row["index"]]
    terms = told.entry
    assert isinstance(terms, SampleCommitted)
    row_of_money = list(population(islice(source.records, told.index), terms))
    total = sum(minor for _, minor in row_of_money)
    items = draw(row_of_money, terms.hits, start(bytes.fromhex(row["seed"]), bytes.fromhex(told.leaf), total))
    return Sample(code, told.index, terms, row["seed"], len(row_of_money), total, tuple(items))


def start(seed: bytes, leaf: bytes, total: int) -> int:
    """The random start u in 0 … total−1; 0 of an empty population."""
    drawn = int.from_bytes(sha512(b"sovang sample\n" + seed + leaf).digest(), "big")
    return drawn % total if total else 0


def draw(row: Sequence[tuple[int, int]], hits: int, u: int) -> Iterator[Item]:
    """The records (index, `minor`) in which the drawn đồng lie."""
    total = sum(minor for _, minor in row)
    begin, next_hit = 0, 0
    for index, minor in row:
        end = begin + minor
        hit = 0
        while next_hit < hits and (u + next_hit * total) // hits < end:
            hit, next_hit = hit + 1, next_hit + 1
        if hit:
            yield Item(index, minor, hit)
        begin = end


def population(records: Iterable[Told], terms: SampleCommitted) -> Iterator[tuple[int, int]]:
    """(index, `minor`) of the records that the terms speak of, by index."""
    kept: dict[int, int] = {}
    undoes: dict[int, int] = {}
    out: set[int] = set()
    for told in records:
        if isinstance(told.entry, Reversed):
            undoes[told.index] = told.entry.reversed
            if told.entry.reversed in undoes:  # the reversal itself was a mistake: the first record holds again
                out.discard(undoes[told.entry.reversed])
            else:
                out.add(told.entry.reversed)
        elif terms.from_on <= told.booked_on <= terms.to_on:
            minor = sum(p.amount.minor for p in told.postings if _counts(p, terms.population, terms.unit))
            if minor:
                kept[told.index] = minor
    yield from ((index, minor) for index, minor in kept.items() if index not in out)


def _counts(posting: Posting, sort: Population, unit: str) -> bool:
    source, destination = root(posting.source), root(posting.destination)
    if posting.amount.unit != unit:
        return False
    if sort == "received":
        return source in ("donors", "interest")
    if destination == "costs":
        return True
    if sort == "used":
        return destination == "used"
    return (source, destination) == ("ordered", "handed") or (
        destination == "donors" or (source, destination) == ("allocated", "used")
    )


def evidence_of(entry: EntryBase | None) -> dict[str, str]:
    """Field → SHA-256 of every paper that an entry names."""
    if entry is None:
        return {}
    said = msgspec.to_builtins(entry)
    return dict(_hashes("", said))


def _hashes(where: str, said: Any) -> Iterator[tuple[str, str]]:
    if isinstance(said, Mapping):
        for name, value in said.items():
            path = f"{where}.{name}" if where else str(name)
            if str(name).endswith("sha256") and isinstance(value, str):
                yield path, value
            else:
                yield from _hashes(path, value)
    elif isinstance(said, list | tuple):
        for number, value in enumerate(said):
            yield from _hashes(f"{where}[{number}]", value)


def evidence_files(folder: Path | None) -> dict[str, Path]:
    """SHA-256 → file, of every file in a folder of scans, whatever it is called."""
    if folder is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.setdefault(sha256(path.read_bytes()).hexdigest(), path)
    return found


def working_papers(
    book: AnyBook, items: Iterable[Item], evidence: Mapping[str, Path], cover: Mapping[str, bytes]
) -> tuple[bytes, list[str]]:
    """A ZIP with one folder a record: its bytes, its proof, the evidence it names; `cover` are the files on top.

    Returns the ZIP and the hashes of evidence that no file was given for. The same book, checkpoint and files give the
    same bytes. Raises Rejected(NOT_CHECKPOINTED).
    """
    missing: list[str] = []
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as papers:
        for name, data in cover.items():
            _put(papers, name, data)
        with reading(book.engine) as db:
            source = Source(db, book.code)
            for item in items:
                folder = f"{item.index:07}"
                body = read.body(db, book.code, item.index)
                assert body is not None
                _put(papers, f"{folder}/record.json", body)
                _put(papers, f"{folder}/{item.index}.tlog-proof", prove(book, item.index))
                for field, digest in evidence_of(source.records[item.index].entry).items():
                    path = evidence.get(digest)
                    if path is None:
                        missing.append(digest)
                    else:
                        # Of a scan's own name only its plain ending is kept: the rest may name somebody.
                        ending = path.suffix.lower()
                        ending = ending if re.fullmatch("[.][a-z0-9]{1,5}", ending) else ""
                        _put(papers, f"{folder}/{field}{ending}", path.read_bytes())
    return packed.getvalue(), sorted(set(missing))


def _put(papers: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    papers.writestr(entry, data)
