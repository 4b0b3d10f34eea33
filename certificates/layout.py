"""The donor's two papers as PDF: from plain values to bytes, nothing else.

    receipt      A4 portrait   «GIẤY XÁC NHẬN ỦNG HỘ»
    certificate  A4 landscape  «GIẤY CHỨNG NHẬN TẤM LÒNG VÀNG», needs the board's decision

Pure: no clock, no file but the bundled fonts, no ledger. The same `Document` gives the same bytes in
every process. What the pages hold to:

1. Every text is shown whole, as it was given, in NFC. Long text wraps, then shrinks to a readable
   least size, then goes on to another page; what fits nowhere is refused (TOO_LARGE), never cut.
2. A character that the fonts cannot show is refused (GLYPH_MISSING), never drawn as a box. Who wants
   the paper all the same shows it by its number: `spelled_out("Bé 🌸") == "Bé [U+1F338]"`.
3. No seal and no signature is drawn; their places stay empty. The papers are never called «khen».
4. The PDF is tagged in reading order (title, text, table, figure), Vietnamese with English marked as
   such, and says nothing about anybody that the page does not show.

Here is what the papers say and where it stands; how text is set is in `typeset`, what is drawn in `ornament`.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from typing import Any, Literal

from certificates.ornament import (
    GOLD,
    LIGHT_GOLD,
    PALE_GOLD,
    Ornament,
    QrCode,
    certificate_frame,
    divider,
    receipt_frame,
    rule,
    watermark,
)
from certificates.typeset import (
    INK,
    ONE_PAPER,
    Area,
    Block,
    Columns,
    Element,
    Flow,
    Gap,
    GlyphMissing,
    Page,
    Sheet,
    Stack,
    Style,
    Text,
    figures,
    fitted,
    missing_glyphs,
    placed,
    rgb,
    set_text,
    spelled_out,
    stroke,
)
from certificates.words import amount_line, format_number, format_quantity, format_vnd
from ledger.refusals import Reason, Rejected

__all__ = ["Check", "Decision", "Document", "Donor", "Goods", "Issuer", "render", "spelled_out"]

# ------------------------------------------------------------------------------------ the values


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who gives the paper, in the capitals the unit itself uses."""

    name: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Donor:
    """`name` None: «Nhà hảo tâm không nêu tên». `as_sent`: the name is what the sender's bank wrote."""

    name: str | None
    as_sent: bool = False


@dataclass(frozen=True, slots=True)
class Goods:
    """`quantity` counts units, or their decimal parts: 125 with `decimals` 1 is 12,5."""

    name: str
    quantity: int
    unit: str
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The board's decision that a certificate rests on: «08/QĐ-HĐBT»."""

    number: str
    on: date


@dataclass(frozen=True, slots=True)
class Check:
    """What a stranger needs to check the paper against the book."""

    qr: str
    short_code: str
    index: int
    checkpoint_size: int
    vkey: str


@dataclass(frozen=True, slots=True)
class Document:
    """One paper. Exactly one of `amount_minor` and `goods` is given; days and numbers are the caller's."""

    kind: Literal["receipt", "certificate"]
    issuer: Issuer
    number: str  # in the yearly register, «12/2026/TLV»
    donor: Donor
    purpose: str  # the fund (nguồn)
    received_on: date
    received_at: str  # place of receipt
    issued_on: date
    check: Check
    amount_minor: int | None = None
    goods: tuple[Goods, ...] = ()
    decision: Decision | None = None
    issued_at: str | None = None  # «Hải Phòng»; None leaves a dotted blank to write on
    signer: str = "TM. HỘI ĐỒNG BẢO TRỢ"
    reprint: bool = False


TITLES = {
    "receipt": ("GIẤY XÁC NHẬN ỦNG HỘ", "Confirmation of a gift", "Giấy xác nhận ủng hộ"),
    "certificate": (
        "GIẤY CHỨNG NHẬN TẤM LÒNG VÀNG",
        "Certificate of a golden heart",
        "Giấy chứng nhận Tấm lòng vàng",
    ),
}
"""Per kind: as printed, in English, and as the title of the file."""


def _cleaned(value: Any, path: str = "") -> Any:
    """The same value with every text in NFC; raises for text that is empty or cannot be shown."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        if not text.strip():
            raise Rejected(Reason.MALFORMED, "text is wanted", field=path)
        # The content of the QR code is not set in type.
        if path != "check.qr" and (missing := missing_glyphs(text)):
            raise GlyphMissing(path, missing)
        return text
    if isinstance(value, tuple):
        return tuple(_cleaned(each, f"{path}[{n}]") for n, each in enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        prefix = f"{path}." if path else ""
        return replace(value, **{f.name: _cleaned(getattr(value, f.name), prefix + f.name) for f in fields(value)})
    return value


def _consistent(document: Document) -> None:
    if document.kind not in TITLES:
        raise Rejected(Reason.MALFORMED, "a receipt or a certificate is wanted", field="kind")
    if (document.amount_minor is None) == (not document.goods):
        raise Rejected(Reason.MALFORMED, "a paper is for money or for goods", field="amount_minor")
    if document.kind == "certificate" and document.decision is None:
        raise Rejected(Reason.MALFORMED, "a certificate needs the board's decision", field="decision")


def long_day(day: date) -> str:
    """«ngày 05 tháng 09 năm 2026»."""
    return f"ngày {day.day:02} tháng {day.month:02} năm {day.year}"


# ------------------------------------------------------------------------- what both papers say

NATION = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")
NATION_ENGLISH = "Socialist Republic of Vietnam · Independence - Freedom - Happiness"
ANONYMOUS = "Nhà hảo tâm không nêu tên"
AS_SENT = ("tên do người gửi ghi", "name as written by the sender")
SIGN_HERE = ("(ký, ghi rõ họ tên, đóng dấu)", "Signature, full name and seal")
BLANK = "………"  # to write a place on
REPRINT = ("Bản in lại", "Reprint")

QUIET, RED = rgb("64553F"), rgb("8C1C1C")
_LABEL = Style("strong", 8.6, 7, QUIET)
_SUBTITLE = Style("slanted", 7, 6, QUIET, leading=1.25)
_VALUE = Style("regular", 10.5, 8)
_FINE = Style("regular", 6.6, 5.4, QUIET, leading=1.35)


def _english(text: str, width: float, *, style: Style = _SUBTITLE, **how: Any) -> Text:
    return set_text(text, style, width, lang="en", **how)


def _labelled(label: str, english: str, width: float, *, align: float = 0) -> list[Block]:
    return [set_text(label, _LABEL, width, align=align), _english(english, width, align=align)]


def _nation(width: float, size: float) -> Stack:
    strong = Style("strong", size, 6.5)
    return Stack(
        [
            set_text(NATION[0], strong, width),
            set_text(NATION[1], replace(strong, size=size * 1.04), width),
            Ornament(rule(INK, 0.6, size * 14), 2.5),
            Gap(2.5),
            _english(NATION_ENGLISH, width),
        ]
    )


def _signature(document: Document, width: float, room: float) -> Stack:
    """Place and day, who signs, and an empty place for name and seal."""
    return Stack(
        [
            set_text(f"{document.issued_at or BLANK}, {long_day(document.issued_on)}", Style("slanted", 10, 7), width),
            _english(f"Date of issue {document.issued_on:%d/%m/%Y}", width),
            Gap(3),
            set_text(document.signer, Style("strong", 10.5, 7), width),
            set_text(SIGN_HERE[0], Style("slanted", 8.5, 7, QUIET), width),
            _english(SIGN_HERE[1], width),
            Gap(room),
        ]
    )


def _lookup(document: Document, side: float, width: float) -> Columns:
    """The QR code and, for those without a camera, the same in letters and figures."""
    check, wide = document.check, width - side - 8
    code = Style("strong", 11, 6, spacing=0.4)
    lines: list[Block] = [
        Gap(3),
        *_labelled("Mã tra cứu", "Look-up code", wide),
        set_text(check.short_code, code, wide, align=0),
        Gap(2.5),
        *_labelled("Số bản ghi", "Record index", wide),
        set_text(format_number(check.index), Style("regular", 10, 6), wide, align=0),
    ]
    return Columns([(side, QrCode(check.qr, side)), (wide, Stack(lines))], gutter=8)


def _footer(document: Document, width: float, page: int, pages: int, *, align: float) -> Stack:
    check = document.check
    size = format_number(check.checkpoint_size)
    how = "Kiểm tra không cần mạng: chạy lệnh «sovang check FILE» với tệp PDF này"
    english = f"Check offline: run «sovang check FILE» on this PDF · Checkpoint size: {size} records"
    blocks: list[Block] = [
        set_text(f"{how} · Mốc niêm phong: {size} bản ghi", _FINE, width, align=align),
        _english(english, width, style=replace(_SUBTITLE, size=6.2, least=5.4), align=align),
        set_text(f"Khóa công khai của sổ (vkey): {check.vkey}", _FINE, width, align=align),
    ]
    if pages > 1:
        blocks.append(set_text(f"Số: {document.number} · Trang {page}/{pages}", _FINE, width, align=align))
    return Stack(blocks)


@dataclass(slots=True)
class ReprintMark:
    """«Bản in lại» in a small box at the right edge."""

    height: float = 26

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        wide, right = 68.0, x + width
        sheet.artifact(f"{stroke(RED, 0.8)} {figures(right - wide, top - self.height, wide, self.height)} re S")
        said = set_text(REPRINT[0], Style("strong", 9, 9, RED), wide)
        english = _english(REPRINT[1], wide, style=replace(_SUBTITLE, colour=RED))
        Stack([said, english]).draw(sheet, right - wide, top - 2.5, wide)


def _donor(document: Document, width: float, style: Style, scale: float = 1, *, align: float) -> list[Block]:
    donor = document.donor
    # A long name takes another line before it gets small, and gets small before it takes a fourth.
    for lines, least in ((2, 0.6), (3, 0.45), (4, 0.36)):
        smaller = replace(style, least=max(style.least, style.size * least * scale))
        name = set_text(donor.name or ANONYMOUS, smaller, width, lines=lines, scale=scale, align=align)
        if len(name.lines) <= lines:
            break
    blocks: list[Block] = [name]
    if donor.name is None:
        blocks.append(_english("A benefactor who prefers not to be named", width, align=align))
    elif donor.as_sent:
        blocks.append(set_text(f"({AS_SENT[0]})", Style("slanted", 8.5, 7, QUIET), width, align=align))
        blocks.append(_english(AS_SENT[1], width, align=align))
    return blocks


# ----------------------------------------------------------------------------------------- goods


@dataclass(slots=True)
class TableRow:
    """One line of the list of goods, or its head."""

    cells: Sequence[tuple[float, Block]]
    table: Element  # the same for every row, on whatever page
    padding: float
    head: bool = False

    @property
    def height(self) -> float:
        return max(block.height for _, block in self.cells) + 2 * self.padding

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        bottom = top - self.height
        if self.head:
            sheet.artifact(f"{figures(*PALE_GOLD)} rg {figures(x, bottom, width, self.height)} re f")
        pen = stroke(GOLD if self.head else LIGHT_GOLD, 0.6)
        sheet.artifact(f"{pen} {figures(x, bottom)} m {figures(x + width, bottom)} l S")
        with sheet.inside(self.table), sheet.inside(Element("TR")):
            for wide, block in self.cells:
                with sheet.inside(Element("TH" if self.head else "TD")):
                    block.draw(sheet, x + 5, top - self.padding, wide - 10)
                x += wide


def _goods_rows(document: Document, width: float) -> tuple[TableRow, list[TableRow]]:
    table = Element("Table")
    widths = (34.0, width - 34 - 96 - 84, 96.0, 84.0)
    titles = (("STT", "No."), ("Tên hiện vật", "Goods"), ("Số lượng", "Quantity"), ("Đơn vị", "Unit"))
    aligns = (0.5, 0.0, 1.0, 0.0)
    # A long list is set closer, so that sixty lines and the signature take two pages.
    size, padding = (9.5, 2.5) if len(document.goods) <= 12 else (8.6, 1.1)

    def row(texts: Sequence[Block], *, head: bool = False) -> TableRow:
        return TableRow(list(zip(widths, texts, strict=True)), table, 2.5 if head else padding, head)

    def cell(column: int, text: str, lines: int) -> Block:
        style = Style("regular", size, 7)
        return set_text(text, style, widths[column] - 10, lines=lines, align=aligns[column])

    head = [Stack(_labelled(*titles[n], widths[n] - 10, align=aligns[n])) for n in range(4)]
    rows = []
    for n, goods in enumerate(document.goods, start=1):
        quantity = format_quantity(goods.quantity, "", decimals=goods.decimals).rstrip()
        texts = [cell(0, str(n), 1), cell(1, goods.name, 2), cell(2, quantity, 1), cell(3, goods.unit, 2)]
        rows.append(row(texts))
    return row(head, head=True), rows


# ------------------------------------------------------------------------------------- the papers


@dataclass(frozen=True, slots=True)
class _Paper:
    """What one kind of paper looks like around its texts."""

    size: tuple[float, float]
    area: Area
    frame: Callable[[tuple[float, float]], str]
    footer: Area
    footer_align: float


_A4 = (595.28, 841.89)
_RECEIPT = _Paper(
    size=_A4,
    area=Area(left=58, width=_A4[0] - 2 * 58, top=788, bottom=86),
    frame=receipt_frame,
    footer=Area(left=58, width=479, top=82, bottom=40),
    footer_align=0.5,
)
_CERTIFICATE = _Paper(
    size=_A4[::-1],
    area=Area(left=84, width=_A4[1] - 2 * 84, top=528, bottom=100),
    frame=certificate_frame,
    footer=Area(left=84, width=430, top=94, bottom=52),
    footer_align=0,
)


def _receipt(document: Document) -> list[Page]:
    width = _RECEIPT.area.width
    half = (width - 14) / 2
    issuer: list[Block] = []
    if document.issuer.parent:
        issuer.append(set_text(document.issuer.parent, Style("regular", 10, 7.5), half, lines=2))
    issuer.append(set_text(document.issuer.name, Style("strong", 10, 7.5, leading=1.38), half, lines=3))
    number = set_text(f"Số: {document.number}", Style("regular", 10, 7), half, lines=2)
    issuer += [Ornament(rule(INK, 0.6, 64), 2.5), Gap(4), number, _english("Register number", half)]
    title, english, _ = TITLES["receipt"]
    flow = Flow(_RECEIPT.area)
    flow.add(Columns([(half, Stack(issuer)), (half, _nation(half, 9.4))], gutter=14))
    flow.add(Gap(6))
    flow.add(ReprintMark() if document.reprint else Gap(20))
    flow.add(Gap(2))
    flow.add(set_text(title, Style("strong", 21, 16, RED, spacing=0.3), width, role="H1"))
    flow.add(_english(english, width, style=Style("slanted", 10, 8, QUIET)))
    flow.add(Gap(8))
    flow.add(Ornament(divider(150), 14))
    flow.add(Gap(16))
    flow.add(set_text(f"{document.issuer.name} xác nhận đã tiếp nhận khoản ủng hộ:", _VALUE, width, lines=3, align=0))
    flow.add(_english("confirms that it has received the following gift", width, align=0))
    flow.add(Gap(6))

    label, room = 138.0, 4.0 if document.goods else 8.0
    wide = width - label - 12

    def row(name: str, english: str, value: list[Block]) -> None:
        cells = [(label, Stack(_labelled(name, english, label))), (wide, Stack(value))]
        flow.add(Stack([Gap(room), Columns(cells, gutter=12), Ornament(rule(LIGHT_GOLD, 0.5, width), room)]))

    def plain(text: str, style: Style = _VALUE) -> list[Block]:
        return [set_text(text, style, wide, lines=4, align=0)]

    row("Người ủng hộ", "Donor", _donor(document, wide, Style("strong", 13, 8, leading=1.4), align=0))
    if document.amount_minor is not None:
        row("Số tiền", "Amount", plain(format_vnd(document.amount_minor), Style("strong", 15, 9, RED)))
        words = plain(amount_line(document.amount_minor), Style("slanted", 10.5, 8))
        row("Số tiền viết bằng chữ", "Amount in words", words)
    else:
        row("Hiện vật", "Goods in kind", plain(f"{len(document.goods)} khoản, theo danh mục dưới đây"))
    row("Nguồn", "Fund and purpose", plain(document.purpose))
    row("Ngày tiếp nhận", "Day received", plain(long_day(document.received_on)))
    row("Nơi tiếp nhận", "Place of receipt", plain(document.received_at))
    if document.decision:
        row("Quyết định", "Board decision", plain(_decision(document.decision)))
    lookup, sign = _lookup(document, 96, 230), _signature(document, width - 250, 66)
    signed = Columns([(230, lookup), (width - 250, sign)], gutter=20)
    if document.goods:
        # The signature never stands on a page without a line of what it signs for.
        flow.add(Gap(10))
        flow.table(*_goods_rows(document, width), last=[Gap(10), signed])
    else:
        flow.add(Gap(30))
        flow.add(signed)
    return flow.pages


def _decision(decision: Decision) -> str:
    return f"số {decision.number}, {long_day(decision.on)}"


def _certificate(document: Document) -> list[Page]:
    area, width = _CERTIFICATE.area, _CERTIFICATE.area.width
    decision = document.decision
    assert decision is not None  # `_consistent` has seen to it
    title, english, _ = TITLES["certificate"]
    listed = [f"{format_quantity(g.quantity, g.unit, decimals=g.decimals)} {g.name}" for g in document.goods]
    annexed = len(listed) > 3 or any(len(text) > 90 for text in listed)

    def gift(scale: float) -> list[Block]:
        large = Style("strong", 21, 10, RED)
        if document.amount_minor is not None:
            words = f"({amount_line(document.amount_minor)})"
            return [
                set_text(format_vnd(document.amount_minor), large, width, scale=scale),
                set_text(words, Style("slanted", 10.5, 7), width, lines=2, scale=scale),
            ]
        if annexed:
            said = f"{len(listed)} khoản hiện vật theo danh mục kèm theo"
            return [
                set_text(said, replace(large, size=16), width, scale=scale),
                _english(f"{len(listed)} kinds of goods, listed on the following page", width),
            ]
        goods = Style("strong", 15 if len(listed) < 3 else 13, 8, RED)
        return [set_text(text, goods, width, scale=scale) for text in listed]

    third = (width - 2 * 24) / 3

    def fact(name: str, english: str, scale: float, *values: str) -> tuple[float, Block]:
        texts = [set_text(value, Style("regular", 9.8, 7), third, lines=3, scale=scale) for value in values]
        return third, Stack([*_labelled(name, english, third, align=0.5), Gap(1.5), *texts])

    def body(scale: float) -> list[Block]:
        blocks: list[Block] = [_nation(width, 11), Gap(5, 1.1)]
        if document.issuer.parent:
            blocks.append(set_text(document.issuer.parent, Style("regular", 10, 6), width, lines=2, scale=scale))
        received, decided = long_day(document.received_on), long_day(decision.on)
        return [
            *blocks,
            set_text(document.issuer.name, Style("strong", 11.5, 7, leading=1.38), width, lines=2, scale=scale),
            Gap(4, 1.2),
            set_text(title, Style("strong", 28, 20, RED, leading=1.26, spacing=0.5), width, role="H1"),
            _english(english, width, style=Style("slanted", 10.5, 8, QUIET)),
            Gap(5, 0.5),
            Ornament(divider(190), 13),
            Gap(4, 0.6),
            set_text("Trân trọng ghi nhận tấm lòng của", _VALUE, width),
            _english("In grateful recognition of", width),
            Gap(1, 0.4),
            *_donor(document, width, Style("strong", 26, 8, leading=1.38), scale, align=0.5),
            Gap(1, 0.7),
            set_text("đã ủng hộ", _VALUE, width),
            _english("for the gift of", width),
            Gap(0, 0.3),
            *gift(scale),
            Gap(5, 1.2),
            Columns(
                [
                    fact("Nguồn", "Fund and purpose", scale, document.purpose),
                    fact("Tiếp nhận", "Received", scale, received, document.received_at),
                    fact("Quyết định", "Board decision", scale, f"số {decision.number}", decided),
                ],
                gutter=24,
                rule=LIGHT_GOLD,
            ),
            Gap(5, 1),
        ]

    band = 100.0
    number = Stack(
        [
            set_text(f"Số: {document.number}", Style("strong", 11, 6), 180, lines=2),
            _english("Register number", 180),
        ]
    )
    signature = _signature(document, 230, 0)
    lookup = _lookup(document, 84, 224)
    # A seal is 36 mm wide and stands partly over the signature: the place must stay free.
    if signature.height > 66 or number.height > 60:
        raise Rejected(Reason.TOO_LARGE, "no room is left for signature and seal", field="signer")
    foot = area.bottom + band
    page: Page = [
        lambda sheet: sheet.artifact(watermark(_CERTIFICATE.size[0] / 2, 226, 215)),
        *([placed(ReprintMark(), area.left, area.top, width)] if document.reprint else []),
        placed(Stack(fitted(body, area.top - foot)), area.left, area.top, width),
        placed(lookup, area.left - 7, foot - 6, 224),
        placed(number, area.left + (width - 180) / 2, foot - 6, 180),
        placed(signature, area.left + width - 230, foot - 2, 230),
    ]
    if not annexed:
        return [page]
    flow = Flow(area)
    flow.add(set_text("DANH MỤC HIỆN VẬT KÈM THEO", Style("strong", 14, 10, RED), width, role="H2"))
    flow.add(_english("List of goods", width))
    flow.add(set_text(f"Kèm theo giấy chứng nhận số {document.number}", _VALUE, width, lines=2))
    flow.add(Gap(10))
    flow.table(*_goods_rows(document, width))
    return [page, *flow.pages]


def render(document: Document) -> bytes:
    """The paper as PDF. Raises `Rejected`: MALFORMED, GLYPH_MISSING (a `GlyphMissing`), TOO_LARGE."""
    with ONE_PAPER:
        document = _cleaned(document)
        _consistent(document)
        paper, pages_of = (_RECEIPT, _receipt) if document.kind == "receipt" else (_CERTIFICATE, _certificate)
        pages = pages_of(document)
        sheet = Sheet(paper.size, f"{TITLES[document.kind][2]}, số {document.number}", document.issued_on)
        for number, page in enumerate(pages, start=1):
            if number > 1:
                sheet.next_page()
            sheet.artifact(paper.frame(paper.size))
            for draw in page:
                draw(sheet)
            foot = paper.footer
            footer = _footer(document, foot.width, number, len(pages), align=paper.footer_align)
            if footer.height > foot.top - foot.bottom:
                raise Rejected(Reason.TOO_LARGE, "the footer does not fit", field="check.vkey")
            footer.draw(sheet, foot.left, foot.top, foot.width)
        return sheet.finish()
