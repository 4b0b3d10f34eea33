"""The door of a witness: takes checkpoints, shows what was cosigned, serves the mirrors.

    POST /add-checkpoint               the protocol (ledger/log/witness.py)
    GET  /                             the page for people, Vietnamese first
    GET  /checkpoint/<origin hash>     the latest cosigned note; the same at /<origin hash>/checkpoint, where
                                       c2sp.org/tlog-witness puts it
    GET  /log/<origin hash>/…          the mirror, a tlog-tiles log (audit/witness/mirror.py)
    GET  /alarm/<origin hash>/<n>      evidence of a fork

Everything here is public and nobody logs in: a request is believed for the log's signature in it. Put a TLS proxy
in front. The page needs no script and no file of anybody else's.
"""

import hashlib
import logging
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import escape

import uvicorn
from anyio import fail_after, to_thread
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import SECURITY_HEADERS, LastResort, logger
from api.serve import KEEP_ALIVE_SECONDS, LAST_REQUESTS_SECONDS, AccessLog, listen
from audit.sources import SourceUnavailable, TilesSource
from audit.witness import StoreFailed, Witness, WitnessFolder
from audit.witness.core import Clock, Seen
from audit.witness.folder import origin_hash
from audit.witness.mirror import MirrorRefused, is_mirror_path, keep_witnessed, mirrored, update
from ledger.log.witness import MAX_REQUEST_BYTES

BODY_SECONDS = 20
MIRROR_SECONDS = 60
CONNECTIONS = 500
SHOWN = 10
"""Checkpoints of each book on the page."""


class Mirrors:
    """Copies the books that have an address, in a thread of its own, after each cosignature and once a minute."""

    def __init__(self, folder: WitnessFolder, open_source: Callable[[str], TilesSource] = TilesSource) -> None:
        self._folder = folder
        self._open = open_source
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="mirrors", daemon=True)
        self.troubles: dict[str, str] = {}
        """origin → why its mirror lags, while it does."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending = True
        self._wake.set()
        self._thread.join(LAST_REQUESTS_SECONDS)

    def wake(self) -> None:
        """There is a new checkpoint."""
        self._wake.set()

    def catch_up(self) -> None:
        """Brings every mirror to what was cosigned; what fails is said in `troubles` and the log."""
        for log in self._folder.policy().logs:
            if log.url is None:
                continue
            origin = log.key.name
            try:
                seen = self._folder.seen(origin)
                if seen:
                    self._follow(origin, log.url, seen[-1])
            except (SourceUnavailable, MirrorRefused, StoreFailed, OSError) as error:
                if self.troubles.get(origin) != str(error):
                    logger.warning("mirror", log=origin_hash(origin), error=type(error).__name__)
                self.troubles[origin] = str(error)
            else:
                self.troubles.pop(origin, None)

    def _follow(self, origin: str, url: str, latest: Seen) -> None:
        path = self._folder.mirror_path(origin)
        checkpoint = path / "checkpoint"
        source = self._open(url)
        if not checkpoint.exists() or checkpoint.read_bytes() != latest.note:
            update(path, latest.note, source)
        keep_witnessed(path, self._folder.keys(origin), source)

    def _run(self) -> None:
        while not self._ending:
            try:
                self.catch_up()
            except Exception as error:  # the thread goes on: one bad minute must not end the mirrors
                logger.error("mirrors", error=type(error).__name__)
            self._wake.wait(MIRROR_SECONDS)
            self._wake.clear()


def create_witness_app(folder: WitnessFolder, clock: Clock, *, mirrors: Mirrors | None = None) -> Starlette:
    """The application over a witness's folder."""
    witness = Witness(folder.key, clock, folder, folder.keys)

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        try:
            with fail_after(BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MAX_REQUEST_BYTES:
                        break  # refused as it is; the rest is not read
        except (ClientDisconnect, TimeoutError):
            return _text("the request did not come whole\n", 400)
        answer = await to_thread.run_sync(witness.add_checkpoint, body)
        if answer.status == 200 and mirrors is not None:
            mirrors.wake()
        response = Response(answer.body, answer.status)
        response.headers["Content-Type"] = answer.content_type  # as the protocol writes it, without a charset
        return response

    def page(_request: Request) -> Response:
        style = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; base-uri 'none'"
        text = _page(folder, clock(), mirrors)
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    def checkpoint(request: Request) -> Response:
        origin = _origin(folder, request.path_params["log"])
        seen = folder.seen(origin) if origin is not None else ()
        return _text(seen[-1].note) if seen else _text("not found\n", 404)

    def mirror(request: Request) -> Response:
        origin, path = _origin(folder, request.path_params["log"]), request.path_params["path"]
        if origin is None or not is_mirror_path(path):
            return _text("not found\n", 404)
        try:
            data = (folder.mirror_path(origin) / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return _text("not found\n", 404)
        return _text(data) if not path.startswith("tile/") else Response(data, media_type="application/octet-stream")

    def alarm(request: Request) -> Response:
        origin, number = _origin(folder, request.path_params["log"]), request.path_params["number"]
        files = folder.alarms(origin) if origin is not None else ()
        if not 1 <= number <= len(files):
            return _text("not found\n", 404)
        return Response(files[number - 1].read_bytes(), media_type="application/json")

    async def failed(_request: Request, _error: Exception) -> Response:
        return _text("the witness cannot reach its memory\n", 503)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if mirrors is not None:
            mirrors.start()
        yield
        if mirrors is not None:
            await to_thread.run_sync(mirrors.stop)

    get = ["GET"]
    app = Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/", page, methods=get),
            Route("/checkpoint/{log}", checkpoint, methods=get),
            Route("/{log}/checkpoint", checkpoint, methods=get),
            Route("/log/{log}/{path:path}", mirror, methods=get),
            Route("/alarm/{log}/{number:int}", alarm, methods=get),
        ],
        exception_handlers={StoreFailed: failed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.add_middleware(_Headers)
    app.add_middleware(LastResort)
    return app


def serve_witness(folder: WitnessFolder, host: str, port: int, clock: Clock, *, mirror: bool) -> None:
    """Serves until it is told to stop. Raises StoreFailed for a folder that cannot sign, ServeRefused for an address
    that is not free."""
    for log in folder.policy().logs:
        folder.seen(log.key.name)
    mirrors = Mirrors(folder) if mirror else None
    app = AccessLog(create_witness_app(folder, clock, mirrors=mirrors))
    listening = listen(host, port)
    with listening:
        logging.basicConfig(level=logging.CRITICAL, force=True)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
        )
        at, bound = listening.getsockname()[:2]
        logger.info("serving", address=f"http://{f'[{at}]' if ':' in at else at}:{bound}", mirror=mirror)
        uvicorn.Server(config).run(sockets=[listening])


class _Headers:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _text(text: str | bytes, status: int = 200) -> Response:
    return PlainTextResponse(text, status)


def _origin(folder: WitnessFolder, hashed: str) -> str | None:
    """The watched log of that hash."""
    return next((log.key.name for log in folder.policy().logs if origin_hash(log.key.name) == hashed), None)


_STYLE = """\
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #ccc;vertical-align:top}
code{overflow-wrap:anywhere}
.alarm{border:3px solid #a00;padding:.5rem 1rem}
"""


def _page(folder: WitnessFolder, now: datetime, mirrors: Mirrors | None) -> str:
    books = list(dict.fromkeys(log.key.name for log in folder.policy().logs))
    parts = [
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Bên làm chứng — {escape(folder.key.name)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Bên làm chứng — witness: {escape(folder.key.name)}</h1>",
        "<p>Bên làm chứng chỉ ký khi sổ nối tiếp đúng những gì đã ký lần trước. Chữ ký không nói các khoản "
        "ghi trong sổ là đúng sự thật, chỉ nói sổ không bị sửa và mọi người thấy cùng một sổ.</p>"
        '<p lang="en">This witness signs only what continues what it signed before. Its signature does not say that '
        "what the book records is true, only that the book was not rewritten and that all see the same one.</p>"
        f"<p>Khóa công khai — public key:<br><code>{escape(folder.verifier.vkey)}</code></p>",
    ]
    if not books:
        parts.append("<p>Chưa làm chứng cho sổ nào. — No book is watched yet.</p>")
    for origin in books:
        parts.append(_book(folder, origin, now, mirrors))
    parts.append("</main></body></html>\n")
    return "".join(parts)


def _book(folder: WitnessFolder, origin: str, now: datetime, mirrors: Mirrors | None) -> str:
    hashed = origin_hash(origin)
    parts = [f"<section><h2>{escape(origin)}</h2>"]
    if alarms := folder.alarms(origin):
        links = ", ".join(f'<a href="/alarm/{hashed}/{n}">{n}</a>' for n in range(1, len(alarms) + 1))
        parts.append(
            '<div class="alarm" role="alert"><p><strong>BÁO ĐỘNG: sổ này đã ký hai bản khác nhau. Đừng tin bản nào '
            "cho đến khi rõ chuyện.</strong></p>"
            '<p lang="en"><strong>ALARM: this book has signed two different versions of itself. Trust neither until it '
            f"is explained.</strong></p><p>Bằng chứng — evidence: {links}</p></div>"
        )
    seen = folder.seen(origin)
    if not seen:
        return "".join((*parts, "<p>Chưa ký mốc nào. — Nothing cosigned yet.</p></section>"))
    parts.append(
        f"<p>Lần ký gần nhất cách đây {_age(now, seen[-1].at, _UNITS_VI)} — last signed "
        f'{_age(now, seen[-1].at, _UNITS_EN)} ago. <a href="/checkpoint/{hashed}">Mốc niêm phong — checkpoint</a></p>'
    )
    if mirrors is not None:
        parts.append(_mirror(folder, origin, hashed, mirrors))
    parts.append(
        '<table><thead><tr><th scope="col">Số bản ghi — size</th><th scope="col">Mã gốc — root</th>'
        '<th scope="col">Ký lúc — signed at (UTC)</th></tr></thead><tbody>'
    )
    for one in reversed(seen[-SHOWN:]):
        at = datetime.fromtimestamp(one.at, UTC)
        parts.append(
            f"<tr><td>{one.checkpoint.size}</td><td><code>{one.checkpoint.root.hex()}</code></td>"
            f"<td>{at:%Y-%m-%d %H:%M:%S}</td></tr>"
        )
    return "".join((*parts, "</tbody></table></section>"))


def _mirror(folder: WitnessFolder, origin: str, hashed: str, mirrors: Mirrors) -> str:
    try:
        have = mirrored(folder.mirror_path(origin))
    except MirrorRefused:
        have = None
    size = 0 if have is None else have.size
    trouble = mirrors.troubles.get(origin)
    said = "" if trouble is None else f"<br>Chưa sao chép tiếp được — the copy lags: <code>{escape(trouble)}</code>"
    return f"<p>Bản sao đến bản ghi thứ {size} — mirror up to size {size}: <code>/log/{hashed}/</code>{said}</p>"


_UNITS_VI = ("giây", "phút", "giờ", "ngày")
_UNITS_EN = ("seconds", "minutes", "hours", "days")


def _age(now: datetime, at: int, units: tuple[str, str, str, str]) -> str:
    seconds = max(0, int(now.timestamp()) - at)
    for unit, length in zip(reversed(units), (86400, 3600, 60, 1), strict=True):
        if seconds >= 2 * length or length == 1:
            return f"{seconds // length} {unit}"
    raise AssertionError
