"""Vietnamese text: what may be stored, how it is found again, how it is sorted.

Stored text is NFC of what was typed and nothing else is changed. Search, collision and sort each have
their own key, so no key ever has to be a compromise:

    clean("Nguyễn Thị Hoà")      the text to store, or a refusal that names the field
    mark("An\\u202eB")            a bank's memo: nothing is refused for being odd, it is made visible
    fold("Nguyễn  Thị Hòa")      "nguien thi hoa": search without marks, case, tone position, i or y
    skeleton("Quỹ А")            equal for look-alikes; a collision is flagged, never merged
    sort_key("Đỗ"), given_name_key("Đỗ Phương Uyên")

"Assigned" follows the Unicode tables of the running Python, so a newer one may accept a newer emoji.
"""

import re
import unicodedata
from typing import Final

from ledger.refusals import Reason, Rejected

MAX_CHARS: Final = 1000
"""Code points of one text, unless the caller states another limit."""

MAX_MARKS: Final = 4
"""Combining marks on one letter. Vietnamese needs two; stacks of more run over the line above."""

SOFT: Final = (
    {0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
"""Code points that show nothing although their category does not say so."""

_SPACES = re.compile(r"\s+")
_PLAIN = re.compile(r"[ -~\t\n]*")
_LINE_ENDS = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")


def clean(
    text: str,
    *,
    field: str = "text",
    multiline: bool = False,
    required: bool = False,
    max_chars: int = MAX_CHARS,
) -> str:
    """The text to store: NFC, otherwise unchanged. Raises `Rejected(MALFORMED, field=…)`.

    `multiline` admits LF. `required` is for names: outer spaces go, and something must remain that can
    be seen. A tab is kept everywhere; every other control character, invisible character (but a joiner
    inside an emoji), bidi control, private or unassigned code point is refused.
    """
    if not required and len(text) <= max_chars and _PLAIN.fullmatch(text) and (multiline or "\n" not in text):
        return text  # plain ASCII: what most bank memos are
    if len(text) > max_chars * 4:
        raise Rejected(Reason.MALFORMED, f"longer than {max_chars} characters", field=field)
    text = unicodedata.normalize("NFC", text)
    if required:
        text = text.strip()
    if len(text) > max_chars:
        raise Rejected(Reason.MALFORMED, f"longer than {max_chars} characters", field=field)
    for at, char in enumerate(text):
        if char == "\n" and multiline:
            continue
        if why := _objection(text, at, char):
            raise Rejected(Reason.MALFORMED, f"U+{ord(char):04X} is {why}", field=field, at=at)
    if _stacked(text):
        raise Rejected(Reason.MALFORMED, f"more than {MAX_MARKS} marks on one letter", field=field)
    if required and not any(_visible(char) for char in text):
        raise Rejected(Reason.MALFORMED, "is empty", field=field)
    return text


def mark(text: str) -> str:
    """A bank's own words, NFC, with every character that `clean` would refuse written out as ⟨U+202E⟩.

    A bank line is a fact that arrived: a stranger's odd memo must not be able to block a statement, and
    must not hide anything in one either. LF and tab stay. A typed "⟨U+" is itself written out, so two
    different memos never become one.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = unicodedata.normalize("NFC", text)
    out: list[str] = []
    run = 0
    for at, char in enumerate(text):
        for part in unicodedata.normalize("NFD", char):
            run = run + 1 if unicodedata.category(part) in ("Mn", "Me") and ord(part) not in SOFT else 0
        if char == "\n" or (char == "⟨" and not text.startswith("⟨U+", at)):
            out.append(char)
        elif char == "⟨" or run > MAX_MARKS or _objection(text, at, char):
            out.append(f"⟨U+{ord(char):04X}⟩")
        else:
            out.append(char)
    return "".join(out)


def fold(text: str) -> str:
    """The search key: no marks, no case, one spelling of tone position, of i and y, single spaces.

    Never a key to merge by: "Hòa" and "Hoa", "Đan" and "Dan" fold together.
    """
    if _PLAIN.fullmatch(text):
        return _SPACES.sub(" ", text.lower().replace("y", "i")).strip()
    text = unicodedata.normalize("NFKD", text).casefold()
    text = unicodedata.normalize("NFD", text)
    kept = "".join(_FOLDED.get(c, c) for c in text if not _unseen(c))
    return _SPACES.sub(" ", kept).strip()


def skeleton(text: str) -> str:
    """Equal for texts that a reader takes for one another; marks and case still count.

    A short table in the manner of Unicode UTS 39: what looks like Vietnamese Latin, digits and dashes.
    """
    text = unicodedata.normalize("NFKD", text)
    text = "".join(_LOOKS_LIKE.get(c, c) for c in text if c in _OVERLAYS or not _invisible(c))
    text = re.sub("D[̵-̸]", "Đ", re.sub("d[̵-̸]", "đ", text))
    return unicodedata.normalize("NFC", _SPACES.sub(" ", text).strip())


SortKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...], str]


def sort_key(text: str) -> SortKey:
    """Vietnamese order as CLDR `vi` has it: a ă â b c d đ e ê … o ô ơ … u ư …, then by tone in the order
    ngang huyền hỏi ngã sắc nặng, then small before capital. Spaces and signs, then digits, then letters.
    """
    primary: list[tuple[int, int]] = []
    tones: list[int] = []
    case: list[int] = []
    for char in unicodedata.normalize("NFD", text):
        if tone := _TONES.get(char):
            if tones:
                tones[-1] = tones[-1] * 8 + tone
        elif letter := _SHAPES.get((primary[-1] if primary else (0, 0), char)):
            primary[-1] = letter
        elif unicodedata.combining(char):
            if tones:
                tones[-1] = tones[-1] * 8 + 6
        elif not _invisible(char):
            small = _FOLDED_ETH.get(char.lower(), char.lower())
            primary.append(_primary(small))
            tones.append(0)
            case.append(int(char != char.lower()))
    return tuple(primary), tuple(tones), tuple(case), text


def given_name_key(name: str) -> tuple[SortKey, SortKey, SortKey]:
    """Lists of people go by given name (the last word), then middle names, then family name."""
    words = name.split()
    family = words[0] if len(words) > 1 else ""
    return sort_key(words[-1] if words else ""), sort_key(" ".join(words[1:-1])), sort_key(family)


def _objection(text: str, at: int, char: str) -> str | None:
    """Why this character may not be stored, or None."""
    if char == "\t" or " " <= char <= "~":
        return None
    if char in _LINE_ENDS:
        return "a line end in a single-line field"
    point = ord(char)
    if char == "\ufffd":
        return "a replacement character: the text was damaged before it came here"
    if point == 0x200D:
        inside = at and at + 1 < len(text) and _joins(text[at - 1]) and _pictographic(text[at + 1])
        return None if inside else "invisible"
    if point in (0xFE0E, 0xFE0F):
        before = text[at - 1] if at else ""
        return None if before and (_pictographic(before) or before in "0123456789#*") else "invisible"
    if 0xE0100 <= point <= 0xE01EF:
        return None if at and unicodedata.name(text[at - 1], "").startswith("CJK") else "invisible"
    if point in SOFT:
        return "invisible"
    match unicodedata.category(char):
        case "Cc":
            return "a control character"
        case "Cf":
            return "invisible or changes the reading direction"
        case "Cs" | "Co" | "Cn":
            return "not an assigned character"
    return None


def _stacked(text: str) -> bool:
    run = 0
    for char in unicodedata.normalize("NFD", text):
        run = run + 1 if unicodedata.category(char) in ("Mn", "Me") and ord(char) not in SOFT else 0
        if run > MAX_MARKS:
            return True
    return False


def _visible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char)[0] not in "MC" and ord(char) not in SOFT


def _unseen(char: str) -> bool:
    """Dropped from a search key: marks and everything invisible."""
    return unicodedata.category(char) in ("Mn", "Me") or _invisible(char)


def _invisible(char: str) -> bool:
    if char in "\t\n\r":
        return False
    return unicodedata.category(char) in ("Cf", "Cc", "Cs", "Cn") or ord(char) in SOFT


def _pictographic(char: str) -> bool:
    point = ord(char)
    return 0x1F000 <= point <= 0x1FAFF or 0x2190 <= point <= 0x2BFF or char in "©®‼⁉™ℹ〰〽㊗㊙"


def _joins(char: str) -> bool:
    return _pictographic(char) or char == "\ufe0f"


_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_TONES = {"̀": 1, "̉": 2, "̃": 3, "́": 4, "̣": 5}
_FOLDED = {"đ": "d", "ð": "d", "ɖ": "d", "y": "i", "ı": "i", "’": "'", "ʼ": "'", "‘": "'"}
_FOLDED_ETH = {"ð": "đ", "ɖ": "đ"}
_OVERLAYS = frozenset("̵̶̷̸")


def _primary(small: str) -> tuple[int, int]:
    if (place := _ALPHABET.find(small)) >= 0 and len(small) == 1:
        return (2, place)
    if small.isdecimal():
        return (1, unicodedata.decimal(small[0]))
    return (3 if small.isalpha() else 0, ord(small[0]))


_SHAPES: dict[tuple[tuple[int, int], str], tuple[int, int]] = {
    (_primary(base), sign): _primary(whole)
    for base, sign, whole in (
        ("a", "̆", "ă"),
        ("a", "̂", "â"),
        ("e", "̂", "ê"),
        ("o", "̂", "ô"),
        ("o", "̛", "ơ"),
        ("u", "̛", "ư"),
    )
}

_LOOKS_LIKE: dict[str, str] = {
    **dict(zip("АВЕЅІЈКМНОРСТХҮаеѕіјорсухһԁԛԝӏ", "ABESlJKMHOPCTXYaesijopcyxhdqwl", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρυιϲ", "ABEZHlKMNOPTYXoavpuic", strict=True)),
    **dict(zip("0O1Il|", "OOllll", strict=True)),
    **dict.fromkeys("ÐƉ", "Đ"),
    **dict.fromkeys("ðɖ", "đ"),
    **dict.fromkeys("‐‑‒–—―−﹘﹣-⁃˗", "-"),
    **dict.fromkeys("’‘ʼʻ′`´ˈ'", "'"),
    "ı": "i",
    "ɑ": "a",
    "ɡ": "g",
    "У": "Y",
    "Ү": "Y",
    "Ѕ": "S",
    "m": "rn",
}
