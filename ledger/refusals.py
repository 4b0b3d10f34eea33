"""One list of reasons for which the product says no; the list is part of the public API.

A refusal is raised as `Rejected(Reason.X, field=value, ...)`. The reason is stable: programs may
compare it, a released one is never renamed or reused. The message is for people and may change.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request was refused. Grouped by who can do something about it."""

    # The request itself
    MALFORMED = "MALFORMED"
    UNKNOWN_KIND = "UNKNOWN_KIND"
    TOO_LARGE = "TOO_LARGE"
    REFERENCE_REUSED = "REFERENCE_REUSED"
    DAY_IN_FUTURE = "DAY_IN_FUTURE"

    # Statement files: what the bank's file says, or does not say
    FILE_UNREADABLE = "FILE_UNREADABLE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    HEADER_UNKNOWN = "HEADER_UNKNOWN"
    ROW_MALFORMED = "ROW_MALFORMED"
    ROW_AMBIGUOUS = "ROW_AMBIGUOUS"
    CONTROL_MISSING = "CONTROL_MISSING"
    CONTROL_DIFFERS = "CONTROL_DIFFERS"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    ACCOUNT_DIFFERS = "ACCOUNT_DIFFERS"
    NO_LINES = "NO_LINES"
    PARTIAL_DAY = "PARTIAL_DAY"


class Rejected(Exception):
    """The request was refused and nothing was kept of it.

    `reason` is stable; `details` name the field, row or figures concerned and hold no personal data.
    """

    def __init__(self, reason: Reason, message: str = "", **details: object) -> None:
        self.reason = reason
        self.message = message
        self.details = details
        said = ", ".join(f"{name}={value}" for name, value in details.items())
        super().__init__(f"{reason}{': ' + message if message else ''}{' (' + said + ')' if said else ''}")
