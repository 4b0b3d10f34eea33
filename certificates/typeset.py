"""Typesetting for the donor's papers: fonts, a tagged sheet, and texts that fit.

From bottom to top: which characters can be shown; the bundled fonts; `Sheet`, a canvas that writes a
tagged PDF; blocks of known height; and the fitting of text to a width and of blocks to pages. Nothing
here knows what the papers say. What is promised:

1. Text is shown whole. It wraps, then shrinks to its style's least size, then takes more lines; what
   fits nowhere is refused (TOO_LARGE), never cut.
2. All text and figures are marked content in a structure tree (ISO 32000-1, 14.7 and 14.8), in reading order;
   everything else is an artifact.
3. The same calls give the same bytes: no clock, no file but the bundled fonts.
"""

import functools
import hashlib
import io
import struct
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from xml.sax.saxutils import escape

import fontpkg_be_vietnam_pro as font_package  # type: ignore[import-untyped]
from reportlab import rl_config  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfdoc, pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont, TTFontFile, TTFontMaker  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from ledger.refusals import Reason, Rejected

# ------------------------------------------------------------------------------------ characters


class GlyphMissing(Rejected):
    """A text has characters that the fonts cannot show; `characters` names them, «U+1F338»."""

    def __init__(self, field: str, characters: tuple[str, ...]) -> None:
        self.characters = characters
        super().__init__(Reason.GLYPH_MISSING, "no glyph", field=field, characters=" ".join(characters))


def missing_glyphs(text: str) -> tuple[str, ...]:
    """The characters of `text` that cannot be shown, by number, each once, in order."""
    unknown = (c for c in unicodedata.normalize("NFC", text) if not _showable(c))
    return tuple(dict.fromkeys(f"U+{ord(c):04X}" for c in unknown))


def spelled_out(text: str) -> str:
    """`text` with each character that cannot be shown written as its number: «[U+1F338]»."""
    return "".join(c if _showable(c) else f"[U+{ord(c):04X}]" for c in unicodedata.normalize("NFC", text))


def _showable(character: str) -> bool:
    # Controls and invisible marks count as unshowable even where a font maps them: paper has no
    # way to show them, and they are how one name is made to look like another.
    return ord(character) in _font("regular").face.charToGlyph and not unicodedata.category(character).startswith("C")


# ----------------------------------------------------------------------------------------- fonts

_FACES = {
    "regular": "BeVietnamPro-Regular",
    "strong": "BeVietnamPro-SemiBold",
    "slanted": "BeVietnamPro-Italic",
}
# Page streams as plain Flate; the library's default adds an ASCII coat of a quarter more.
rl_config.useA85 = 0
# A font's face keeps a reading position, and reportlab's registry is global: one paper at a time.
ONE_PAPER = threading.Lock()


@functools.cache
def _font(name: str) -> TTFont:
    path = font_package.ROOT / "files" / f"{_FACES[name]}.ttf"
    # Without the reserved ASCII range a subset holds only what the page uses.
    font = TTFont(_FACES[name], io.BytesIO(_unhinted(path.read_bytes())), asciiReadable=0, shapable=False)
    pdfmetrics.registerFont(font)
    return font


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
    widths = _font(face).face.charWidths
    return int(sum(widths[ord(c)] for c in text))


# ---------------------------------------------------------------------------- colours and lines

Colour = tuple[float, float, float]


def rgb(hexadecimal: str) -> Colour:
    r, g, b = bytes.fromhex(hexadecimal)
    return r / 255, g / 255, b / 255


INK = rgb("2B2118")
BLACK, QUIET = rgb("000000"), rgb("4A4A4A")


def figures(*numbers: float) -> str:
    """Numbers as a page's operators take them, in hundredths of a point."""
    return " ".join(f"{number:.2f}".rstrip("0").rstrip(".") for number in numbers)


def stroke(colour: Colour, width: float) -> str:
    """Operators that choose the pen."""
    return f"{figures(*colour)} RG {figures(width)} w"


# ------------------------------------------------------------------------------- the tagged sheet


@dataclass(eq=False, slots=True)
class Element:
    """A node of the structure tree; a pair is marked content: page, number on the page."""

    role: str
    lang: str | None = None
    alt: str | None = None
    kids: "list[Element | tuple[int, int]]" = field(default_factory=list)


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


class Sheet:
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
        self._root = Element("Document")
        self._open = [self._root]
        self._owners: list[list[Element]] = [[]]
        self._digest = hashlib.sha256(title.encode())

    @contextmanager
    def inside(self, element: Element) -> Iterator[None]:
        """What follows is read as part of `element`, which may be taken up again on a later page."""
        parent = self._open[-1]
        if element not in parent.kids:
            parent.kids.append(element)
        self._open.append(element)
        yield
        self._open.pop()

    @contextmanager
    def marked(self, element: Element) -> Iterator[None]:
        """What is drawn now is the content of `element`."""
        page, number = len(self._owners) - 1, len(self._owners[-1])
        with self.inside(element):
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
        names: dict[int, Any] = {}

        def register(element: Element, parent: Any) -> Any:
            name = f"Structure{len(names)}"
            own = names[id(element)] = pdfdoc.PDFObjectReference(name)
            kids = []
            for kid in element.kids:
                if isinstance(kid, Element):
                    kids.append(register(kid, own))
                else:
                    page = pdfdoc.PDFObjectReference(f"Page{kid[0] + 1}")
                    kids.append(pdfdoc.PDFDictionary({"Type": "/MCR", "Pg": page, "MCID": kid[1]}))
            entries = {"Type": "/StructElem", "S": f"/{element.role}", "P": parent, "K": pdfdoc.PDFArray(kids)}
            if element.lang:
                entries["Lang"] = pdfdoc.PDFString(element.lang)
            if element.alt:
                entries["Alt"] = pdfdoc.PDFString(element.alt)
            document.Reference(pdfdoc.PDFDictionary(entries), name)
            return own

        top = register(self._root, pdfdoc.PDFObjectReference("StructureTree"))
        parents: list[Any] = []
        for page, owners in enumerate(self._owners):
            parents += [page, pdfdoc.PDFArray([names[id(owner)] for owner in owners])]
        tree = pdfdoc.PDFDictionary(
            {
                "Type": "/StructTreeRoot",
                "K": pdfdoc.PDFArray([top]),
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

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None: ...


@dataclass(slots=True)
class Text:
    """Lines already broken to a width."""

    style: Style
    size: float
    lines: tuple[str, ...]
    align: float = 0.5  # 0 left, 0.5 centre, 1 right
    role: str = "P"
    lang: str | None = None

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * self.style.leading

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        with sheet.marked(Element(self.role, self.lang)):
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

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        pass


@dataclass(slots=True)
class Stack:
    """Blocks under each other."""

    blocks: Sequence[Block]

    @property
    def height(self) -> float:
        return sum(block.height for block in self.blocks)

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        for block in self.blocks:
            block.draw(sheet, x, top, width)
            top -= block.height


@dataclass(slots=True)
class Columns:
    """Blocks side by side, with the same top; `rule` is the colour of a fine line between them."""

    cells: Sequence[tuple[float, Block]]
    gutter: float = 0
    rule: Colour | None = None

    @property
    def height(self) -> float:
        return max(block.height for _, block in self.cells)

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        for n, (wide, block) in enumerate(self.cells):
            if n and self.rule:
                at = x - self.gutter / 2
                bottom = top - self.height
                sheet.artifact(f"{stroke(self.rule, 0.6)} {figures(at, top - 2)} m {figures(at, bottom)} l S")
            block.draw(sheet, x, top, wide)
            x += wide + self.gutter


@dataclass(slots=True)
class GridRow:
    """One row of a table with its rules, or its shaded head; blocks stand `inset` from the rules at their sides."""

    cells: Sequence[tuple[float, Block]]
    table: Element
    head: bool = False
    least: float = 0
    inset: float = 3
    rule: float = 0.5

    @property
    def height(self) -> float:
        return max(self.least, max(block.height for _, block in self.cells) + 2 * self.inset - 1)

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        height = self.height
        if self.head:
            sheet.artifact(f"0.93 0.93 0.93 rg {figures(x, top - height, width, height)} re f")
        with sheet.inside(self.table), sheet.inside(Element("TR")):
            for wide, block in self.cells:
                sheet.artifact(f"{stroke(BLACK, self.rule)} {figures(x, top - height, wide, height)} re S")
                with sheet.inside(Element("TH" if self.head else "TD")):
                    block.draw(sheet, x + self.inset, top - (height - block.height) / 2, wide - 2 * self.inset)
                x += wide


# ----------------------------------------------------------------------------------------- fitting


def set_text(text: str, style: Style, width: float, *, lines: int = 1, scale: float = 1, **how: Any) -> Text:
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


def fitted(make: Callable[[float], list[Block]], room: float) -> list[Block]:
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


# ------------------------------------------------------------------------------------------ pages

Page = list[Callable[[Sheet], None]]
"""What is drawn on one page, in reading order."""


@dataclass(frozen=True, slots=True)
class Area:
    """Where texts stand on a page."""

    left: float
    width: float
    top: float
    bottom: float


def placed(block: Block, x: float, top: float, width: float) -> Callable[[Sheet], None]:
    return lambda sheet: block.draw(sheet, x, top, width)


class Flow:
    """Blocks set under each other; a block that does not fit opens another page."""

    def __init__(self, area: Area) -> None:
        self.pages: list[Page] = [[]]
        self._area, self._top = area, area.top

    def add(self, block: Block, *, again: Block | None = None) -> None:
        """`again` is repeated at the head of a page that the block had to open."""
        if not self._fits(block):
            self.pages.append([])
            self._top = self._area.top
            if again is not None:
                self._put(again)
        if not self._fits(block):
            raise Rejected(Reason.TOO_LARGE, "the texts do not fit on a page")
        self._put(block)

    def table(self, head: Block, rows: Sequence[Block], last: Sequence[Block] = ()) -> None:
        """A table whose head is repeated on each page; `last` stays with the last row."""
        held: list[Block] = [head]  # the head never stands alone at the foot of a page
        for row in rows[:-1]:
            self.add(Stack([*held, row]), again=None if held else head)
            held = []
        self.add(Stack([*held, rows[-1], *last]), again=None if held else head)

    def _fits(self, block: Block) -> bool:
        return block.height <= self._top - self._area.bottom

    def _put(self, block: Block) -> None:
        self.pages[-1].append(placed(block, self._area.left, self._top, self._area.width))
        self._top -= block.height
