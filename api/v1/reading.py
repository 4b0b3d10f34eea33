"""Reading a request's body: bounded, strict, and every refusal names the field.

One thing is done to what was sent: where a day is asked for (`…_on`) an instant with its offset is taken too and
becomes the day in the book's zone. One thing the ledger can read is not taken from outside: a person in the
form of a record (`seals`, `tag`), for nobody could ever open a commitment that the vault did not make.
"""

import re
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Request

from api.problems import Refused
from api.words import DoorReason
from ledger.log import canonical
from ledger.refusals import Reason, Rejected

MAX_BODY = 4 * 1024 * 1024
Shape = TypeVar("Shape")

_JSON_TYPE = re.compile(r'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)
_REFERENCE = re.compile(r"[!-~]{1,120}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_KEY = re.compile(r'"([^"\\]{1,80})"\s*:')


async def read_body(request: Request) -> bytes:
    """The bytes of a JSON body; refused by its type before, and by its size while it comes in."""
    if not _JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        raise Refused(DoorReason.NOT_JSON)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(DoorReason.NOT_JSON)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 15 or int(length) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    return bytes(body)


def requests_of(body: bytes, idempotency_key: str | None, zone: str) -> list[dict[str, Any]]:
    """The requests of one body, ready for `Requests.submit`."""
    value = _taken(_parsed(body), zone)
    if not isinstance(value, dict):
        raise Rejected(Reason.MALFORMED, "the body is one JSON object", field="body")
    if "entries" not in value:
        requests: object = [value]
    elif len(value) > 1:
        raise Rejected(
            Reason.MALFORMED, "unknown field beside entries", field=", ".join(sorted(set(value) - {"entries"}))
        )
    else:
        requests = value["entries"]
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        raise Rejected(Reason.MALFORMED, "a list of one or more requests", field="entries")
    if idempotency_key is not None:
        _put_key(requests, idempotency_key)
    return requests


def value_of(body: bytes, shape: type[Shape]) -> Shape:
    """A body of this shape; raises Rejected(MALFORMED) naming the field, and never what stands in it."""
    value = _parsed(body)
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        said = str(error)
        unknown = re.search(r"unknown field `([^`]{1,80})`|missing required field `([^`]{1,80})`", said)
        where = re.search(r"at `\$\.([a-z_.]{1,80})`", said)
        name = (unknown[1] or unknown[2]) if unknown else where[1] if where else "body"
        raise Rejected(Reason.MALFORMED, "missing, unknown or not of its form", field=name) from error


def _put_key(requests: list[dict[str, Any]], key: str) -> None:
    if not _REFERENCE.fullmatch(key):
        raise Rejected(Reason.MALFORMED, "1 to 120 visible ASCII characters, no space", field="Idempotency-Key")
    if len(requests) != 1:
        raise Rejected(
            Reason.MALFORMED, "for one entry; among many each says its own reference", field="Idempotency-Key"
        )
    if requests[0].get("reference") not in (None, key):
        raise Refused(DoorReason.REFERENCES_DIFFER, field="Idempotency-Key")
    requests[0]["reference"] = key


def _parsed(body: bytes) -> object:
    try:
        return canonical.parse(body)
    except canonical.NotCanonical as error:
        raise Rejected(Reason.MALFORMED, str(error), field=_near(body, str(error))) from error


def _near(body: bytes, message: str) -> str:
    """The last key before the place a reader's message speaks of: the field to look at."""
    text = body.decode("utf-8", "replace")
    if (twice := re.match(r"key '(.*)' stands twice", message)) is not None:
        return twice[1]
    if (place := re.match(r"(?:character|byte) (\d+)", message)) is not None:
        end = int(place[1])
    elif (number := re.match(r"number ([^:]*):", message)) is not None:
        # As a value: the same digits may stand in a text before it.
        found = re.search(r"[\[,:]\s*" + re.escape(number[1]), text)
        end = 0 if found is None else found.end()
    elif (where := re.match(r"\$\.([^:]*):", message)) is not None:
        return where[1]
    else:
        end = 0
    keys = _KEY.findall(text[max(0, end - 400) : end])
    return keys[-1] if keys else "body"


def _taken(value: object, zone: str, key: str = "") -> object:
    if isinstance(value, str):
        return _day(value, zone) if key.endswith("_on") else value
    if isinstance(value, dict):
        if foreign := {"seals", "tag"} & set(value):
            raise Rejected(
                Reason.MALFORMED, "a person is given as private or same_as", field=", ".join(sorted(foreign))
            )
        # Private values are texts of the caller's own naming.
        return {name: item if name == "private" else _taken(item, zone, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_taken(item, zone) for item in value]
    return value


def _day(text: str, zone: str) -> str:
    if not _INSTANT.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).date().isoformat()
    except (ValueError, OverflowError):
        return text  # no such moment: refused further in, where the field is known


def _too_large() -> Rejected:
    return Rejected(Reason.TOO_LARGE, f"a body has at most {MAX_BODY} bytes", field="body")
