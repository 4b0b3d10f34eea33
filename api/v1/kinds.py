"""What can be recorded: every kind with its schema."""

import msgspec
from fastapi import APIRouter, Response

from api.v1.schema import kinds_document

router = APIRouter(prefix="/api/v1", tags=["entries"])


@router.get("/kinds", summary="Các loại nghiệp vụ — every kind of entry with its JSON Schema")
def kinds() -> Response:
    return Response(
        msgspec.json.encode(kinds_document()),
        headers={"Cache-Control": "public, max-age=300"},
        media_type="application/json",
    )
