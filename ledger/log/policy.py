"""Policies: whose signatures make a checkpoint good: the log's, and those of enough witnesses.

C2SP tlog-policy (https://c2sp.org/tlog-policy): a text file, one statement a line, its items parted by spaces
or tabs; empty lines and lines that start with `#` say nothing:

    log <vkey> [<url>]                        a log and where it is; the key's name is its origin
    witness <name> <vkey> [<url>]             a witness and where it takes checkpoints (witness.py)
    group <name> <n|any|all> <member>...      has witnessed when n of its members have
    quorum <name|none>                        who must have witnessed; exactly one such line

    log sovang.example.org+3ba5e2f9+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx https://sovang.example.org/log/
    witness press  press.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN https://w.press.example.org
    witness school school.example.org+...
    witness ngo    ngo.example.org+...
    group two-of-three 2 press school ngo
    quorum two-of-three

Names of witnesses and groups mean nothing outside the file, share one space, and are not `none`. A group and
the quorum name what stands above them; each name is a member once at most. One public key is one witness (and
one log): a second line with it, under whatever name, is refused. So one voice is never counted twice. Several
keys of one log, as while it changes its key, are several `log` lines of one origin.

Names and addresses are taken as they are written: no control characters but tab and line end, no Unicode rules.
Limits of this reader: 64 kB; 64 logs, 64 witnesses, 64 groups. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.cosignature import CosignerKey, cosigned_at
from ledger.log.note import NoteRejected, Verifier, VerifierKey

MAX_POLICY_BYTES = 65_536
MOST = 64
"""Logs, witnesses and groups of one policy, each."""
NONE = "none"

_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

PolicyReason = Literal[
    "too_large",
    "control_character",
    "keyword",  # a line starts with no word of the format
    "items",  # too few or too many items on a line
    "key",  # not a key, or not one for this use
    "key_twice",  # two logs, or two witnesses, with one public key
    "name_taken",  # two witnesses or groups of one name, or one called `none`
    "name_unknown",  # no witness or group of that name above
    "member_twice",  # a name is a member of groups more than once
    "threshold",  # not any, all, or 1 to the number of members
    "quorum_missing",
    "quorum_twice",
]


class PolicyRejected(ValueError):
    """The text is not a policy. `reason` is stable, the message is for people; `line` counts from 1."""

    def __init__(self, reason: PolicyReason, message: str = "", *, line: int | None = None) -> None:
        self.reason: PolicyReason = reason
        self.detail = message
        self.line = line
        place = "" if line is None else f"line {line}: "
        super().__init__(f"{reason}: {place}{message}" if place or message else reason)


@dataclass(frozen=True)
class PolicyLog:
    """A log whose checkpoints the policy takes; `url` is where its files are, if it is said."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class PolicyWitness:
    """A witness: its name within the policy, its key, and the address it takes checkpoints at, if it is said."""

    name: str
    key: CosignerKey
    url: str | None = None


@dataclass(frozen=True)
class PolicyGroup:
    """A group of witnesses and groups that has witnessed once `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What a policy says of one checkpoint that the log has signed."""

    checkpoint: Checkpoint
    cosigned: dict[str, int]
    """Name of each witness of the policy that cosigned → when, by its own clock (POSIX seconds)."""
    quorum: bool
    """Whether those are enough."""
    newest_at: int | None
    """The latest of those times; None without a cosignature."""
    quorum_at: int | None
    """The time by which the quorum was reached; None while it is not, and where none is asked for."""


@dataclass(frozen=True)
class Policy:
    """A policy as it was read; made by `parse_policy`, which holds the rules."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str

    def log_key(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys of the log of this origin, in the order of the file; none for a log that is not listed."""
        return tuple(log.key for log in self.logs if log.key.name == origin)

    def satisfied_by(self, signed: Iterable[CosignerKey]) -> bool:
        """Whether the witnesses with these keys are enough. Keys the policy does not list count nothing."""
        if self.quorum == NONE:
            return True
        keys = {key.public_key for key in signed}
        witnessed = {witness.name for witness in self.witnesses if witness.key.public_key in keys}
        # Groups name only what stands above them, so one pass in the order of the file sees each settled.
        for group in self.groups:
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed

    def judge(self, note: bytes, log_key: Verifier, *, origin: str | None = None) -> Judged:
        """Read a checkpoint signed by `log_key` and say who of the policy has witnessed it.

        1. The log has signed it, and it is of this origin, by default the key's name (NoteRejected).
        2. A line of a listed witness that is not that witness's rejects the note (NoteRejected).
        3. A cosignature without a time (zero) says nothing about when it was seen, and is not counted.

        Whether the times are too old, or in the future, is for the caller, who has a clock.
        """
        # 1, 2
        checkpoint, opened = open_checkpoint(
            note, log_key, origin=origin, witnesses=[witness.key for witness in self.witnesses]
        )
        # 3
        times: dict[str, int] = {}
        for witness in self.witnesses:
            line = opened.signature_by(witness.key)
            if line is not None and (at := cosigned_at(line.signature)) > 0:
                times[witness.name] = at
        return Judged(
            checkpoint=checkpoint,
            cosigned=times,
            quorum=self._by(times, None),
            newest_at=max(times.values(), default=None),
            quorum_at=next((at for at in sorted(times.values()) if self._by(times, at)), None)
            if self.quorum != NONE
            else None,
        )

    def _by(self, times: dict[str, int], at: int | None) -> bool:
        return self.satisfied_by(
            witness.key
            for witness in self.witnesses
            if witness.name in times and (at is None or times[witness.name] <= at)
        )


def parse_policy(text: str) -> Policy:
    """Read a policy. Raises PolicyRejected."""
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyRejected("too_large", f"{len(text)} characters")
    if found := _FORBIDDEN.search(text):
        raise PolicyRejected("control_character", f"U+{ord(found.group()):04X} at character {found.start()}")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        # Space and tab only: str.split() would also part at the spaces of other scripts.
        items = [item for item in re.split("[ \t]+", line) if item]
        if not items or items[0].startswith("#"):
            continue
        try:
            reader.line(items)
        except PolicyRejected as error:
            raise PolicyRejected(error.reason, error.detail, line=number) from error
    return reader.policy()


class _Reader:
    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._quorum: str | None = None
        self._names: set[str] = set()
        self._members: set[str] = set()

    def line(self, items: list[str]) -> None:
        match items:
            case ["log", vkey, *url] if len(url) <= 1:
                self._log(vkey, *url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._witness(name, vkey, *url)
            case ["group", name, threshold, _, *_]:
                self._group(name, threshold, items[3:])
            case ["quorum", name]:
                self._set_quorum(name)
            case ["log" | "witness" | "group" | "quorum", *_]:
                raise PolicyRejected("items", f"{items[0]} with {len(items) - 1} items")
            case _:
                raise PolicyRejected("keyword", f"{items[0][:40]!a}")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise PolicyRejected("quorum_missing")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _log(self, vkey: str, url: str | None = None) -> None:
        try:
            key = VerifierKey.parse(vkey)
        except NoteRejected as error:
            raise PolicyRejected("key", str(error)) from error
        if any(log.key.public_key == key.public_key for log in self._logs):
            raise PolicyRejected("key_twice", key.name)
        self._logs.append(PolicyLog(key, url))
        _check_number(self._logs)

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        try:
            key = CosignerKey.parse(vkey)
        except NoteRejected as error:
            raise PolicyRejected("key", str(error)) from error
        if any(witness.key.public_key == key.public_key for witness in self._witnesses):
            raise PolicyRejected("key_twice", key.name)
        self._take(name)
        self._witnesses.append(PolicyWitness(name, key, url))
        _check_number(self._witnesses)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self._known(member)
            if member in self._members:
                raise PolicyRejected("member_twice", member[:40])
            self._members.add(member)
        if threshold in ("any", "all"):
            needed = 1 if threshold == "any" else len(members)
        else:
            digits = threshold.isascii() and threshold.isdecimal() and len(threshold) <= 9
            needed = int(threshold) if digits else 0
        if not 1 <= needed <= len(members):
            raise PolicyRejected("threshold", f"{threshold[:40]!a} of {len(members)}")
        self._take(name)
        self._groups.append(PolicyGroup(name, needed, tuple(members)))
        _check_number(self._groups)

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise PolicyRejected("quorum_twice")
        if name != NONE:
            self._known(name)
        self._quorum = name

    def _take(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise PolicyRejected("name_taken", name[:40])
        self._names.add(name)

    def _known(self, name: str) -> None:
        if name not in self._names:
            raise PolicyRejected("name_unknown", name[:40])


def _check_number(of_one_sort: list[PolicyLog] | list[PolicyWitness] | list[PolicyGroup]) -> None:
    if len(of_one_sort) > MOST:
        raise PolicyRejected("too_large", f"more than {MOST}")
