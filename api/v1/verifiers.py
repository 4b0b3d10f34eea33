"""The verifiers that need no server, handed out by the server: to be kept, and then used without it.

Whoever doubts this server takes them from elsewhere; they are single files, and the same everywhere.
"""

import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(tags=["log"])


@router.get("/verify.html", summary="Trang tự kiểm tra không cần mạng — the page that checks papers offline")
def page() -> Response:
    text = _standalone("verify.html")
    # The page allows itself just its own script and style, by their hashes; the server allows no more.
    policy = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    headers = {"Cache-Control": "public, max-age=300"}
    if policy is not None:
        headers["Content-Security-Policy"] = policy[1].decode() + "; frame-ancestors 'none'"
    return Response(text, headers=headers, media_type="text/html; charset=utf-8")


@router.get("/verify.py", summary="Chương trình kiểm tra trong một tệp — the verifier in one file")
def program() -> Response:
    headers = {"Cache-Control": "public, max-age=300", "Content-Disposition": 'attachment; filename="verify.py"'}
    return Response(_standalone("verify.py"), headers=headers, media_type="text/plain; charset=utf-8")


@cache
def _standalone(name: str) -> bytes:
    return (files("audit") / "standalone" / name).read_bytes()
