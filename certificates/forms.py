"""The accountant's paper as PDF: vouchers, minutes and lists, from plain values to bytes, nothing else.

    phieu-thu      phieu-chi        bien-lai             phieu-nhap-kho  phieu-xuat-kho   giao-nhan  kiem-ke-quy
    doi-chieu-so-du  ban-giao  thanh-toan-tam-ung  danh-sach-ky-nhan  xac-nhan-tai-tro  chung-tu-dieu-chinh

Words, fields, tables and signatures of each form come from `forms.toml` beside this module (made from
../shared/data/voucher_forms.csv); one way of setting them serves all. Pure: the same `Filled` gives the same bytes.

1. What is given stands on the page whole: it wraps, the page is set closer, then it goes on to another page; a
   character without a glyph is refused (GLYPH_MISSING).
2. What is not given is a dotted line to write on. The places of signatures and seal stay empty.
3. A second copy says on every page that it is one. A form that nobody compared with the circular says that too.

What a record puts into a form is in `vouchers`.
"""

import functools
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import resources
from typing import Literal

import msgspec

from certificates.layout import NATION, long_day
from certificates.ornament import Ornament, rule
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
    GlyphMissing,
    GridRow,
    Page,
    Sheet,
    Stack,
    Style,
    missing_glyphs,
    rgb,
    set_text,
)
from ledger.refusals import Reason, Rejected

MAX_ROWS = 2_000
"""Rows that one list may have."""

BLANK_DAY = "ngày …… tháng …… năm ……"
UNVERIFIED = ("Mẫu biểu chưa được kiểm chứng", "form not verified")
UNVERIFIED_ACCOUNTS = ("Số hiệu tài khoản chưa được kiểm chứng", "account numbers not verified")
REPRINT = "BẢN IN LẠI lần {n} — reprint {n}"

Align = Literal["left", "center", "right"]


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of forms.toml; its head says what each field means."""

    name: str
    english: str
    code: str
    source: str
    verified: bool
    paper: Literal["A4", "A5"]
    head: Literal["voucher", "minutes"]
    lines: tuple[str, ...]
    signatures: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, str, float, Align], ...] = ()
    rows: tuple[dict[str, str], ...] = ()
    blank: int = 0
    tall: bool = False
    total: str = ""
    closing: tuple[str, ...] = ()


@functools.cache
def forms() -> dict[str, Form]:
    """Every form by its name, in the order of the file."""
    text = (resources.files("certificates") / "forms.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Form])


def form_named(name: str) -> Form:
    """The form; raises Rejected(NO_SUCH_FORM)."""
    known = forms().get(name)
    if known is None:
        raise Rejected(Reason.NO_SUCH_FORM, field="form", form=name, forms=" ".join(forms()))
    return known


@dataclass(frozen=True, slots=True)
class Account:
    """One line of «Nợ … Có …»: numbers of the regime's chart, and the amount as printed."""

    debit: str
    credit: str
    amount: str
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands on one paper. `values` and the cells of `rows` are named in forms.toml; what is absent is left blank.

    `made_on` is the day of the file, `day` the day on the paper (None: to be written in), `copy` counts from 1.
    """

    form: str
    unit: str
    made_on: date
    values: Mapping[str, str] = field(default_factory=dict)
    day: date | None = None
    number: str = ""
    book: str = ""
    accounts: tuple[Account, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()
    total: Mapping[str, str] = field(default_factory=dict)
    blank_rows: int | None = None
    foot: str = ""
    copy: int = 1


# ------------------------------------------------------------------------------------------- setting

_RED = rgb("A01414")
_SIZES = {"A4": (595.28, 841.89), "A5": (595.28, 419.53)}
_MARGIN, _FOOT = 40.0, 34.0
_SCALES = (1, 0.94, 0.88, 0.82)
"""Tried one after the other while a paper without a table takes more than one page."""
_DOT, _FEWEST_DOTS = ".", 14
_PLACE = re.compile(r"\{([a-z_0-9]+)\}")


def _style(
    size: float, face: str = "regular", colour: tuple[float, float, float] = BLACK, leading: float = 1.3
) -> Style:
    return Style(face, size, size * 0.8, colour, leading)


class _Setter:
    """One paper at one scale."""

    def __init__(self, form: Form, filled: Filled, scale: float) -> None:
        self.form, self.filled, self.scale = form, filled, scale
        self.size = _SIZES[form.paper]
        # The binding edge of a book of vouchers is on the left.
        self.width = self.size[0] - 2 * _MARGIN
        # On paper that is not full the lines leave room for a pen.
        self.body = _style(10.5 * scale, leading=1.3 if form.paper == "A5" else 1.55)

    def pages(self) -> list[Page]:
        top = self.size[1] - (40 if self.filled.copy > 1 else 28)
        flow = Flow(Area(left=_MARGIN, width=self.width, top=top, bottom=_FOOT))
        flow.add(self._voucher_head() if self.form.head == "voucher" else self._minutes_head())
        for line in self.form.lines:
            flow.add(self._line(line))
        last = self._last()
        if self.form.columns:
            flow.add(Gap(4))
            head, rows = self._table()
            # The signatures never stand on a page without a line of what they sign for.
            flow.table(head, rows, last=last)
        else:
            flow.add(Stack(last))
        return flow.pages

    def _line(self, template: str) -> Block:
        return set_text(self._said(template), self.body, self.width, lines=3, align=0)

    def _said(self, template: str) -> str:
        """The line with its values; what is not given becomes dots that fill the line."""
        values = {"unit_name": self.filled.unit, "day": self._day(), **self.filled.values}
        empty = [key for key in _PLACE.findall(template) if not values.get(key)]
        known = _PLACE.sub(lambda found: values.get(found[1]) or "", template)
        if not empty:
            return known
        room = self.width - self.body.width(known, self.body.size) - 2
        dots = max(_FEWEST_DOTS, int(room / self.body.width(_DOT, self.body.size) / len(empty)))
        return _PLACE.sub(lambda found: values.get(found[1]) or _DOT * dots, template)

    def _day(self) -> str:
        return BLANK_DAY if self.filled.day is None else long_day(self.filled.day)

    # ---------------------------------------------------------------------------------------- heads

    def _title(self, width: float) -> list[Block]:
        size = 17 if len(self.form.name) < 20 or self.form.head == "minutes" else 14.5
        return [
            set_text(self.form.name.upper(), Style("strong", size * self.scale, 11, BLACK), width, lines=2, role="H1"),
            set_text(self.form.english, _style(8.5, "slanted", QUIET), width, lang="en"),
        ]

    def _voucher_head(self) -> Block:
        """Unit at the left, form at the right, the title between empty room and the numbers."""
        filled, form = self.filled, self.form
        left, right = self.width * 0.6, self.width * 0.4 - 10
        unit: list[Block] = [
            set_text(f"Đơn vị: {filled.unit}", _style(10, "strong"), left, lines=2, align=0),
            set_text(f"Mã QHNS: {_DOT * 40}", _style(10), left, align=0),
        ]
        side = 128.0
        middle = self.width - 2 * side
        day = self._day()
        title = [*self._title(middle), Gap(2), set_text(day[0].upper() + day[1:], _style(10, "slanted"), middle)]
        numbers = [("Quyển số", filled.book), ("Số", filled.number)]
        lines: list[Block] = [
            set_text(f"{name}: {value or _DOT * 24}", _style(9.5), side, lines=2, align=0) for name, value in numbers
        ]
        for account in filled.accounts or (Account("", "", ""),):
            for name, value in (("Nợ", account.debit), ("Có", account.credit)):
                said = f"{name}: {value or _DOT * 12}  {account.amount}".rstrip()
                lines.append(set_text(said, _style(9.5), side, lines=2, align=0))
        corner: list[Block] = []
        if form.code:
            corner.append(set_text(f"Mẫu số: {form.code}", _style(10, "strong"), right))
        corner.append(set_text(f"({form.source})", _style(7.5, "slanted", QUIET), right, lines=2))
        return Stack(
            [
                Columns([(left, Stack(unit)), (right, Stack(corner))], gutter=10),
                Gap(6),
                Columns([(side, Gap(1)), (middle, Stack(title)), (side, Stack(lines))]),
                Gap(6),
            ]
        )

    def _minutes_head(self) -> Block:
        """Unit and number at the left, the state at the right, the title below."""
        half = (self.width - 12) / 2
        unit = Stack(
            [
                set_text(self.filled.unit.upper(), Style("strong", 10, 7.5, BLACK), half, lines=3),
                Ornament(rule(BLACK, 0.6, 60), 3),
                Gap(3),
                set_text(f"Số: {self.filled.number or _DOT * 24}", _style(10), half, lines=2),
            ]
        )
        nation = Stack(
            [
                set_text(NATION[0], Style("strong", 9.6, 7, BLACK), half),
                set_text(NATION[1], Style("strong", 10, 7, BLACK), half),
                Ornament(rule(BLACK, 0.6, 120), 3),
            ]
        )
        return Stack([Columns([(half, unit), (half, nation)], gutter=12), Gap(14), *self._title(self.width), Gap(10)])

    # --------------------------------------------------------------------------------------- tables

    def _table(self) -> tuple[Block, list[Block]]:
        table = Element("Table")
        shares = sum(share for _, _, share, _ in self.form.columns)
        widths = [self.width * share / shares for _, _, share, _ in self.form.columns]
        aligns = {"left": 0.0, "center": 0.5, "right": 1.0}
        least = 26.0 if self.form.tall else 16.0

        def row(texts: Mapping[str, str], face: str = "regular") -> GridRow:
            cells = [
                (wide, set_text(texts.get(key, ""), _style(9.2, face), wide - 6, lines=3, align=aligns[align]))
                for wide, (key, _, _, align) in zip(widths, self.form.columns, strict=True)
            ]
            return GridRow(cells, table, least=least)

        heads = [
            (wide, set_text(heading, _style(8.6, "strong"), wide - 6, lines=4))
            for wide, (_, heading, _, _) in zip(widths, self.form.columns, strict=True)
        ]
        told = self.filled.rows or self.form.rows
        empty = self.filled.blank_rows
        if empty is None:
            empty = 0 if told else self.form.blank
        every = [*told, *({} for _ in range(empty))]
        if not 1 <= len(every) <= MAX_ROWS:
            raise Rejected(Reason.TOO_LARGE, "rows of the list", field="rows", limit=MAX_ROWS)
        rows: list[Block] = [row({"no": str(n), **each}) for n, each in enumerate(every, start=1)]
        if self.form.total or self.filled.total:
            second = self.form.columns[1][0]
            rows.append(row({second: self.form.total or "Cộng", **self.filled.total}, "strong"))
        return GridRow(heads, table, head=True, least=18), rows

    # ----------------------------------------------------------------------------------- signatures

    def _last(self) -> list[Block]:
        *before, final = self.form.signatures
        blocks: list[Block] = [Gap(6)]
        for row in before:
            blocks.append(self._signed(row))
        blocks += [self._line(line) for line in self.form.closing]
        if not before and self.form.head == "minutes":
            blocks.append(Gap(6))
        blocks.append(Gap(4))
        if before:
            blocks.append(set_text("Ngày …… tháng …… năm ……", _style(9.5 * self.scale, "slanted"), self.width, align=1))
        blocks.append(self._signed(final))
        return blocks

    def _signed(self, row: Sequence[str]) -> Block:
        wide = (self.width - 6 * (len(row) - 1)) / len(row)
        room = 66.0 if self.form.paper == "A4" else 40.0
        cells: list[tuple[float, Block]] = []
        for each in row:
            who, _, how = each.partition("|")
            said: list[Block] = [
                set_text(who, _style(9.8 * self.scale, "strong"), wide, lines=2),
                set_text(how, _style(8.2 * self.scale, "slanted", QUIET), wide, lines=2),
                Gap(room * self.scale),
            ]
            cells.append((wide, Stack(said)))
        return Columns(cells, gutter=6)


def _cleaned(filled: Filled) -> Filled:
    """The same with every text in NFC; raises GlyphMissing for one that cannot be shown."""

    def text(name: str, given: str) -> str:
        composed = unicodedata.normalize("NFC", given)
        if missing := missing_glyphs(composed):
            raise GlyphMissing(name, missing)
        return composed

    def texts(name: str, given: Mapping[str, str]) -> dict[str, str]:
        return {key: text(f"{name}.{key}", value) for key, value in given.items()}

    return replace(
        filled,
        unit=text("unit", filled.unit),
        number=text("number", filled.number),
        book=text("book", filled.book),
        foot=text("foot", filled.foot),
        values=texts("values", filled.values),
        rows=tuple(texts(f"rows[{n}]", row) for n, row in enumerate(filled.rows)),
        total=texts("total", filled.total),
        accounts=tuple(
            replace(each, debit=text("accounts", each.debit), credit=text("accounts", each.credit))
            for each in filled.accounts
        ),
    )


def _footer(form: Form, filled: Filled, width: float, page: int, pages: int) -> Block:
    fine = Style("regular", 6.6, 5.2, QUIET)
    said = [filled.foot] if filled.foot else []
    if not form.verified:
        said.append(" — ".join(UNVERIFIED))
    if not all(account.verified for account in filled.accounts):
        said.append(" — ".join(UNVERIFIED_ACCOUNTS))
    if pages > 1:
        said.append(f"Trang {page}/{pages}")
    return set_text(" · ".join(said), fine, width, lines=2, align=0)


def render_form(filled: Filled) -> bytes:
    """The paper as PDF. Raises `Rejected`: NO_SUCH_FORM, GLYPH_MISSING (a `GlyphMissing`), TOO_LARGE."""
    form = form_named(filled.form)
    with ONE_PAPER:
        filled = _cleaned(filled)
        for scale in _SCALES:
            setter = _Setter(form, filled, scale)
            pages = setter.pages()
            if len(pages) == 1 or form.columns:
                break
        title = f"{form.name}, số {filled.number}" if filled.number else form.name
        sheet = Sheet(setter.size, title, filled.made_on)
        for number, page in enumerate(pages, start=1):
            if number > 1:
                sheet.next_page()
            if filled.copy > 1:
                mark = set_text(REPRINT.format(n=filled.copy - 1), Style("strong", 10, 8, _RED), setter.width)
                mark.draw(sheet, _MARGIN, setter.size[1] - 20, setter.width)
            for draw in page:
                draw(sheet)
            footer = _footer(form, filled, setter.width, number, len(pages))
            footer.draw(sheet, _MARGIN, _FOOT - 8, setter.width)
        return sheet.finish()
