"""A report as PDF: a table over as many A4 pages as it takes, from plain texts to bytes, nothing else.

Upright where its columns fit, across where they do not. The head stands on every page; the foot says which book, up to
which record and under which root, and the page of how many. Pure: the same `Printed` gives the same bytes. A character
without a glyph is written as its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from certificates.typeset import (
    BLACK,
    ONE_PAPER,
    QUIET,
    Area,
    Block,
    Columns,
    Element,
    Flow,
    Gap,
    GridRow,
    Sheet,
    Stack,
    Style,
    set_text,
    spelled_out,
)
from ledger.refusals import Reason, Rejected

MAX_ROWS = 5_000
"""Some 200 pages; a longer report is printed by shorter periods, or goes into a spreadsheet."""

_UPRIGHT, _ACROSS = (595.28, 841.89), (841.89, 595.28)
_MARGIN, _FOOT, _SIZE = 36.0, 34.0, 8.2
_LEAST, _MOST = 30.0, 190.0
"""Width of a column, in points."""
_INSET = 2.5
"""Between a rule and the text beside it."""


@dataclass(frozen=True, slots=True)
class PrintedColumn:
    """A column's heading in two languages; figures stand at the right."""

    heading: str
    english: str
    figures: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """What stands on the pages."""

    unit: str
    """Whose report it is."""
    title: str
    english: str
    lines: tuple[str, ...]
    """Below the title: the period."""
    columns: tuple[PrintedColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    signatures: tuple[str, ...]
    foot: str
    made_on: date


def _style(face: str = "regular", size: float = _SIZE) -> Style:
    return Style(face, size, size * 0.75, BLACK, 1.25)


def _widths(printed: Printed) -> tuple[list[float], list[float]]:
    """How wide each column wants to be, its longest text in one line, within bounds; and how narrow it may become: a
    figure is never broken, nor a word of a heading."""
    plain, strong = _style(), _style("strong")
    wanted, least = [], []
    for number, column in enumerate(printed.columns):
        told = [row[number] for row in (*printed.rows, *printed.totals)]
        longest = max((strong.width(text, _SIZE) for text in told), default=0) + 7
        word = max(strong.width(word, _SIZE) for word in f"{column.heading} {column.english}".split()) + 7
        narrow = max(_LEAST, word, longest if column.figures else plain.width("0" * 6, _SIZE))
        least.append(narrow)
        wanted.append(max(narrow, min(_MOST, longest)))
    return wanted, least


def _fitted(wanted: list[float], least: list[float], width: float) -> list[float]:
    """The columns over the whole width; what they want too much is taken from those that can give."""
    over = sum(wanted) - width
    can_give = sum(wanted) - sum(least)
    if over > 0 and can_give > 0:
        part = min(1.0, over / can_give)
        wanted = [each - (each - narrow) * part for each, narrow in zip(wanted, least, strict=True)]
    return [each * width / sum(wanted) for each in wanted]


def _shown(printed: Printed) -> Printed:
    rows = tuple(tuple(map(spelled_out, row)) for row in printed.rows)
    totals = tuple(tuple(map(spelled_out, row)) for row in printed.totals)
    return Printed(
        spelled_out(printed.unit),
        spelled_out(printed.title),
        spelled_out(printed.english),
        tuple(map(spelled_out, printed.lines)),
        printed.columns,
        rows,
        totals,
        tuple(map(spelled_out, printed.notes)),
        printed.signatures,
        spelled_out(printed.foot),
        printed.made_on,
    )


def render_table(printed: Printed) -> bytes:
    """The report as PDF. Raises Rejected(TOO_LARGE)."""
    if len(printed.rows) > MAX_ROWS:
        raise Rejected(Reason.TOO_LARGE, "rows of the report", field="rows", limit=MAX_ROWS)
    with ONE_PAPER:
        printed = _shown(printed)
        wanted, least = _widths(printed)
        size = _UPRIGHT if sum(wanted) <= _UPRIGHT[0] - 2 * _MARGIN else _ACROSS
        width = size[0] - 2 * _MARGIN
        widths = _fitted(wanted, least, width)
        flow = Flow(Area(left=_MARGIN, width=width, top=size[1] - 30, bottom=_FOOT))
        flow.add(set_text(printed.unit, _style("strong", 10), width, lines=2, align=0))
        flow.add(Gap(6))
        flow.add(set_text(printed.title, _style("strong", 14), width, lines=2, role="H1"))
        flow.add(set_text(printed.english, _style("slanted", 9), width, lines=2, lang="en"))
        for below in printed.lines:
            flow.add(set_text(below, _style(size=9), width, lines=2))
        flow.add(Gap(6))
        table = Element("Table")
        head = GridRow(
            [
                (
                    wide,
                    Stack(
                        [
                            set_text(column.heading, _style("strong"), wide - 2 * _INSET, lines=4, align=_side(column)),
                            set_text(
                                column.english,
                                _style("slanted", 6.4),
                                wide - 2 * _INSET,
                                lines=4,
                                align=_side(column),
                                lang="en",
                            ),
                        ]
                    ),
                )
                for wide, column in zip(widths, printed.columns, strict=True)
            ],
            table,
            head=True,
            inset=_INSET,
            rule=0.4,
        )

        def line(texts: Sequence[str], face: str) -> GridRow:
            return GridRow(
                [
                    (wide, _set(text, _style(face), wide - 2 * _INSET, column))
                    for wide, text, column in zip(widths, texts, printed.columns, strict=True)
                ],
                table,
                inset=_INSET,
                rule=0.4,
            )

        rows = [line(row, "regular") for row in printed.rows] + [line(row, "strong") for row in printed.totals]
        if not rows:
            rows = [line(["không có — none", *[""] * (len(widths) - 1)], "slanted")]
        flow.table(head, rows)
        flow.add(Gap(4))
        for note in printed.notes:
            flow.add(set_text(f"Ghi chú: {note}", _style("slanted", 8), width, lines=4, align=0))
        if printed.signatures:
            flow.add(Stack([Gap(10), _signed(printed.signatures, width), Gap(60)]))
        sheet = Sheet(size, printed.title, printed.made_on)
        fine = Style("regular", 6.6, 5.0, QUIET)
        for number, page in enumerate(flow.pages, start=1):
            if number > 1:
                sheet.next_page()
            for draw in page:
                draw(sheet)
            foot = f"{printed.foot} · Trang {number}/{len(flow.pages)}"
            set_text(foot, fine, width, lines=2, align=0).draw(sheet, _MARGIN, _FOOT - 8, width)
        return sheet.finish()


def _set(text: str, style: Style, width: float, column: PrintedColumn) -> Block:
    return set_text(text, style, width, lines=1 if column.figures else 3, align=_side(column))


def _side(column: PrintedColumn) -> int:
    return 1 if column.figures else 0


def _signed(names: Sequence[str], width: float) -> Block:
    wide = (width - 6 * (len(names) - 1)) / len(names)
    cells = [
        (
            wide,
            Stack(
                [
                    set_text(name, _style("strong", 9), wide, lines=2),
                    set_text("(Ký, họ tên)", _style("slanted", 8), wide),
                ]
            ),
        )
        for name in names
    ]
    return Columns(cells, gutter=6)
