"""What the registers leave open after the last record: matters that wait for somebody, each named with its record.

Pure. Every audit looks through the registers named in `REGISTERS`; one that resumes a saved audit loads just these.
"""

from collections.abc import Callable
from typing import Any

from audit.findings import FindingKind, Findings
from ledger.entries.restrictions import TALLY, over_cap
from ledger.entries.vouchers import gaps
from ledger.registers import Key, decode_value
from ledger.replay import State

Row = dict[str, Any]


def check_open(state: State, found: Findings) -> None:
    """Adds a finding for everything that waits."""
    waiting = [(key, value) for key, value in state.registers.items() if key.register in REGISTERS and value]
    for (register, key), value in sorted(waiting):
        REGISTERS[register](state, key, decode_value(value), found)


def _cap(state: State, key: str, row: Row, found: Findings) -> None:
    fund, _, unit = key.rpartition("/")
    opened = state.register_of(Key("fund", fund))
    over = 0 if opened is None else over_cap(decode_value(opened), row)
    if over > 0:
        found.add(FindingKind.ADMIN_CAP_EXCEEDED, f"{over} {unit}", account=f"costs:{fund}")


def _proposal(state: State, key: str, row: Row, found: Findings) -> None:
    if not row["settled"]:
        found.add(FindingKind.PROPOSAL_OPEN, index=int(key))


def _split(state: State, key: str, row: Row, found: Findings) -> None:
    records = ", ".join(str(index) for index in row["records"])
    found.add(FindingKind.SPLIT_UNDER_THRESHOLD, f"records {records} pass {row['above']} {row['unit']}", index=int(key))


def _cash(state: State, key: str, row: Row, found: Findings) -> None:
    differs = row["counted"] - row["book"]
    left = abs(differs) - row.get("booked", 0)
    if left:
        detail = f"{left if differs > 0 else -left} {row['unit']}"
        found.add(FindingKind.COUNT_DIFFERS, detail, index=row["index"], account=key)


def _stock(state: State, key: str, row: Row, found: Findings) -> None:
    if row["difference"]:
        place, _, what = key.partition("/")
        found.add(FindingKind.COUNT_DIFFERS, f"{row['difference']} {what}", index=row["index"], account=place)


def _numbers(state: State, key: str, row: Row, found: Findings) -> None:
    missing = gaps(row["ranges"])
    if missing:
        shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in missing)
        found.add(FindingKind.VOUCHERS_MISSING, shown, key=key)


REGISTERS: dict[str, Callable[[State, str, Row, Findings], None]] = {
    TALLY: _cap,
    "count": _stock,
    "counted": _cash,
    "proposal": _proposal,
    "split": _split,
    "voucher-typed": _numbers,
}
