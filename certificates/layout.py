"""The donor's two papers as PDF: from plain values to bytes, nothing else.

    receipt      A4 portrait   «GIẤY XÁC NHẬN ỦNG HỘ»
    certificate  A4 landscape  «GIẤY CHỨNG NHẬN TẤM LÒNG VÀNG», needs the board's decision

Pure: no clock, no file but the bundled fonts, no ledger. The same `Document` gives the same bytes in
every process. What the pages hold to:

1. Every text is shown whole, as it was given, in NFC. Long text wraps, then shrinks to a readable
   least size, then goes on to another page; what fits nowhere is refused (TOO_LARGE), never cut.
2. A character that the fonts cannot show is refused (`GlyphMissing`), never drawn as a box. Who wants
   the paper all the same shows it by its number: `spelled_out("Bé 🌸") == "Bé [U+1F338]"`.
3. No seal and no signature is drawn; their places stay empty. The papers are never called «khen».
4. The PDF is tagged in reading order (title, text, table, figure), Vietnamese with English marked as
   such, and says nothing about anybody that the page does not show.

The file is read from top to bottom: the values, text, fonts, the tagged sheet, ornaments, blocks of
text, and at the end the two papers themselves.
"""

import functools
import hashlib
import io
import math
import struct
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol, TypeVar
from xml.sax.saxutils import escape

import fontpkg_be_vietnam_pro as font_package  # type: ignore[import-untyped]
import segno
from reportlab import rl_config  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfdoc, pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont, TTFontFile, TTFontMaker  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from certificates.words import amount_line, format_number, format_quantity, format_vnd
from ledger.refusals import Reason, Rejected

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
    issued_at: str  # «Hải Phòng»
    check: Check
    amount_minor: int | None = None
    goods: tuple[Goods, ...] = ()
    decision: Decision | None = None
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


class GlyphMissing(Rejected):
    """A text has characters that the fonts cannot show; `characters` names them, «U+1F338»."""

    def __init__(self, field: str, characters: tuple[str, ...]) -> None:
        self.characters = characters
        super().__init__(Reason.MALFORMED, "no glyph", field=field, characters=" ".join(characters))


# ------------------------------------------------------------------------------------------ text


def missing_glyphs(text: str) -> tuple[str, ...]:
    """The characters of `text` that cannot be shown, by number, each once, in order."""
    known = _face("regular").charToGlyph
    unknown = (c for c in unicodedata.normalize("NFC", text) if _unshowable(c, known))
    return tuple(dict.fromkeys(f"U+{ord(c):04X}" for c in unknown))


def spelled_out(text: str) -> str:
    """`text` with each character that cannot be shown written as its number: «[U+1F338]»."""
    known = _face("regular").charToGlyph
    return "".join(
        f"[U+{ord(c):04X}]" if _unshowable(c, known) else c for c in unicodedata.normalize("NFC", text)
    )


def _unshowable(character: str, known: dict[int, int]) -> bool:
    # Controls and invisible marks count as unshowable even where a font maps them: paper has no
    # way to show them, and they are how one name is made to look like another.
    return ord(character) not in known or unicodedata.category(character).startswith("C")


_T = TypeVar("_T")


def _cleaned(value: _T, path: str = "") -> _T:
    """The same value with every text in NFC; raises for text that is empty or cannot be shown."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        if not text.strip():
            raise Rejected(Reason.MALFORMED, "text is wanted", field=path)
        # The content of the QR code is not set in type.
        if path != "check.qr" and (missing := missing_glyphs(text)):
            raise GlyphMissing(path, missing)
        return text  # type: ignore[return-value]  # a str for a str
    if isinstance(value, tuple):
        return tuple(_cleaned(v, f"{path}[{n}]") for n, v in enumerate(value))  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        prefix = f"{path}." if path else ""
        changes = {f.name: _cleaned(getattr(value, f.name), prefix + f.name) for f in fields(value)}
        return replace(value, **changes)
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


# ----------------------------------------------------------------------------------------- fonts

_FACES = {
    "regular": "BeVietnamPro-Regular",
    "strong": "BeVietnamPro-SemiBold",
    "slanted": "BeVietnamPro-Italic",
}
# Page streams as plain Flate; the library's default adds an ASCII coat of a quarter more.
rl_config.useA85 = 0
# A font's face keeps a reading position, and reportlab's registry is global: one page at a time.
_LOCK = threading.RLock()


@functools.cache
def _font(name: str) -> TTFont:
    path = font_package.ROOT / "files" / f"{_FACES[name]}.ttf"
    # Without the reserved ASCII range a subset holds only what the page uses.
    font = TTFont(_FACES[name], io.BytesIO(_unhinted(path.read_bytes())), asciiReadable=0, shapable=False)
    pdfmetrics.registerFont(font)
    return font


def _face(name: str) -> Any:
    return _font(name).face


def _unhinted(ttf: bytes) -> bytes:
    """The font without instructions for small screens: paper does not need them, half the size is them."""
    source = TTFontFile(io.BytesIO(ttf), charInfo=1)
    glyphs = source.get_table("glyf")
    data, offsets = bytearray(), []
    for start, end in zip(source.glyphPos, source.glyphPos[1:], strict=False):
        offsets.append(len(data))
        data += _unhinted_glyph(glyphs[start:end])
        data += bytes(-len(data) % 4)
    offsets.append(len(data))
    made = TTFontMaker()
    for tag in ("OS/2", "cmap", "hhea", "hmtx", "maxp", "name", "post"):
        made.add(tag, source.get_table(tag))
    made.add("glyf", bytes(data))
    made.add("loca", struct.pack(f">{len(offsets)}L", *offsets))
    head = source.get_table("head")
    made.add("head", head[:50] + struct.pack(">H", 1) + head[52:])  # 1: long offsets
    return bytes(made.makeStream())


def _unhinted_glyph(glyph: bytes) -> bytes:
    """One entry of the `glyf` table (OpenType, «glyf») with its instructions taken out."""
    if not glyph:
        return glyph
    (contours,) = struct.unpack_from(">h", glyph)
    if contours >= 0:
        at = 10 + 2 * contours
        (length,) = struct.unpack_from(">H", glyph, at)
        return glyph[:at] + b"\0\0" + glyph[at + 2 + length :]
    made, at, more = bytearray(glyph), 10, True
    while more:
        (flags,) = struct.unpack_from(">H", glyph, at)
        struct.pack_into(">H", made, at, flags & ~0x0100)  # no instructions follow
        more = bool(flags & 0x0020)
        at += 4 + (4 if flags & 0x0001 else 2)
        at += 2 if flags & 0x0008 else 4 if flags & 0x0040 else 8 if flags & 0x0080 else 0
    return bytes(made[:at])


@functools.lru_cache(maxsize=4096)
def _units(text: str, face: str) -> int:
    widths = _face(face).charWidths
    return int(sum(widths[ord(c)] for c in text))


# ------------------------------------------------------------------------------- the tagged sheet

Colour = tuple[float, float, float]


def _rgb(hexadecimal: str) -> Colour:
    r, g, b = bytes.fromhex(hexadecimal)
    return r / 255, g / 255, b / 255


INK, QUIET, RED = _rgb("2B2118"), _rgb("64553F"), _rgb("8C1C1C")
GOLD, LIGHT_GOLD, PALE_GOLD, FAINT_GOLD = _rgb("B0822B"), _rgb("D9B968"), _rgb("F1E6CB"), _rgb("F6EFDD")
WHITE = (1.0, 1.0, 1.0)


@dataclass(eq=False, slots=True)
class _Element:
    """A node of the structure tree; a pair is marked content: page, number on the page."""

    role: str
    lang: str | None = None
    alt: str | None = None
    kids: "list[_Element | tuple[int, int]]" = field(default_factory=list)


class _Info(pdfdoc.PDFInfo):  # type: ignore[misc]  # reportlab is untyped
    """The information dictionary without the library's clock, author and subject."""

    def __init__(self, title: str, day: date) -> None:
        super().__init__()
        self.title, self.day = title, day

    def format(self, document: Any) -> bytes:
        texts = {
            "Title": self.title,
            "Producer": "Sổ Vàng, reportlab",
            "CreationDate": f"D:{self.day:%Y%m%d}",
            "ModDate": f"D:{self.day:%Y%m%d}",
        }
        entries = pdfdoc.PDFDictionary({key: pdfdoc.PDFString(text) for key, text in texts.items()})
        return bytes(entries.format(document))


class _Sheet:
    """A canvas that tags what is drawn; everything untagged must be drawn as an artifact."""

    def __init__(self, size: tuple[float, float], title: str, day: date) -> None:
        self.size = size
        self._out = io.BytesIO()
        self._canvas = Canvas(
            self._out,
            pagesize=size,
            invariant=1,
            pageCompression=1,
            pdfVersion=(1, 7),
            # Else each page starts by selecting Helvetica, which is not embedded.
            initialFontName=_font("regular").fontName,
        )
        self._title, self._day = title, day
        self._root = _Element("Document")
        self._owners: list[list[_Element]] = [[]]
        self._digest = hashlib.sha256(title.encode())

    def element(
        self, role: str, *, lang: str | None = None, alt: str | None = None, within: _Element | None = None
    ) -> _Element:
        made = _Element(role, lang, alt)
        (within or self._root).kids.append(made)
        return made

    def adopt(self, element: _Element) -> None:
        """Puts an element that its first part brings along where the reading has come to."""
        if element not in self._root.kids:
            self._root.kids.append(element)

    @contextmanager
    def marked(self, element: _Element) -> Iterator[None]:
        page, number = len(self._owners) - 1, len(self._owners[-1])
        self._owners[-1].append(element)
        element.kids.append((page, number))
        self.draw(f"/{element.role} <</MCID {number}>> BDC")
        yield
        self.draw("EMC")

    def draw(self, operators: str) -> None:
        self._canvas.addLiteral(operators)

    def artifact(self, operators: str) -> None:
        """Ornament: drawn, but not read out."""
        self.draw(f"/Artifact BMC q {operators} Q EMC")

    def line(self, text: str, x: float, y: float, style: "Style", size: float) -> None:
        _font(style.face)
        t = self._canvas.beginText(x, y)
        t.setFont(_FACES[style.face], size)
        t.setFillColorRGB(*style.colour)
        t.setCharSpace(style.spacing)
        t.textOut(text)
        self._canvas.drawText(t)

    def next_page(self) -> None:
        self._end_page()
        self._owners.append([])

    def finish(self) -> bytes:
        self._end_page()
        document, catalog = self._canvas._doc, self._canvas._doc.Catalog
        document.info = _Info(self._title, self._day)
        catalog.Lang = pdfdoc.PDFString("vi-VN")
        catalog.MarkInfo = pdfdoc.PDFDictionary({"Marked": "true"})
        catalog.ViewerPreferences = pdfdoc.PDFDictionary({"DisplayDocTitle": "true"})
        catalog.Metadata = self._metadata()
        catalog.StructTreeRoot = self._structure(document)
        document.updateSignature(self._digest.digest())
        self._canvas.save()
        return self._out.getvalue()

    def _end_page(self) -> None:
        number = len(self._owners) - 1
        self._digest.update("\n".join(self._canvas._code).encode())
        self._canvas.showPage()
        page = self._canvas._doc.Pages.pages[-1]
        page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents, page.Tabs = number, pdfdoc.PDFName("S")

    def _structure(self, document: Any) -> Any:
        """The tree of ISO 32000-1, 14.7: elements downward, and from each page's marks back to them."""
        names: dict[int, str] = {}

        def number(element: _Element) -> None:
            names[id(element)] = f"Structure{len(names)}"
            for kid in element.kids:
                if isinstance(kid, _Element):
                    number(kid)

        def reference(element: _Element) -> Any:
            return pdfdoc.PDFObjectReference(names[id(element)])

        def register(element: _Element, parent: Any) -> None:
            kids = []
            for kid in element.kids:
                if isinstance(kid, _Element):
                    register(kid, reference(element))
                    kids.append(reference(kid))
                else:
                    page = pdfdoc.PDFObjectReference(f"Page{kid[0] + 1}")
                    kids.append(pdfdoc.PDFDictionary({"Type": "/MCR", "Pg": page, "MCID": kid[1]}))
            entries = {"Type": "/StructElem", "S": f"/{element.role}", "P": parent}
            entries["K"] = pdfdoc.PDFArray(kids)
            if element.lang:
                entries["Lang"] = pdfdoc.PDFString(element.lang)
            if element.alt:
                entries["Alt"] = pdfdoc.PDFString(element.alt)
            document.Reference(pdfdoc.PDFDictionary(entries), names[id(element)])

        number(self._root)
        register(self._root, pdfdoc.PDFObjectReference("StructureTree"))
        parents: list[Any] = []
        for page, owners in enumerate(self._owners):
            parents += [page, pdfdoc.PDFArray([reference(owner) for owner in owners])]
        tree = pdfdoc.PDFDictionary(
            {
                "Type": "/StructTreeRoot",
                "K": pdfdoc.PDFArray([reference(self._root)]),
                "ParentTree": pdfdoc.PDFDictionary({"Nums": pdfdoc.PDFArray(parents)}),
                "ParentTreeNextKey": len(self._owners),
            }
        )
        document.Reference(tree, "StructureTree")
        return tree

    def _metadata(self) -> Any:
        title, day = escape(self._title), self._day.isoformat()
        xmp = pdfdoc.PDFStream()
        xmp.dictionary["Type"], xmp.dictionary["Subtype"] = "/Metadata", "/XML"
        xmp.content = _XMP.format(title=title, day=day).encode()
        return xmp


_XMP = """<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>vi-VN</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{day}</xmp:CreateDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


# -------------------------------------------------------------------------------------- ornaments
#
# Operators as text (ISO 32000-1, 8.5), made once a process: m move, l line, c curve, re rectangle,
# S stroke, f fill, B both, w width, RG and rg colours, cm a change of coordinates, q and Q a bracket.


def _n(*numbers: float) -> str:
    return " ".join(f"{number:.2f}".rstrip("0").rstrip(".") for number in numbers)


def _stroke(colour: Colour, width: float) -> str:
    return f"{_n(*colour)} RG {_n(width)} w"


def _turned(cx: float, cy: float, angle: float, operators: str) -> str:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return f"q {cos:.4f} {sin:.4f} {-sin:.4f} {cos:.4f} {_n(cx, cy)} cm {operators} Q"


def _petal(length: float, width: float) -> str:
    """A lotus petal: from the base at 0,0 upward, widest above the middle, to a point."""
    l, w = length, width / 2  # noqa: E741
    return (
        f"0 0 m {_n(-w * 0.9, l * 0.16, -w * 1.35, l * 0.62, 0, l)} c "
        f"{_n(w * 1.35, l * 0.62, w * 0.9, l * 0.16, 0, 0)} c"
    )


def _lotus(cx: float, cy: float, height: float, paint: str) -> str:
    """Seven petals seen from the side, the outer ones first."""
    petals = [(74, 0.74, 0.30), (50, 0.86, 0.34), (25, 0.96, 0.38)]
    drawn = [
        _turned(cx, cy, side * angle, f"{_petal(height * tall, height * wide)} {paint}")
        for angle, tall, wide in petals
        for side in (1, -1)
    ]
    return " ".join([*drawn, _turned(cx, cy, 0, f"{_petal(height, height * 0.42)} {paint}")])


def _wave(length: float, amplitude: float) -> str:
    """One period of a sine line from 0,0 to the right; each half is one curve."""
    half, peak = length / 2, amplitude * 4 / 3
    return (
        f"0 0 m {_n(half * 0.3642, peak, half * 0.6358, peak, half, 0)} c "
        f"{_n(half * 1.3642, -peak, half * 1.6358, -peak, length, 0)} c S"
    )


def _braid(x: float, y: float, length: float, amplitude: float, pitch: float) -> str:
    """A band of interlaced lines with a grain in each eye, like the edge of a banknote.

    One period is written again and again after a step to the side: equal text packs to nothing.
    """
    periods = max(1, round(length / pitch))
    step = length / periods
    outer = [_wave(step, sign * amplitude * part) for sign in (1, -1) for part in (1, 0.72)]
    inner = [_wave(step, sign * amplitude * 0.36) for sign in (1, -1)]
    grains = [f"{_n(gx - 0.9, 0)} m {_n(gx, 0.9)} l {_n(gx + 0.9, 0)} l {_n(gx, -0.9)} l f"
              for gx in (step / 4, step * 3 / 4)]  # fmt: skip
    period = " ".join([_stroke(GOLD, 0.55), *outer, _stroke(LIGHT_GOLD, 0.45), *inner, *grains])
    along = f" 1 0 0 1 {step:.4f} 0 cm "
    return f"q {_n(*GOLD)} rg 1 J 1 0 0 1 {_n(x, y)} cm {along.join([period] * periods)} Q"


def _rosette(cx: float, cy: float, radius: float) -> str:
    """A corner: an open lotus seen from above, in a square frame."""
    side = radius * 1.28
    square = f"{_n(cx - side, cy - side, 2 * side, 2 * side)} re"
    outer = " ".join(_turned(cx, cy, 45 * n, f"{_petal(radius, radius * 0.5)} B") for n in range(8))
    inner = " ".join(
        _turned(cx, cy, 45 * n + 22.5, f"{_petal(radius * 0.62, radius * 0.32)} B") for n in range(8)
    )
    return (
        f"{_n(*WHITE)} rg {_stroke(GOLD, 1.1)} {square} B {_n(*PALE_GOLD)} rg {_stroke(GOLD, 0.55)} {outer} "
        f"{_n(*WHITE)} rg {_stroke(GOLD, 0.5)} {inner} "
        f"{_n(*GOLD)} rg {_turned(cx, cy, 45, f'{_n(-1.6, -1.6, 3.2, 3.2)} re f')}"
    )


def _box(inset: float, size: tuple[float, float], notch: float = 0) -> str:
    """A rectangle inside the page; `notch` takes its corners in."""
    w, h = size
    a, b = inset, inset + notch
    if not notch:
        return f"{_n(a, a, w - 2 * a, h - 2 * a)} re"
    points = [(b, a), (w - b, a), (w - b, b), (w - a, b), (w - a, h - b), (w - b, h - b), (w - b, h - a),
              (b, h - a), (b, h - b), (a, h - b), (a, b), (b, b)]  # fmt: skip
    return " ".join(f"{_n(*p)} {'l' if n else 'm'}" for n, p in enumerate(points)) + " h"


@functools.cache
def _certificate_frame(size: tuple[float, float]) -> str:
    """The gold border: two rules, a braid between them, a rosette at each corner, a fine rule inside."""
    w, h = size
    outer, inner, corner = 27.0, 46.0, 14.5
    middle, amplitude = (outer + inner) / 2, 6.0
    start = middle + corner * 1.28
    rosettes = [_rosette(x, y, corner) for x in (middle, w - middle) for y in (middle, h - middle)]
    sides = [
        _braid(start, middle, w - 2 * start, amplitude, 21.5),
        _braid(start, h - middle, w - 2 * start, amplitude, 21.5),
        _turned(middle, 0, 90, _braid(start, 0, h - 2 * start, amplitude, 21.5)),
        _turned(w - middle, 0, 90, _braid(start, 0, h - 2 * start, amplitude, 21.5)),
    ]
    return " ".join(
        [
            _stroke(GOLD, 1.8), _box(outer, size), "S", _stroke(GOLD, 0.5), _box(outer + 3.2, size), "S",
            _stroke(GOLD, 0.5), _box(inner - 3.2, size), "S", _stroke(GOLD, 1.1), _box(inner, size), "S",
            *sides, *rosettes,
            _stroke(LIGHT_GOLD, 0.5), _box(inner + 5, size, notch=13), "S",
        ]
    )  # fmt: skip


@functools.cache
def _receipt_frame(size: tuple[float, float]) -> str:
    return f"{_stroke(GOLD, 1.2)} {_box(28, size)} S {_stroke(LIGHT_GOLD, 0.5)} {_box(32, size, notch=9)} S"


@functools.cache
def _watermark(cx: float, cy: float, height: float) -> str:
    """A large lotus in fine pale lines, behind the text: ornament and a little harder to copy."""
    rings = [
        f"{_stroke(FAINT_GOLD, 0.8)} {_lotus(cx, cy, height * part, 'S')}" for part in (1, 0.93, 0.86, 0.79)
    ]
    return " ".join(rings)


@functools.cache
def _divider(width: float) -> str:
    """A small lotus between two tapering lines, around 0,0."""
    wing = f"{_n(14, 1.2)} m {_n(width / 2, 2.4)} l {_n(14, 3.6)} l f"
    g = width / 2 + 5
    gem = f"{_n(g, 0.4)} m {_n(g + 2, 2.4)} l {_n(g, 4.4)} l {_n(g - 2, 2.4)} l f"
    one = f"{wing} {gem}"
    return (
        f"{_n(*GOLD)} rg {one} q -1 0 0 1 0 0 cm {one} Q "
        f"{_n(*PALE_GOLD)} rg {_stroke(GOLD, 0.6)} {_lotus(0, -1, 12, 'B')}"
    )


# ------------------------------------------------------------------------------------------ blocks


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set. It may shrink to `least` points before it takes more than its lines."""

    face: str
    size: float
    least: float
    colour: Colour = INK
    leading: float = 1.3
    spacing: float = 0

    def width(self, text: str, size: float) -> float:
        return _units(text, self.face) * size / 1000 + self.spacing * len(text)


class Block(Protocol):
    """Something of a known height that can be drawn from its top downward."""

    @property
    def height(self) -> float: ...

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None: ...


@dataclass(slots=True)
class Text:
    """Lines already broken to a width."""

    style: Style
    size: float
    lines: tuple[str, ...]
    align: float = 0.5  # 0 left, 0.5 centre, 1 right
    role: str = "P"
    lang: str | None = None
    within: _Element | None = None

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * self.style.leading

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        with sheet.marked(sheet.element(self.role, lang=self.lang, within=self.within)):
            for n, line in enumerate(self.lines):
                # Capitals with two marks (Ễ) stand about one em above the line.
                y = top - self.size * (0.76 + self.style.leading / 6 + n * self.style.leading)
                indent = (width - self.style.width(line, self.size)) * self.align
                sheet.line(line, x + indent, y, self.style, self.size)


@dataclass(slots=True)
class Gap:
    """Empty height; `stretch` is its share of what the page has left over."""

    height: float
    stretch: float = 0

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        pass


@dataclass(slots=True)
class Ornament:
    operators: str
    height: float

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        sheet.artifact(f"1 0 0 1 {_n(x + width / 2, top - self.height)} cm {self.operators}")


@dataclass(slots=True)
class Stack:
    blocks: Sequence[Block]

    @property
    def height(self) -> float:
        return sum(block.height for block in self.blocks)

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        for block in self.blocks:
            block.draw(sheet, x, top, width)
            top -= block.height


@dataclass(slots=True)
class Columns:
    """Blocks side by side, with the same top; `rule` draws a fine line between them."""

    cells: Sequence[tuple[float, Block]]
    gutter: float = 0
    rule: bool = False

    @property
    def height(self) -> float:
        return max(block.height for _, block in self.cells)

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        for n, (wide, block) in enumerate(self.cells):
            if n and self.rule:
                at = x - self.gutter / 2
                bottom = top - self.height
                sheet.artifact(f"{_stroke(LIGHT_GOLD, 0.6)} {_n(at, top - 2)} m {_n(at, bottom)} l S")
            block.draw(sheet, x, top, wide)
            x += wide + self.gutter


@dataclass(slots=True)
class QrCode:
    content: str
    height: float

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        rows = _qr_rows(self.content)
        module = self.height / (len(rows) + 8)  # four modules of quiet on each side
        if module < _LEAST_MODULE:
            raise Rejected(Reason.TOO_LARGE, "more than a QR code of this size can hold", field="check.qr")
        runs = []
        for down, row in enumerate(rows):
            across = 0
            while across < len(row):
                start = across
                while across < len(row) and row[across]:
                    across += 1
                if across > start:
                    runs.append(f"{start + 4} {len(rows) + 3 - down} {across - start} 1 re")
                across += 1
        ground = f"1 g {_n(0, 0)} {len(rows) + 8} {len(rows) + 8} re f 0 g"
        with sheet.marked(sheet.element("Figure", alt="Mã QR để kiểm tra giấy này")):
            placed = f"q {module:.4f} 0 0 {module:.4f} {_n(x, top - self.height)} cm"
            sheet.draw(f"{placed} {ground} {' '.join(runs)} f Q")


_LEAST_MODULE = 0.72  # points, a quarter of a millimetre: what an office printer keeps apart


def _qr_rows(content: str) -> Sequence[Sequence[int]]:
    try:
        # A given mask makes the code six times as quick to make and no harder to read.
        code = segno.make_qr(content, error="m", mask=2)
    except segno.DataOverflowError as error:
        raise Rejected(Reason.TOO_LARGE, "more than a QR code can hold", field="check.qr") from error
    return code.matrix


def _set(text: str, style: Style, width: float, *, lines: int = 1, scale: float = 1, **how: Any) -> Text:
    """The text in at most `lines` lines if its least size allows that, else in as many as it takes."""
    size = max(style.least, style.size * scale)
    while True:
        broken = _broken(text, style, size, width)
        if len(broken) <= lines or size <= style.least:
            if how.get("align", 0.5) == 0.5 and 1 < len(broken) <= lines:
                broken = _balanced(broken, text, style, size, width)
            return Text(style, size, broken, **how)
        size = max(style.least, size * 0.95)


def _balanced(lines: tuple[str, ...], text: str, style: Style, size: float, width: float) -> tuple[str, ...]:
    """As many lines, broken so that they are about as long as each other."""
    for part in (0.5, 0.6, 0.7, 0.8, 0.9):
        narrower = _broken(text, style, size, width * part)
        if len(narrower) == len(lines):
            return narrower
    return lines


def _broken(text: str, style: Style, size: float, width: float) -> tuple[str, ...]:
    if style.width(text, size) <= width:
        return (text,)
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if style.width(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _chopped(word, style, size, width)
        lines += full
    return (*lines, line)


def _chopped(word: str, style: Style, size: float, width: float) -> list[str]:
    """A word in parts that fit; a mark stays with its letter."""
    parts = [""]
    for character in word:
        fits = style.width(parts[-1] + character, size) <= width
        if fits or not parts[-1] or unicodedata.combining(character):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _fitted(make: Callable[[float], list[Block]], room: float) -> list[Block]:
    """The blocks at the largest scale at which they fit, what is left over shared among the gaps."""
    for scale in (1, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58, 0.52, 0.46, 0.4):
        blocks = make(scale)
        left = room - sum(block.height for block in blocks)
        if left >= 0:
            gaps = [block for block in blocks if isinstance(block, Gap)]
            shares = sum(gap.stretch for gap in gaps) or 1
            for gap in gaps:
                gap.height += left * gap.stretch / shares
            return blocks
    raise Rejected(Reason.TOO_LARGE, "the texts do not fit on the page")


# ------------------------------------------------------------------------- what both papers say

NATION = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")
NATION_ENGLISH = "Socialist Republic of Vietnam · Independence - Freedom - Happiness"
ANONYMOUS = "Nhà hảo tâm không nêu tên"
AS_SENT = ("tên do người gửi ghi", "name as written by the sender")
SIGN_HERE = ("(ký, ghi rõ họ tên, đóng dấu)", "Signature, full name and seal")
REPRINT = ("Bản in lại", "Reprint")

_LABEL = Style("strong", 8.6, 7, QUIET)
_SUBTITLE = Style("slanted", 7, 6, QUIET, leading=1.25)
_VALUE = Style("regular", 10.5, 8)
_FINE = Style("regular", 6.6, 5.4, QUIET, leading=1.35)


def _english(text: str, width: float, *, style: Style = _SUBTITLE, **how: Any) -> Text:
    return _set(text, style, width, lang="en", **how)


def _labelled(label: str, english: str, width: float, *, align: float = 0) -> list[Block]:
    return [_set(label, _LABEL, width, align=align), _english(english, width, align=align)]


def _nation(width: float, size: float) -> Stack:
    strong = Style("strong", size, 6.5)
    rule = f"{_stroke(INK, 0.6)} {_n(-size * 7, 0)} m {_n(size * 7, 0)} l S"
    return Stack(
        [
            _set(NATION[0], strong, width),
            _set(NATION[1], replace(strong, size=size * 1.04), width),
            Ornament(rule, 2.5),
            Gap(2.5),
            _english(NATION_ENGLISH, width),
        ]
    )


def _signature(document: Document, width: float, room: float) -> Stack:
    """Place and day, who signs, and an empty place for name and seal."""
    return Stack(
        [
            _set(f"{document.issued_at}, {long_day(document.issued_on)}", Style("slanted", 10, 7), width),
            _english(f"Date of issue {document.issued_on:%d/%m/%Y}", width),
            Gap(3),
            _set(document.signer, Style("strong", 10.5, 7), width),
            _set(SIGN_HERE[0], Style("slanted", 8.5, 7, QUIET), width),
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
        _set(check.short_code, code, wide, align=0),
        Gap(2.5),
        *_labelled("Số bản ghi", "Record index", wide),
        _set(format_number(check.index), Style("regular", 10, 6), wide, align=0),
    ]
    return Columns([(side, QrCode(check.qr, side)), (wide, Stack(lines))], gutter=8)


def _footer(document: Document, width: float, page: int, pages: int, *, align: float) -> Stack:
    check = document.check
    size = format_number(check.checkpoint_size)
    how = "Kiểm tra không cần mạng: chạy lệnh «sovang check FILE» với tệp PDF này"
    english = f"Check offline: run «sovang check FILE» on this PDF · Checkpoint size: {size} records"
    blocks: list[Block] = [
        _set(f"{how} · Mốc niêm phong: {size} bản ghi", _FINE, width, align=align),
        _english(english, width, style=replace(_SUBTITLE, size=6.2, least=5.4), align=align),
        _set(f"Khóa công khai của sổ (vkey): {check.vkey}", _FINE, width, align=align),
    ]
    if pages > 1:
        blocks.append(_set(f"Số: {document.number} · Trang {page}/{pages}", _FINE, width, align=align))
    return Stack(blocks)


@dataclass(slots=True)
class ReprintMark:
    """«Bản in lại» in a small box at the right edge."""

    height: float = 26

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        wide, right = 68.0, x + width
        sheet.artifact(f"{_stroke(RED, 0.8)} {_n(right - wide, top - self.height, wide, self.height)} re S")
        said = _set(REPRINT[0], Style("strong", 9, 9, RED), wide)
        english = _english(REPRINT[1], wide, style=replace(_SUBTITLE, colour=RED))
        Stack([said, english]).draw(sheet, right - wide, top - 2.5, wide)


def _donor(document: Document, width: float, style: Style, scale: float = 1, *, align: float) -> list[Block]:
    donor = document.donor
    # A long name takes another line before it gets small, and gets small before it takes a fourth.
    for lines, least in ((2, 0.6), (3, 0.45), (4, 0.36)):
        smaller = replace(style, least=max(style.least, style.size * least * scale))
        name = _set(donor.name or ANONYMOUS, smaller, width, lines=lines, scale=scale, align=align)
        if len(name.lines) <= lines:
            break
    blocks: list[Block] = [name]
    if donor.name is None:
        blocks.append(_english("A benefactor who prefers not to be named", width, align=align))
    elif donor.as_sent:
        blocks.append(_set(f"({AS_SENT[0]})", Style("slanted", 8.5, 7, QUIET), width, align=align))
        blocks.append(_english(AS_SENT[1], width, align=align))
    return blocks


# ----------------------------------------------------------------------------------------- goods


@dataclass(slots=True)
class TableRow:
    """One line of the list of goods, or its head."""

    cells: Sequence[tuple[float, Block]]
    table: _Element
    padding: float
    head: bool = False

    @property
    def height(self) -> float:
        return max(block.height for _, block in self.cells) + 2 * self.padding

    def draw(self, sheet: _Sheet, x: float, top: float, width: float) -> None:
        sheet.adopt(self.table)
        row = sheet.element("TR", within=self.table)
        bottom = top - self.height
        if self.head:
            sheet.artifact(f"{_n(*PALE_GOLD)} rg {_n(x, bottom, width, self.height)} re f")
        rule = _stroke(GOLD if self.head else LIGHT_GOLD, 0.6)
        sheet.artifact(f"{rule} {_n(x, bottom)} m {_n(x + width, bottom)} l S")
        for wide, block in self.cells:
            cell = sheet.element("TH" if self.head else "TD", within=row)
            for text in block.blocks if isinstance(block, Stack) else [block]:
                if isinstance(text, Text):
                    text.within = cell
            block.draw(sheet, x + 5, top - self.padding, wide - 10)
            x += wide


def _goods_rows(document: Document, table: _Element, width: float) -> tuple[TableRow, list[TableRow]]:
    widths = (34.0, width - 34 - 96 - 84, 96.0, 84.0)
    titles = (("STT", "No."), ("Tên hiện vật", "Goods"), ("Số lượng", "Quantity"), ("Đơn vị", "Unit"))
    aligns = (0.5, 0.0, 1.0, 0.0)
    # A long list is set closer, so that sixty lines and the signature take two pages.
    size, padding = (9.5, 2.5) if len(document.goods) <= 12 else (8.6, 1.1)

    def row(texts: Sequence[Block], *, head: bool = False) -> TableRow:
        return TableRow(list(zip(widths, texts, strict=True)), table, 2.5 if head else padding, head)

    def cell(column: int, text: str, lines: int) -> Block:
        style = Style("regular", size, 7)
        return _set(text, style, widths[column] - 10, lines=lines, align=aligns[column])

    # The head is made once; a table that goes on to another page repeats its look, not its tags.
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
    """Where things go on a page of one kind."""

    size: tuple[float, float]
    left: float
    top: float
    bottom: float  # above the footer
    footer_top: float
    footer_width: float
    footer_align: float
    frame: Callable[[tuple[float, float]], str]

    @property
    def width(self) -> float:
        return self.size[0] - 2 * self.left


Page = list[Callable[[_Sheet], None]]
"""What is drawn on one page, in reading order."""


def _at(block: Block, x: float, top: float, width: float) -> Callable[[_Sheet], None]:
    return lambda sheet: block.draw(sheet, x, top, width)


class _Flow:
    """Blocks set under each other; a block that does not fit opens another page."""

    def __init__(self, paper: _Paper, pages: list[Page], top: float) -> None:
        self.paper, self.pages, self.top = paper, pages, top

    def add(self, block: Block, *, again: Block | None = None) -> None:
        """`again` is repeated at the head of a page that the block had to open."""
        if block.height > self.top - self.paper.bottom:
            self.pages.append([])
            self.top = self.paper.top
            if again is not None:
                self._put(again)
        if block.height > self.top - self.paper.bottom:
            raise Rejected(Reason.TOO_LARGE, "the texts do not fit on a page")
        self._put(block)

    def goods(self, head: Block, rows: Sequence[Block], last: Sequence[Block] = ()) -> None:
        """A table whose head is repeated on each page; `last` stays with the last row."""
        held: list[Block] = [head]  # the head never stands alone at the foot of a page
        for row in rows[:-1]:
            self.add(Stack([*held, row]), again=None if held else head)
            held = []
        self.add(Stack([*held, rows[-1], *last]), again=None if held else head)

    def _put(self, block: Block) -> None:
        self.pages[-1].append(_at(block, self.paper.left, self.top, self.paper.width))
        self.top -= block.height


_A4 = (595.28, 841.89)
_RECEIPT = _Paper(
    _A4, left=58, top=788, bottom=86, footer_top=82, footer_width=479, footer_align=0.5, frame=_receipt_frame
)
_CERTIFICATE = _Paper(
    _A4[::-1],
    left=84,
    top=528,
    bottom=100,
    footer_top=94,
    footer_width=430,
    footer_align=0,
    frame=_certificate_frame,
)


def _receipt(document: Document, table: _Element) -> list[Page]:
    paper, width = _RECEIPT, _RECEIPT.width
    half = (width - 14) / 2
    issuer: list[Block] = []
    if document.issuer.parent:
        issuer.append(_set(document.issuer.parent, Style("regular", 10, 7.5), half, lines=2))
    issuer.append(_set(document.issuer.name, Style("strong", 10, 7.5, leading=1.38), half, lines=3))
    rule = f"{_stroke(INK, 0.6)} {_n(-32, 0)} m {_n(32, 0)} l S"
    number = _set(f"Số: {document.number}", Style("regular", 10, 7), half, lines=2)
    issuer += [Ornament(rule, 2.5), Gap(4), number, _english("Register number", half)]
    title, english, _ = TITLES["receipt"]
    pages: list[Page] = [[]]
    flow = _Flow(paper, pages, paper.top)
    flow.add(Columns([(half, Stack(issuer)), (half, _nation(half, 9.4))], gutter=14))
    flow.add(Gap(6))
    flow.add(ReprintMark() if document.reprint else Gap(20))
    flow.add(Gap(2))
    flow.add(_set(title, Style("strong", 21, 16, RED, spacing=0.3), width, role="H1"))
    flow.add(_english(english, width, style=Style("slanted", 10, 8, QUIET)))
    flow.add(Gap(8))
    flow.add(Ornament(_divider(150), 14))
    flow.add(Gap(16))
    flow.add(
        _set(f"{document.issuer.name} xác nhận đã tiếp nhận khoản ủng hộ:", _VALUE, width, lines=3, align=0)
    )
    flow.add(_english("confirms that it has received the following gift", width, align=0))
    flow.add(Gap(6))

    label, room = 138.0, 4.0 if document.goods else 8.0
    wide = width - label - 12

    def row(name: str, english: str, value: list[Block]) -> None:
        rule = Ornament(f"{_stroke(LIGHT_GOLD, 0.5)} {_n(-width / 2, 0)} m {_n(width / 2, 0)} l S", room)
        cells = [(label, Stack(_labelled(name, english, label))), (wide, Stack(value))]
        flow.add(Stack([Gap(room), Columns(cells, gutter=12), rule]))

    def plain(text: str, style: Style = _VALUE) -> list[Block]:
        return [_set(text, style, wide, lines=4, align=0)]

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
        flow.goods(*_goods_rows(document, table, width), last=[Gap(10), signed])
    else:
        flow.add(Gap(30))
        flow.add(signed)
    return pages


def _decision(decision: Decision) -> str:
    return f"số {decision.number}, {long_day(decision.on)}"


def _certificate(document: Document, table: _Element) -> list[Page]:
    paper, width = _CERTIFICATE, _CERTIFICATE.width
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
                _set(format_vnd(document.amount_minor), large, width, scale=scale),
                _set(words, Style("slanted", 10.5, 7), width, lines=2, scale=scale),
            ]
        if annexed:
            said = f"{len(listed)} khoản hiện vật theo danh mục kèm theo"
            return [
                _set(said, replace(large, size=16), width, scale=scale),
                _english(f"{len(listed)} kinds of goods, listed on the following page", width),
            ]
        goods = Style("strong", 15 if len(listed) < 3 else 13, 8, RED)
        return [_set(text, goods, width, scale=scale) for text in listed]

    third = (width - 2 * 24) / 3

    def fact(name: str, english: str, scale: float, *values: str) -> tuple[float, Block]:
        texts = [_set(value, Style("regular", 9.8, 7), third, lines=3, scale=scale) for value in values]
        return third, Stack([*_labelled(name, english, third, align=0.5), Gap(1.5), *texts])

    def body(scale: float) -> list[Block]:
        blocks: list[Block] = [_nation(width, 11), Gap(5, 1.1)]
        if document.issuer.parent:
            blocks.append(_set(document.issuer.parent, Style("regular", 10, 6), width, lines=2, scale=scale))
        received, decided = long_day(document.received_on), long_day(decision.on)
        return [
            *blocks,
            _set(document.issuer.name, Style("strong", 11.5, 7, leading=1.38), width, lines=2, scale=scale),
            Gap(4, 1.2),
            _set(title, Style("strong", 28, 20, RED, leading=1.26, spacing=0.5), width, role="H1"),
            _english(english, width, style=Style("slanted", 10.5, 8, QUIET)),
            Gap(5, 0.5),
            Ornament(_divider(190), 13),
            Gap(4, 0.6),
            _set("Trân trọng ghi nhận tấm lòng của", _VALUE, width),
            _english("In grateful recognition of", width),
            Gap(1, 0.4),
            *_donor(document, width, Style("strong", 26, 8, leading=1.38), scale, align=0.5),
            Gap(1, 0.7),
            _set("đã ủng hộ", _VALUE, width),
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
                rule=True,
            ),
            Gap(5, 1),
        ]

    band = 100.0
    number = Stack(
        [
            _set(f"Số: {document.number}", Style("strong", 11, 6), 180, lines=2),
            _english("Register number", 180),
        ]
    )
    signature = _signature(document, 230, 0)
    lookup = _lookup(document, 84, 224)
    # A seal is 36 mm wide and stands partly over the signature: the place must stay free.
    if signature.height > 66 or number.height > 60:
        raise Rejected(Reason.TOO_LARGE, "no room is left for signature and seal", field="signer")
    foot = paper.bottom + band
    page: Page = [
        lambda sheet: sheet.artifact(_watermark(paper.size[0] / 2, 226, 215)),
        *([_at(ReprintMark(), paper.left, paper.top, width)] if document.reprint else []),
        _at(Stack(_fitted(body, paper.top - foot)), paper.left, paper.top, width),
        _at(lookup, paper.left - 7, foot - 6, 224),
        _at(number, paper.left + (width - 180) / 2, foot - 6, 180),
        _at(signature, paper.left + width - 230, foot - 2, 230),
    ]
    pages = [page]
    if annexed:
        pages.append([])
        flow = _Flow(paper, pages, paper.top)
        flow.add(_set("DANH MỤC HIỆN VẬT KÈM THEO", Style("strong", 14, 10, RED), width, role="H2"))
        flow.add(_english("List of goods", width))
        flow.add(_set(f"Kèm theo giấy chứng nhận số {document.number}", _VALUE, width, lines=2))
        flow.add(Gap(10))
        flow.goods(*_goods_rows(document, table, width))
    return pages


_FOOTER_ROOM = 42


def render(document: Document) -> bytes:
    """The paper as PDF. Raises `Rejected`: MALFORMED (also as `GlyphMissing`), TOO_LARGE."""
    with _LOCK:
        document = _cleaned(document)
        _consistent(document)
        paper = _RECEIPT if document.kind == "receipt" else _CERTIFICATE
        title = f"{TITLES[document.kind][2]}, số {document.number}"
        table = _Element("Table")
        pages = (_receipt if document.kind == "receipt" else _certificate)(document, table)
        sheet = _Sheet(paper.size, title, document.issued_on)
        for number, page in enumerate(pages, start=1):
            if number > 1:
                sheet.next_page()
            sheet.artifact(paper.frame(paper.size))
            for draw in page:
                draw(sheet)
            wide = paper.footer_width
            footer = _footer(document, wide, number, len(pages), align=paper.footer_align)
            if footer.height > _FOOTER_ROOM:
                raise Rejected(Reason.TOO_LARGE, "the footer does not fit", field="check.vkey")
            footer.draw(sheet, paper.left, paper.footer_top, wide)
        return sheet.finish()
