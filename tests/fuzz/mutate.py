"""Structured mutation: inputs that are almost right, from a seed.

Random bytes die at a parser's first check. What reaches the later ones is a valid input with one thing off: a bit, a
number at the edge of its type, base64 spelt another way, a letter that only looks like one, a line twice, half of
another valid input. Same seed, same inputs, on every machine.
"""

import base64
import random
import re
from collections.abc import Sequence

LONGEST = 6_000
"""Bytes of one input, unless a valid one is longer: small inputs are what makes many of them cheap."""

NUMBERS = [
    *(b"0", b"-0", b"00", b"1", b"01", b"+1", b"-1", b" 1", b"1 ", b"1.0", b"1e3", b"0x1", b"1_0", b".5", b"5.", b""),
    *(b"63", b"64", b"99", b"100", b"255", b"256", b"257", b"999", b"1000", b"65535", b"65536", b"2147483648"),
    *(b"9007199254740991", b"9007199254740992", b"9223372036854775807", b"9223372036854775808"),
    *(b"18446744073709551616", b"9" * 40, b"9" * 5000, b"NaN", b"Infinity", b"-Infinity"),
    *("٣".encode(), "１２".encode(), "²".encode(), "-٣".encode()),
]

UNICODE = [
    *(
        text.encode()
        for text in ("\x00", "\x01", "\x1f", "\x7f", "\x85", "\xa0", "\u0301", "e\u0301", "\u0378", "\ufb00")
    ),
    *(
        text.encode()
        for text in ("\u2028", "\u202e", "\u200b", "\ufeff", "\ufffe", "\ufdd0", "\U0001f600", "\U0010ffff")
    ),
    *(
        text.encode()
        for text in (
            "\u0130",
            "đ",
            "Đ",
            "ố",
            "o\u0302\u0301",
            "\u212a",
            "\uff0b",
            "—",
            "–",
            "\u3000",
            "\t",
            "\r",
            "\r\n",
        )
    ),
    *(b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xff", b"\xe1\xbb", b"\x80"),
]

_DIGITS = re.compile(rb"[0-9]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{6,}={0,2}")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Mutator:
    """Draws inputs from a corpus of valid ones and a dictionary of the format's own words."""

    def __init__(self, seed: str, corpus: Sequence[bytes], words: Sequence[bytes] = ()) -> None:
        self._random = random.Random(seed).random
        self._corpus = list(corpus)
        self._words = [*words] or [b"\n", b" "]
        self._longest = max(LONGEST, *(2 * len(valid) for valid in corpus))
        self._ways = [
            *(self._flip, self._flip, self._byte, self._delete, self._repeat, self._truncate, self._splice, self._word),
            *(self._word, self._number, self._number, self._base64, self._unicode, self._line, self._exchange),
        ]

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return int(self._random() * count)

    def draw(self) -> bytes:
        """The next input: a valid one with one to a few things off."""
        return self.spoil(self._corpus[self.below(len(self._corpus))])

    def spoil(self, data: bytes) -> bytes:
        """`data` with one to a few things off."""
        for _ in range(1 + int(self._random() ** 3 * 5)):
            data = self._ways[self.below(len(self._ways))](data)
        return data[: self._longest]

    def _range(self, data: bytes, longest: int = 64) -> tuple[int, int]:
        start = self.below(len(data) + 1)
        return start, min(len(data), start + 1 + self.below(longest))

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self.below(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self.below(8),)) + data[at + 1 :]

    def _byte(self, data: bytes) -> bytes:
        at = self.below(len(data) + 1)
        return data[:at] + bytes((self.below(256),)) + data[at + self.below(2) :]

    def _delete(self, data: bytes) -> bytes:
        start, end = self._range(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        start, end = self._range(data)
        return data[:end] + data[start:end] * (1 + self.below(3)) + data[end:]

    def _truncate(self, data: bytes) -> bytes:
        at = self.below(len(data) + 1)
        return data[:at] if self.below(4) else data[at:]

    def _splice(self, data: bytes) -> bytes:
        other = self._corpus[self.below(len(self._corpus))]
        return data[: self.below(len(data) + 1)] + other[self.below(len(other) + 1) :]

    def _word(self, data: bytes) -> bytes:
        """A word of the format at a place where it does not belong, or in the place of another."""
        word = self._words[self.below(len(self._words))]
        if self.below(2):
            at = data.find(self._words[self.below(len(self._words))], self.below(len(data) + 1))
            if at >= 0:
                end = at + len(word)
                return data[:at] + word + data[end:]
        at = self.below(len(data) + 1)
        return data[:at] + word + data[at:]

    def _found(self, pattern: re.Pattern[bytes], data: bytes) -> re.Match[bytes] | None:
        # From somewhere on, so that not always the first is hit; from the start if there is none behind.
        return pattern.search(data, self.below(len(data) + 1)) or pattern.search(data)

    def _number(self, data: bytes) -> bytes:
        found = self._found(_DIGITS, data)
        if found is None:
            return data
        kind = self.below(4)
        if kind == 0:
            number = str(int(found[0][:30]) + self.below(3) - 1).encode()
        elif kind == 1:
            number = str(self.below(400)).encode()
        else:
            number = NUMBERS[self.below(len(NUMBERS))]
        return data[: found.start()] + number + data[found.end() :]

    def _base64(self, data: bytes) -> bytes:
        """The same bytes in another spelling, or other bytes in a right one."""
        found = self._found(_BASE64, data)
        if found is None:
            return data
        text = found[0]
        kind = self.below(7)
        if kind == 0:
            text = text.rstrip(b"=")
        elif kind == 1:
            text += b"="
        elif kind == 2:  # bits that no byte uses
            bare = text.rstrip(b"=")
            last = bytes((_LETTERS[_LETTERS.index(bare[-1]) ^ 1],))
            text = bare[:-1] + last + text[len(bare) :]
        elif kind == 3:
            text = text.replace(b"+", b"-").replace(b"/", b"_")
        elif kind == 4:
            at = self.below(len(text))
            text = text[:at] + (b"\n", b" ", b"\r\n", b"\t")[self.below(4)] + text[at:]
        elif kind == 5:
            text = base64.b64encode(bytes(self.below(256) for _ in range(self.below(80))))
        else:
            at = self.below(len(text))
            text = text[:at] + bytes((_LETTERS[self.below(64)],)) + text[at + 1 :]
        return data[: found.start()] + text + data[found.end() :]

    def _unicode(self, data: bytes) -> bytes:
        at = self.below(len(data) + 1)
        return data[:at] + UNICODE[self.below(len(UNICODE))] + data[at + self.below(2) :]

    def _line(self, data: bytes) -> bytes:
        """A line gone, twice, or in another place."""
        lines = data.split(b"\n")
        line = lines.pop(self.below(len(lines)))
        for _ in range(self.below(3)):
            lines.insert(self.below(len(lines) + 1), line)
        return b"\n".join(lines)

    def _exchange(self, data: bytes) -> bytes:
        """Two neighbouring stretches in the other order."""
        start, end = self._range(data)
        middle = start + self.below(end - start + 1)
        return data[:start] + data[middle:end] + data[start:middle] + data[end:]
