"""The OpenAPI document: what the routes say, with the kinds' own schemas, examples and every refusal."""

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, STATUS
from api.reports import XLSX_TYPE
from api.v1.examples import EXAMPLES, MANY, WANTED
from api.v1.schema import entry_schemas
from api.words import WORDS

_DESCRIPTION = (
    "Sổ quyên góp mà không ai phải tin ai — a donation ledger that nobody has to trust.\n\n"
    "Mọi từ chối là `application/problem+json` với `reason` ổn định. — Every refusal is `application/problem+json` "
    "with a stable `reason`; `title` and `detail` are for people and may change.\n\n"
    "Chưa có đăng nhập: chỉ phục vụ trên chính máy này. — There are no logins yet: only this machine is served."
)

_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_STATE = {"type": "string", "enum": ["recorded", "checkpointed", "witnessed"]}
_INDEX = {"type": "integer", "minimum": 0}
_AGE = {
    "cosigned_at": {"type": "string", "description": "When the newest cosignature was given."},
    "cosignature_age_seconds": {"type": "integer"},
}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": required | (optional or {}), "required": list(required)}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT = {"type": "string"}

_SCHEMAS: dict[str, Any] = {
    "Request": {
        **_object(
            {"entry": _ref("Entry")},
            {
                "reference": {
                    "type": ["string", "null"],
                    "pattern": "^[!-~]{1,120}$",
                    "description": "Cùng mã, cùng yêu cầu: không ghi hai lần — same key, same request: recorded once",
                }
            },
        ),
        "additionalProperties": False,
    },
    "Requests": {
        **_object({"entries": {**_list(_ref("Request")), "minItems": 1, "maxItems": 1000}}),
        "additionalProperties": False,
    },
    "Problem": _object(
        {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "reason": _TEXT},
        {
            "field": _TEXT,
            "detail": _TEXT,
            "details": {"type": "object"},
            "unknown": {"type": "boolean", "description": "Whether it was recorded is not known."},
        },
    ),
    "Checkpoint": _object({"origin": _TEXT, "size": _INDEX, "root": _HASH, "note": _TEXT}),
    "Recorded": _object({"index": _INDEX, "leaf_hash": _HASH, "state": _STATE, "repeated": {"type": "boolean"}}),
    "RecordAnswer": _object(
        {"recorded": _list(_ref("Recorded"))}, {"checkpoint": _ref("Checkpoint"), "problem": _ref("Problem"), **_AGE}
    ),
    "Record": _object(
        {
            "at": _TEXT,
            "book": _TEXT,
            "by": _TEXT,
            "entry": {"type": "object", "properties": {"kind": _TEXT}, "required": ["kind"]},
            "index": _INDEX,
            "postings": _list(_ref("Posting")),
            "previous": _HASH,
            "reference": _TEXT,
            "v": {"const": 1},
        }
    ),
    "Page": _object(
        {
            "size": _INDEX,
            "entries": _list(_object({"index": _INDEX, "leaf_hash": _HASH, "state": _STATE, "record": _ref("Record")})),
        },
        {"next": _INDEX, **_AGE},
    ),
    "Balances": _object(
        {
            "book": _TEXT,
            "at": {"type": ["integer", "null"]},
            "on": {"type": ["string", "null"], "format": "date"},
            "balances": _list(_object({"account": _TEXT, "unit": _TEXT, "minor": {"type": "integer"}})),
        }
    ),
    "Reports": _object(
        {"reports": _list(_object({"kind": _TEXT, "title": _list(_TEXT), "options": {"type": "object"}}))}
    ),
    "Report": _object(
        {
            "kind": _TEXT,
            "title": _list(_TEXT),
            "from_on": {"type": "string", "format": "date"},
            "to_on": {"type": "string", "format": "date"},
            "columns": _list(
                _object({"name": _TEXT, "vi": _TEXT, "en": _TEXT, "kind": _TEXT, "total": {"type": "boolean"}})
            ),
            "rows": _list(_object({"cells": {"type": "object"}, "records": _list(_INDEX)})),
            "totals": _list(_object({"cells": {"type": "object"}, "records": _list(_INDEX)})),
            "notes": _list(_TEXT),
            "size": _INDEX,
            "book": _TEXT,
            "sha256": _HASH,
            "root": {"type": ["string", "null"]},
            "options": {"type": "object"},
        },
        {"vouchers": _list({"type": "object"})},
    ),
    "Wanted": {
        **_object(
            {
                "day": {"type": "string", "format": "date", "description": "When the bank booked it."},
                "amount": _ref("Amount"),
                "reference": {
                    "type": "string",
                    "minLength": 8,
                    "maxLength": 1000,
                    "description": "Mã giao dịch đầy đủ của ngân hàng — the bank's full reference, all of it",
                },
            },
            {"place": {"type": ["string", "null"], "pattern": "^bank:[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"}},
        ),
        "additionalProperties": False,
    },
    "Found": _object(
        {
            "index": _INDEX,
            "state": _STATE,
            "explained_by": {**_list(_INDEX), "description": "The records that say what the money is for."},
            "waiting": _object({"minor": {"type": "integer"}, "unit": _TEXT}),
            "proof": {"type": "string", "description": "A .tlog-proof with the record as its extra data."},
        }
    ),
    "PaperState": _object(
        {
            "paper": {"type": "string", "enum": ["certificate", "receipt"]},
            "year": {"type": "integer"},
            "number": {"type": "integer"},
            "shown": _TEXT,
            "state": {"type": "string", "enum": ["valid", "revoked", "cancelled"]},
            "index": _INDEX,
            "gift": _INDEX,
            "minor": {"type": "integer"},
            "unit": _TEXT,
            "issued_on": {"type": "string", "format": "date"},
            "decision": {"type": ["string", "null"]},
            "decided_on": {"type": ["string", "null"], "format": "date"},
            "signer": {"type": ["string", "null"]},
            "ended_by": {"type": ["integer", "null"], "description": "The record that ended it."},
        }
    ),
    "Place": _object({"index": _INDEX, "leaf_hash": _HASH, "repeated": {"type": "boolean"}}),
    "Refusal": {
        **_object({"why": {"type": "string", "minLength": 1, "maxLength": 200}}),
        "additionalProperties": False,
    },
    "Approval": _object({"approval": _ref("Place"), "entry": {"anyOf": [_ref("Place"), {"type": "null"}]}}),
    "Declining": _object({"declined": _ref("Place")}),
    "Deadlines": _object(
        {
            "today": {"type": "string", "format": "date"},
            "deadlines": _list(
                _object(
                    {
                        "due_on": {"type": "string", "format": "date"},
                        "days_left": {"type": "integer", "description": "Negative when overdue."},
                        "overdue": {"type": "boolean"},
                        "sort": _TEXT,
                        "code": _TEXT,
                        "period": _TEXT,
                        "what": {**_list(_TEXT), "description": "Vietnamese, English."},
                        "record": {"type": ["integer", "null"]},
                        "minor": {"type": ["integer", "null"]},
                        "unit": {"type": ["string", "null"]},
                        "source": {"type": ["string", "null"]},
                        "verified": {"type": "boolean", "description": "Whether the figure was seen in its text."},
                    }
                )
            ),
        }
    ),
    "Loaded": _object(
        {
            "lines": _INDEX,
            "recorded": _INDEX,
            "repeated": {**_INDEX, "description": "Of those that were there already."},
            "faults": _list(_object({"row": _INDEX, "column": _TEXT, "reason": _TEXT, "message": _TEXT})),
        }
    ),
    "Kinds": _object({"kinds": _list({"type": "object"}), "$defs": {"type": "object"}}),
    "Ready": _object({"ready": {"const": True}, "alarms": _list({"type": "object"}), "books": {"type": "object"}}),
    "Health": _object({"ok": {"const": True}, "sqlite": {"type": "object"}}),
}

_JSON = "application/json"
_BYTES = {"type": "string", "format": "binary"}

# What each operation answers when all is well: (method, path) → status → (media type, schema).
_ANSWERS: dict[tuple[str, str], dict[int, tuple[str, dict[str, Any]]]] = {
    ("post", "/api/v1/entries"): {status: (_JSON, _ref("RecordAnswer")) for status in (201, 200, 202)},
    ("get", "/api/v1/entries"): {200: (_JSON, _ref("Page"))},
    ("get", "/api/v1/entries/{index}"): {200: (_JSON, _ref("Record"))},
    ("get", "/api/v1/balances"): {200: (_JSON, _ref("Balances"))},
    ("get", "/api/v1/reports"): {200: (_JSON, _ref("Reports"))},
    ("get", "/api/v1/reports/{kind}"): {200: (_JSON, _ref("Report"))},
    ("post", "/api/v1/find"): {200: (_JSON, _ref("Found"))},
    ("post", "/api/v1/load/{what}"): {200: (_JSON, _ref("Loaded"))},
    ("post", "/api/v1/proposals/{index}/approve"): {status: (_JSON, _ref("Approval")) for status in (201, 200)},
    ("post", "/api/v1/proposals/{index}/decline"): {status: (_JSON, _ref("Declining")) for status in (201, 200)},
    ("get", "/api/v1/proofs/{index}"): {200: ("application/octet-stream", _BYTES)},
    ("get", "/api/v1/checkpoint"): {200: ("text/plain", _TEXT)},
    ("get", "/api/v1/log/{book}/checkpoint"): {200: ("text/plain", _TEXT)},
    ("get", "/api/v1/log/{book}/checkpoint.witnessed"): {200: ("text/plain", _TEXT)},
    ("get", "/api/v1/log/{book}/tile/{path}"): {200: ("application/octet-stream", _BYTES)},
    ("get", "/api/v1/papers/{index}.pdf"): {200: ("application/pdf", _BYTES)},
    ("get", "/api/v1/certificates/{paper}/{year}/{number}"): {200: (_JSON, _ref("PaperState"))},
    ("get", "/verify.html"): {200: ("text/html", _TEXT)},
    ("get", "/verify.py"): {200: ("text/plain", _TEXT)},
    ("get", "/api/v1/deadlines"): {200: (_JSON, _ref("Deadlines"))},
    ("get", "/api/v1/kinds"): {200: (_JSON, _ref("Kinds"))},
    ("get", "/healthz"): {200: (_JSON, _ref("Health"))},
    ("get", "/readyz"): {200: (_JSON, _ref("Ready"))},
    ("get", "/metrics"): {200: ("text/plain", _TEXT)},
}

# What else an operation answers with: other media types of its 200.
_FILES: dict[tuple[str, str], tuple[str, ...]] = {
    ("get", "/api/v1/reports/{kind}"): ("text/csv", XLSX_TYPE, "application/pdf"),
}

# What each POST with a body takes: path → schema and examples.
_BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "/api/v1/entries": ({"anyOf": [_ref("Request"), _ref("Requests")]}, {**EXAMPLES, "many": MANY}),
    "/api/v1/find": (_ref("Wanted"), {"transfer": WANTED}),
    "/api/v1/proposals/{index}/decline": (_ref("Refusal"), {"why": {"value": {"why": "không đúng kế hoạch"}}}),
}

_SAID = {
    200: "Được — fine; for a recording: all of it stood there before",
    201: "Đã ghi — recorded",
    202: "Đã ghi, chưa niêm phong; `problem` nói vì sao — recorded, not checkpointed; `problem` says why",
}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    entry, parts = entry_schemas()
    document.setdefault("components", {})["schemas"] = {**parts, "Entry": entry, **_SCHEMAS}
    document["components"]["responses"] = _refusals()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(method, path, operation)
    app.openapi_schema = document
    return document


def _describe(method: str, path: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = {
        str(status): {"description": _SAID[status], "content": {media: {"schema": schema}}}
        for status, (media, schema) in _ANSWERS.get((method, path), {}).items()
    }
    statuses = {400, 401, 404, 405, 500, 503} | ({403, 409, 413, 415, 422} if method == "post" else {409, 422})
    for media in _FILES.get((method, path), ()):
        responses["200"]["content"][media] = {"schema": _BYTES}
        statuses |= {413}
    responses |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    operation["responses"] = responses
    if (method, path) == ("post", "/api/v1/load/{what}"):
        content = {media: {"schema": _BYTES} for media in ("text/csv", XLSX_TYPE)}
        operation["requestBody"] = {"required": True, "content": content}
    if method == "post" and path in _BODIES:
        schema, examples = _BODIES[path]
        operation["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": schema, "examples": examples}},
        }


def _refusals() -> dict[str, Any]:
    """One response for every status, listing the reasons that have it."""
    reasons = defaultdict(list)
    for reason, status in STATUS.items():
        reasons[status].append(f"- `{reason}`: {' — '.join(WORDS[reason])}")
    return {
        str(status): {
            "description": "\n".join(lines),
            "content": {MEDIA_TYPE: {"schema": _ref("Problem")}},
        }
        for status, lines in sorted(reasons.items())
    }
