"""Every refusal as problem details (RFC 9457), with exactly one status for every reason.

    {"type":"urn:sovang:reason:WOULD_BE_OVERDRAWN","title":"Không đủ số dư — The balance is too small","status":409,
     "reason":"WOULD_BE_OVERDRAWN","field":"amount","detail":"…","details":{"short_by":150000}}

Programs compare `reason`; `title` and `detail` are for people. What a library or the database says about
itself stays inside: only our own refusals' messages go out.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.words import DoorReason, field_of, shown, title
from audit.queries import QueryFailed
from ledger.refusals import Reason, Rejected
from ledger.signing import SignerRefused
from ledger.store.engine import CommitUnknown, StoreUnavailable
from ledger.store.schema import SchemaOld
from ledger.vault.seal import VaultDamaged

MEDIA_TYPE = "application/problem+json"

STATUS: dict[Reason | DoorReason, int] = {
    # 400: the request cannot be understood
    Reason.MALFORMED: 400,
    DoorReason.HOST_NOT_SERVED: 400,
    DoorReason.HTTP: 400,
    # 401, 403: who asks
    DoorReason.NO_LOGINS_YET: 401,
    Reason.NEEDS_APPROVAL: 403,
    Reason.NOT_AN_APPROVER: 403,
    DoorReason.CROSS_SITE: 403,
    # 404, 405: what is asked for is not here
    Reason.BOOK_NOT_OPEN: 404,
    Reason.NO_SUCH_RECORD: 404,
    Reason.TRANSFER_NOT_FOUND: 404,
    DoorReason.NOT_FOUND: 404,
    DoorReason.METHOD_NOT_ALLOWED: 405,
    # 409: the request is right, the book does not stand so; later it may
    Reason.BOOK_ALREADY_OPEN: 409,
    Reason.ALREADY_EXISTS: 409,
    Reason.TOO_ALIKE: 409,
    Reason.WOULD_BE_OVERDRAWN: 409,
    Reason.SHORTFALL_OPEN: 409,
    Reason.LOT_NOT_FIT: 409,
    Reason.NOT_FIRST_EXPIRED: 409,
    Reason.STAGE_NOT_ACCEPTED: 409,
    Reason.LINE_ALREADY_RECORDED: 409,
    Reason.STATEMENT_ALREADY_IMPORTED: 409,
    Reason.STATEMENT_ALREADY_WHOLE: 409,
    Reason.IMPORT_UNFINISHED: 409,
    Reason.ALREADY_REVERSED: 409,
    Reason.ALREADY_ANSWERED: 409,
    Reason.ALREADY_CLOSED: 409,
    Reason.ALREADY_APPROVED: 409,
    Reason.PROPOSAL_SETTLED: 409,
    Reason.PERIOD_CLOSED: 409,
    Reason.NOT_IN_ORDER: 409,
    Reason.NUMBER_TAKEN: 409,
    Reason.NOT_THE_HEAD: 409,
    Reason.BOOK_CLOSED: 409,
    Reason.BOOK_SET_BACK: 409,
    Reason.KEY_DIFFERS: 409,
    Reason.GIFT_TAKEN_BACK: 409,
    Reason.NOT_CHECKPOINTED: 409,
    # 413, 415
    Reason.TOO_LARGE: 413,
    Reason.FILE_TOO_LARGE: 413,
    DoorReason.NOT_JSON: 415,
    # 422: understood, and refused for what it says
    Reason.UNKNOWN_KIND: 422,
    Reason.REFERENCE_REUSED: 422,
    DoorReason.REFERENCES_DIFFER: 422,
    Reason.DAY_IN_FUTURE: 422,
    Reason.GLYPH_MISSING: 422,
    Reason.NO_SUCH_PLACE: 422,
    Reason.NO_SUCH_FUND: 422,
    Reason.NO_SUCH_PROGRAMME: 422,
    Reason.NO_SUCH_ACTIVITY: 422,
    Reason.NO_SUCH_COMMUNE: 422,
    Reason.NO_SUCH_GOODS: 422,
    Reason.NO_SUCH_PLEDGE: 422,
    Reason.NO_SUCH_CLASS: 422,
    Reason.NO_SUCH_PACKAGE: 422,
    Reason.NO_SUCH_TARGET: 422,
    Reason.NO_SUCH_STATEMENT: 422,
    Reason.NO_SUCH_LINE: 422,
    Reason.NO_SUCH_TRANSFER: 422,
    Reason.NO_SUCH_ALLOCATION: 422,
    Reason.NO_SUCH_ORDER: 422,
    Reason.NO_SUCH_LOT: 422,
    Reason.NO_SUCH_CONTRACT: 422,
    Reason.NO_SUCH_DISPUTE: 422,
    Reason.NO_SUCH_FORM: 422,
    Reason.NO_SUCH_NEED: 422,
    Reason.NO_SUCH_PLAN: 422,
    Reason.NO_SUCH_CHILD: 422,
    Reason.NO_SUCH_PROPOSAL: 422,
    Reason.NO_SUCH_SERIES: 422,
    Reason.NOT_WHAT_WAS_APPROVED: 422,
    Reason.SIGNATURE_INVALID: 422,
    Reason.POLICY_INVALID: 422,
    Reason.NEEDS_TWO_OFFICERS: 422,
    Reason.NOT_THE_RECORD: 422,
    Reason.NOT_A_GIFT: 422,
    Reason.UNIT_DIFFERS: 422,
    Reason.PARTS_DIFFER: 422,
    Reason.MORE_THAN_PLANNED: 409,
    Reason.OUTSIDE_RESTRICTION: 422,
    Reason.ABOVE_CATALOGUE: 422,
    Reason.NO_DENOMINATOR: 422,
    Reason.PLACE_NOT_OF_FUND: 422,
    Reason.HOLDER_DIFFERS: 422,
    Reason.AID_NOT_APPROVED: 422,
    Reason.AMOUNT_TOO_LARGE: 422,
    Reason.NOT_REVERSIBLE: 422,
    Reason.NO_SUCH_CAMPAIGN: 422,
    Reason.NO_SUCH_SAMPLE: 422,
    Reason.NO_SUCH_FINDING: 422,
    Reason.RECEPTION_TOO_LONG: 422,
    Reason.SEED_DIFFERS: 422,
    Reason.SMALL_GROUP_OPEN: 422,
    Reason.UNPUBLISHED_FIGURE: 422,
    Reason.NOT_IN_VAULT: 422,
    Reason.FILE_UNREADABLE: 422,
    Reason.FORMAT_UNKNOWN: 422,
    Reason.HEADER_UNKNOWN: 422,
    Reason.ROW_MALFORMED: 422,
    Reason.ROW_AMBIGUOUS: 422,
    Reason.CONTROL_MISSING: 422,
    Reason.CONTROL_DIFFERS: 422,
    Reason.CURRENCY_DIFFERS: 422,
    Reason.ACCOUNT_DIFFERS: 422,
    Reason.NO_LINES: 422,
    Reason.PARTIAL_DAY: 422,
    Reason.NOT_A_STATEMENT: 422,
    # 5xx: ours to mend
    DoorReason.INTERNAL: 500,
    DoorReason.BOOK_DAMAGED: 500,
    DoorReason.NOT_READY: 503,
    DoorReason.STORE_UNAVAILABLE: 503,
    DoorReason.COMMIT_UNKNOWN: 503,
    DoorReason.SCHEMA_OLD: 503,
    DoorReason.SIGNER_REFUSED: 503,
    DoorReason.CHECKPOINT_LATE: 503,
    DoorReason.WITNESSES_LATE: 503,
    DoorReason.WITNESS_REFUSES: 503,
}


class Refused(Exception):
    """A refusal of the door itself; `status` only where HTTP has a closer one than the table (416, 426…)."""

    def __init__(self, reason: DoorReason, detail: str = "", *, status: int | None = None, **members: object) -> None:
        self.reason = reason
        self.detail = detail
        self.status = status
        self.members = members
        super().__init__(reason)


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem details of any error; what is not ours becomes INTERNAL and says nothing of itself."""
    match error:
        case Rejected():
            figures = {name: _plain(value) for name, value in error.details.items() if name != "field"}
            return _problem(error.reason, error.message, field=field_of(error), details=figures or None)
        case Refused():
            found = _problem(error.reason, error.detail, **error.members)
            return found if error.status is None else {**found, "status": error.status}
        case CommitUnknown():
            return _problem(DoorReason.COMMIT_UNKNOWN, unknown=True)
        case StoreUnavailable():
            return _problem(DoorReason.STORE_UNAVAILABLE)
        case SchemaOld():
            return _problem(DoorReason.SCHEMA_OLD)
        case SignerRefused():
            return _problem(DoorReason.SIGNER_REFUSED, str(error), signer_reason=error.reason)
        case QueryFailed() | VaultDamaged():
            return _problem(DoorReason.BOOK_DAMAGED)
        case RequestValidationError():
            return _problem_of_parameters(error)
        case HTTPException():
            return _problem_of_http(error)
    return _problem(DoorReason.INTERNAL)


def response_of(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The answer that carries a problem."""
    return Response(
        msgspec.json.encode(problem),
        status_code=problem["status"],
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Makes the app answer every expected error with its problem details."""

    def answer(_request: Request, error: Exception) -> Response:
        return response_of(problem_of(error), getattr(error, "headers", None))

    for kind in (
        Rejected,
        Refused,
        CommitUnknown,
        StoreUnavailable,
        SchemaOld,
        SignerRefused,
        QueryFailed,
        VaultDamaged,
        RequestValidationError,
        HTTPException,
    ):
        app.add_exception_handler(kind, answer)


def _problem(reason: Reason | DoorReason, detail: str = "", **members: object) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"urn:sovang:reason:{reason}",
        "title": title(reason),
        "status": STATUS[reason],
        "reason": str(reason),
    }
    if detail:
        problem["detail"] = shown(detail)
    return problem | {name: value for name, value in members.items() if value is not None}


def _problem_of_parameters(error: RequestValidationError) -> dict[str, Any]:
    first = error.errors()[0]
    where, *names = first["loc"]
    if where == "path":
        # An odd index is answered as a missing one is: what is there cannot be told from how we refuse.
        return _problem(Reason.NO_SUCH_RECORD, field=shown(names[-1]))
    # The library's message without the input it quotes.
    return _problem(Reason.MALFORMED, str(first["msg"]), field=shown(names[-1] if names else where))


def _problem_of_http(error: HTTPException) -> dict[str, Any]:
    match error.status_code:
        case 404:
            return _problem(DoorReason.NOT_FOUND)
        case 405:
            return _problem(DoorReason.METHOD_NOT_ALLOWED)
    return {**_problem(DoorReason.HTTP), "status": error.status_code}


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int) or value is None else shown(value)
