"""What is due as a calendar file (iCalendar, RFC 5545): all-day events that a phone or an office calendar reads.

The UID of a thing stays the same from one export to the next, so that an event is replaced and never doubled.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from audit.reports.deadlines import Due

OCTETS = 75
"""RFC 5545 section 3.1: the longest line, without its end."""


def calendar(dues: Iterable[Due], *, origin: str, name: str, stamp: datetime) -> bytes:
    """The file. `origin` is the book's, `stamp` the instant of the export (DTSTAMP)."""
    stamped = stamp.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//So Vang//sovang deadlines//VI",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text(name)}",
    ]
    for due in dues:
        lines += _event(due, origin, stamped)
    lines.append("END:VCALENDAR")
    return b"".join(folded for line in lines for folded in _folded(line))


def uid(due: Due, origin: str) -> str:
    """The same thing of the same book has the same UID for ever (a name-based UUID, RFC 9562)."""
    return str(uuid5(NAMESPACE_URL, f"{origin}/{due.sort}/{due.code}/{due.period}"))


def _event(due: Due, origin: str, stamped: str) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{uid(due, origin)}"
    yield f"DTSTAMP:{stamped}"
    yield f"DTSTART;VALUE=DATE:{due.due_on:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{due.due_on + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_text(due.vi)}"
    told = [due.en]
    if due.source is not None:
        told.append(due.source if due.verified else f"{due.source} (chưa kiểm chứng — not verified)")
    if due.record is not None:
        told.append(f"bản ghi / record {due.record}")
    yield "DESCRIPTION:" + _text("\n".join(told))
    yield f"CATEGORIES:{due.sort.upper()}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _text(text: str) -> str:
    """RFC 5545 section 3.3.11."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[bytes]:
    """The line with its end, in pieces of at most 75 octets; a character is never cut in two."""
    piece = b""
    for character in line:
        octets = character.encode()
        if len(piece) + len(octets) > OCTETS:
            yield piece + b"\r\n"
            piece = b" "
        piece += octets
    yield piece + b"\r\n"
