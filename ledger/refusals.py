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
    GLYPH_MISSING = "GLYPH_MISSING"

    # What the request builds on is not there, or is already
    BOOK_NOT_OPEN = "BOOK_NOT_OPEN"
    BOOK_ALREADY_OPEN = "BOOK_ALREADY_OPEN"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    TOO_ALIKE = "TOO_ALIKE"
    NO_SUCH_RECORD = "NO_SUCH_RECORD"
    NO_SUCH_PLACE = "NO_SUCH_PLACE"
    NO_SUCH_FUND = "NO_SUCH_FUND"
    NO_SUCH_PROGRAMME = "NO_SUCH_PROGRAMME"
    NO_SUCH_ACTIVITY = "NO_SUCH_ACTIVITY"
    NO_SUCH_COMMUNE = "NO_SUCH_COMMUNE"
    NO_SUCH_GOODS = "NO_SUCH_GOODS"
    NO_SUCH_PLEDGE = "NO_SUCH_PLEDGE"
    NO_SUCH_CLASS = "NO_SUCH_CLASS"
    NO_SUCH_PACKAGE = "NO_SUCH_PACKAGE"
    NO_SUCH_TARGET = "NO_SUCH_TARGET"
    NO_SUCH_STATEMENT = "NO_SUCH_STATEMENT"
    NO_SUCH_LINE = "NO_SUCH_LINE"
    NO_SUCH_TRANSFER = "NO_SUCH_TRANSFER"
    NO_SUCH_ALLOCATION = "NO_SUCH_ALLOCATION"
    NO_SUCH_ORDER = "NO_SUCH_ORDER"
    NO_SUCH_LOT = "NO_SUCH_LOT"
    NO_SUCH_CONTRACT = "NO_SUCH_CONTRACT"
    NO_SUCH_NEED = "NO_SUCH_NEED"
    NO_SUCH_PLAN = "NO_SUCH_PLAN"
    NO_SUCH_CHILD = "NO_SUCH_CHILD"
    NO_SUCH_DISPUTE = "NO_SUCH_DISPUTE"
    NO_SUCH_PROPOSAL = "NO_SUCH_PROPOSAL"
    NO_SUCH_SERIES = "NO_SUCH_SERIES"
    NO_SUCH_FORM = "NO_SUCH_FORM"
    TRANSFER_NOT_FOUND = "TRANSFER_NOT_FOUND"
    NOT_THE_RECORD = "NOT_THE_RECORD"
    NOT_A_GIFT = "NOT_A_GIFT"
    NOT_THE_HEAD = "NOT_THE_HEAD"

    # The rules of money
    WOULD_BE_OVERDRAWN = "WOULD_BE_OVERDRAWN"
    SHORTFALL_OPEN = "SHORTFALL_OPEN"
    UNIT_DIFFERS = "UNIT_DIFFERS"
    PARTS_DIFFER = "PARTS_DIFFER"
    MORE_THAN_PLANNED = "MORE_THAN_PLANNED"
    OUTSIDE_RESTRICTION = "OUTSIDE_RESTRICTION"
    ABOVE_CATALOGUE = "ABOVE_CATALOGUE"
    NO_DENOMINATOR = "NO_DENOMINATOR"
    PLACE_NOT_OF_FUND = "PLACE_NOT_OF_FUND"
    LOT_NOT_FIT = "LOT_NOT_FIT"
    NOT_FIRST_EXPIRED = "NOT_FIRST_EXPIRED"
    STAGE_NOT_ACCEPTED = "STAGE_NOT_ACCEPTED"
    HOLDER_DIFFERS = "HOLDER_DIFFERS"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    NOT_AN_APPROVER = "NOT_AN_APPROVER"
    NOT_WHAT_WAS_APPROVED = "NOT_WHAT_WAS_APPROVED"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"

    # Keys, witnesses, the book's end
    BOOK_CLOSED = "BOOK_CLOSED"
    BOOK_SET_BACK = "BOOK_SET_BACK"
    KEY_DIFFERS = "KEY_DIFFERS"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    POLICY_INVALID = "POLICY_INVALID"
    NEEDS_TWO_OFFICERS = "NEEDS_TWO_OFFICERS"

    # What was done stays done
    ALREADY_APPROVED = "ALREADY_APPROVED"
    PROPOSAL_SETTLED = "PROPOSAL_SETTLED"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    NOT_IN_ORDER = "NOT_IN_ORDER"
    NUMBER_TAKEN = "NUMBER_TAKEN"
    ALREADY_ANSWERED = "ALREADY_ANSWERED"
    LINE_ALREADY_RECORDED = "LINE_ALREADY_RECORDED"
    STATEMENT_ALREADY_IMPORTED = "STATEMENT_ALREADY_IMPORTED"
    STATEMENT_ALREADY_WHOLE = "STATEMENT_ALREADY_WHOLE"
    ALREADY_REVERSED = "ALREADY_REVERSED"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    GIFT_TAKEN_BACK = "GIFT_TAKEN_BACK"
    NOT_CHECKPOINTED = "NOT_CHECKPOINTED"

    # People
    SMALL_GROUP_OPEN = "SMALL_GROUP_OPEN"
    UNPUBLISHED_FIGURE = "UNPUBLISHED_FIGURE"
    NOT_IN_VAULT = "NOT_IN_VAULT"

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
    NOT_A_STATEMENT = "NOT_A_STATEMENT"
    IMPORT_UNFINISHED = "IMPORT_UNFINISHED"


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
