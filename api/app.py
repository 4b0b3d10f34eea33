"""The web application of one home.

`create_app(home)` gives an ASGI application; while it runs, every book of the home is signed by a thread of
its own. Handlers are plain functions: what they call blocks, and runs in a pool of threads.
"""

import sys
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TextIO, cast

import structlog
from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.problems import Refused, problem_of, response_of
from api.v1 import balances, deadlines, entries, health, kinds, load, log, papers, proofs, proposals, reports, verifiers
from api.v1.books import RenderPaper, Shelves
from api.v1.openapi import openapi_of
from api.words import DoorReason
from ledger.home import Home
from ledger.store.engine import StoreUnavailable
from ledger.store.schema import SchemaOld

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Stderr:
    """Whatever standard error is when a line is written."""

    def write(self, line: str) -> int:
        return sys.stderr.write(line)

    def flush(self) -> None:
        sys.stderr.flush()


logger = structlog.wrap_logger(
    structlog.WriteLogger(cast(TextIO, _Stderr())),
    processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
)


def create_app(
    home: Home, *, render_paper: RenderPaper | None = None, hosts: Iterable[str] = LOOPBACK_NAMES
) -> FastAPI:
    """The application over `home`. `render_paper(open_book, index)` makes a paper's PDF; `hosts` are the names
    it answers to, without port."""
    shelves = Shelves(home)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            await to_thread.run_sync(shelves.start)
        except (StoreUnavailable, SchemaOld) as error:
            # Up all the same: `/readyz` says what is missing, and the books are opened once it is there.
            logger.error("books not opened", error=type(error).__name__)
        yield
        await to_thread.run_sync(shelves.stop)

    app = FastAPI(
        title="Sổ Vàng",
        version=version("sovang"),
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.shelves = shelves
    app.state.render_paper = render_paper
    problems.install(app)
    for module in (
        entries,
        load,
        balances,
        proofs,
        proposals,
        log,
        papers,
        reports,
        deadlines,
        verifiers,
        kinds,
        health,
    ):
        app.include_router(module.router)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    app.add_middleware(Door, hosts=frozenset(hosts))
    app.add_middleware(LastResort)
    return app


class Door:
    """Who may come in at all, and what every answer carries.

    There are no logins yet, so whatever can reach the port may record. A browser on this machine can, and it
    runs other people's pages: the name asked for must be ours (no DNS rebinding), and nothing is changed for
    a page of another site. Credentials that nobody checks are refused rather than taken for good.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope["method"], Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, send_with_headers)
        else:
            extra = {"WWW-Authenticate": "None-yet"} if refused.reason is DoorReason.NO_LOGINS_YET else None
            await response_of(problem_of(refused), extra)(scope, receive, send_with_headers)

    def _refused(self, method: str, headers: Headers) -> Refused | None:
        host = headers.get("host", "").lower()
        if _name(host) not in self._hosts:
            return Refused(DoorReason.HOST_NOT_SERVED)
        if "authorization" in headers:
            return Refused(DoorReason.NO_LOGINS_YET)
        if method in ("GET", "HEAD", "OPTIONS"):
            return None
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return Refused(DoorReason.CROSS_SITE)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Refused(DoorReason.CROSS_SITE)
        return None


class LastResort:
    """An error nobody expected: logged by its kind and place, answered without a word of it.

    Its message may quote what was sent, and the database's errors quote whole rows, so neither goes out nor
    into the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            if scope["type"] != "http":
                raise
            logger.error("internal error", error=type(error).__name__, at=_places(error))
            if started:
                raise
            await response_of(problem_of(error), SECURITY_HEADERS)(scope, receive, send)


def _name(netloc: str) -> str:
    """A host without its port."""
    name, _, port = netloc.rpartition(":")
    return name if name and port.isdecimal() else netloc


def _places(error: BaseException) -> list[str]:
    """The innermost lines of code, without what they held."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-5:]]
