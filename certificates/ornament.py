"""What is drawn on the donor's papers, not written: the gold frames, lotus, rosettes, and the QR code.

Ornaments are operators as text (ISO 32000-1, 8.5), made once a process: m move, l line, c curve,
re rectangle, S stroke, f fill, B both, w width, RG and rg colours, cm a change of coordinates, q and Q a
bracket. They are for `Sheet.artifact`: nobody is read an ornament aloud. The QR code alone is a tagged block.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import segno

from certificates.typeset import Colour, Element, Sheet, figures, rgb, stroke
from ledger.refusals import Reason, Rejected

GOLD, LIGHT_GOLD, PALE_GOLD, FAINT_GOLD = rgb("B0822B"), rgb("D9B968"), rgb("F1E6CB"), rgb("F6EFDD")
WHITE = (1.0, 1.0, 1.0)


@dataclass(slots=True)
class Ornament:
    """Operators drawn around the middle of the block's lower edge."""

    operators: str
    height: float

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        sheet.artifact(f"1 0 0 1 {figures(x + width / 2, top - self.height)} cm {self.operators}")


def rule(colour: Colour, width: float, length: float) -> str:
    """Operators for a level line, its middle at 0,0."""
    return f"{stroke(colour, width)} {figures(-length / 2, 0)} m {figures(length / 2, 0)} l S"


# ----------------------------------------------------------------------------------- lotus and braid


def _turned(cx: float, cy: float, angle: float, operators: str) -> str:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return f"q {cos:.4f} {sin:.4f} {-sin:.4f} {cos:.4f} {figures(cx, cy)} cm {operators} Q"


def _petal(length: float, width: float) -> str:
    """A lotus petal: from the base at 0,0 upward, widest above the middle, to a point."""
    l, w = length, width / 2  # noqa: E741
    return (
        f"0 0 m {figures(-w * 0.9, l * 0.16, -w * 1.35, l * 0.62, 0, l)} c "
        f"{figures(w * 1.35, l * 0.62, w * 0.9, l * 0.16, 0, 0)} c"
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
        f"0 0 m {figures(half * 0.3642, peak, half * 0.6358, peak, half, 0)} c "
        f"{figures(half * 1.3642, -peak, half * 1.6358, -peak, length, 0)} c S"
    )


def _braid(x: float, y: float, length: float, amplitude: float, pitch: float) -> str:
    """A band of interlaced lines with a grain in each eye, like the edge of a banknote.

    One period is written again and again after a step to the side: equal text packs to nothing.
    """
    periods = max(1, round(length / pitch))
    step = length / periods
    outer = [_wave(step, sign * amplitude * part) for sign in (1, -1) for part in (1, 0.72)]
    inner = [_wave(step, sign * amplitude * 0.36) for sign in (1, -1)]
    grains = [f"{figures(gx - 0.9, 0)} m {figures(gx, 0.9)} l {figures(gx + 0.9, 0)} l {figures(gx, -0.9)} l f"
              for gx in (step / 4, step * 3 / 4)]  # fmt: skip
    period = " ".join([stroke(GOLD, 0.55), *outer, stroke(LIGHT_GOLD, 0.45), *inner, *grains])
    along = f" 1 0 0 1 {step:.4f} 0 cm "
    return f"q {figures(*GOLD)} rg 1 J 1 0 0 1 {figures(x, y)} cm {along.join([period] * periods)} Q"


def _rosette(cx: float, cy: float, radius: float) -> str:
    """A corner: an open lotus seen from above, in a square frame."""
    side = radius * 1.28
    square = f"{figures(cx - side, cy - side, 2 * side, 2 * side)} re"
    outer = " ".join(_turned(cx, cy, 45 * n, f"{_petal(radius, radius * 0.5)} B") for n in range(8))
    inner = " ".join(_turned(cx, cy, 45 * n + 22.5, f"{_petal(radius * 0.62, radius * 0.32)} B") for n in range(8))
    return (
        f"{figures(*WHITE)} rg {stroke(GOLD, 1.1)} {square} B {figures(*PALE_GOLD)} rg {stroke(GOLD, 0.55)} {outer} "
        f"{figures(*WHITE)} rg {stroke(GOLD, 0.5)} {inner} "
        f"{figures(*GOLD)} rg {_turned(cx, cy, 45, f'{figures(-1.6, -1.6, 3.2, 3.2)} re f')}"
    )


# ---------------------------------------------------------------------------------------- frames


def _box(inset: float, size: tuple[float, float], notch: float = 0) -> str:
    """A rectangle inside the page; `notch` takes its corners in."""
    w, h = size
    a, b = inset, inset + notch
    if not notch:
        return f"{figures(a, a, w - 2 * a, h - 2 * a)} re"
    points = [(b, a), (w - b, a), (w - b, b), (w - a, b), (w - a, h - b), (w - b, h - b), (w - b, h - a),
              (b, h - a), (b, h - b), (a, h - b), (a, b), (b, b)]  # fmt: skip
    return " ".join(f"{figures(*p)} {'l' if n else 'm'}" for n, p in enumerate(points)) + " h"


@functools.cache
def certificate_frame(size: tuple[float, float]) -> str:
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
            stroke(GOLD, 1.8), _box(outer, size), "S", stroke(GOLD, 0.5), _box(outer + 3.2, size), "S",
            stroke(GOLD, 0.5), _box(inner - 3.2, size), "S", stroke(GOLD, 1.1), _box(inner, size), "S",
            *sides, *rosettes,
            stroke(LIGHT_GOLD, 0.5), _box(inner + 5, size, notch=13), "S",
        ]
    )  # fmt: skip


@functools.cache
def receipt_frame(size: tuple[float, float]) -> str:
    """Two thin gold rules, the inner one with its corners taken in."""
    return f"{stroke(GOLD, 1.2)} {_box(28, size)} S {stroke(LIGHT_GOLD, 0.5)} {_box(32, size, notch=9)} S"


@functools.cache
def watermark(cx: float, cy: float, height: float) -> str:
    """A large lotus in fine pale lines, behind the text: ornament and a little harder to copy."""
    rings = [f"{stroke(FAINT_GOLD, 0.8)} {_lotus(cx, cy, height * part, 'S')}" for part in (1, 0.93, 0.86, 0.79)]
    return " ".join(rings)


@functools.cache
def divider(width: float) -> str:
    """A small lotus between two tapering lines, around 0,0."""
    wing = f"{figures(14, 1.2)} m {figures(width / 2, 2.4)} l {figures(14, 3.6)} l f"
    g = width / 2 + 5
    gem = f"{figures(g, 0.4)} m {figures(g + 2, 2.4)} l {figures(g, 4.4)} l {figures(g - 2, 2.4)} l f"
    one = f"{wing} {gem}"
    return (
        f"{figures(*GOLD)} rg {one} q -1 0 0 1 0 0 cm {one} Q "
        f"{figures(*PALE_GOLD)} rg {stroke(GOLD, 0.6)} {_lotus(0, -1, 12, 'B')}"
    )


# --------------------------------------------------------------------------------------- QR code

_LEAST_MODULE = 0.72  # points, a quarter of a millimetre: what an office printer keeps apart


@dataclass(slots=True)
class QrCode:
    """A square code; one whose modules a printer would run together is refused (TOO_LARGE)."""

    content: str
    height: float

    def draw(self, sheet: Sheet, x: float, top: float, width: float) -> None:
        rows = _qr_rows(self.content)
        module = self.height / (len(rows) + 8)  # four modules of quiet on each side
        if module < _LEAST_MODULE:
            raise Rejected(Reason.TOO_LARGE, "more than a QR code of this size can hold", field="check.qr")
        runs = []
        for down, row in enumerate(rows):
            across = 0
            for dark, modules in groupby(row, key=bool):
                length = len(list(modules))
                if dark:
                    runs.append(f"{across + 4} {len(rows) + 3 - down} {length} 1 re")
                across += length
        ground = f"1 g 0 0 {len(rows) + 8} {len(rows) + 8} re f 0 g"
        scaled = f"q {module:.4f} 0 0 {module:.4f} {figures(x, top - self.height)} cm"
        with sheet.marked(Element("Figure", alt="Mã QR để kiểm tra giấy này")):
            sheet.draw(f"{scaled} {ground} {' '.join(runs)} f Q")


def _qr_rows(content: str) -> Sequence[Sequence[int]]:
    try:
        # A given mask makes the code six times as quick to make and no harder to read.
        code = segno.make_qr(content, error="m", mask=2)
    except segno.DataOverflowError as error:
        raise Rejected(Reason.TOO_LARGE, "more than a QR code can hold", field="check.qr") from error
    return code.matrix
