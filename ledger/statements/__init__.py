"""Bank files → lines. Pure: a file in, typed lines or one refusal out; nothing is recorded here.

The door is `open_statement`; `control` is the one pass that must succeed before a line is used.
"""

from ledger.statements.door import FORMATS, open_statement
from ledger.statements.line import (
    Control,
    Line,
    Statement,
    StatementHead,
    class_key,
    control,
    day_evidence,
    keyed_lines,
    new_ordinals,
    partial_day,
)

__all__ = [
    "FORMATS",
    "Control",
    "Line",
    "Statement",
    "StatementHead",
    "class_key",
    "control",
    "day_evidence",
    "keyed_lines",
    "new_ordinals",
    "open_statement",
    "partial_day",
]
