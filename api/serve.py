"""The server process: uvicorn on a loopback address, one line of log for each request.

The log says time, method, route, status, milliseconds. Not the address asked for, nor its query, nor who
asked: a search for a donor's name is the donor's business.
"""

import ipaddress
import logging
import socket
import time

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app, logger
from api.printing import render_printed
from api.v1.books import RenderPaper
from ledger.home import Home

KEEP_ALIVE_SECONDS = 5
LAST_REQUESTS_SECONDS = 10


class ServeRefused(Exception):
    """The server does not start; the message says why, Vietnamese first."""


def serve(home: Home, host: str, port: int, *, render_paper: RenderPaper | None = render_printed) -> None:
    """Serves until it is told to stop. Raises ServeRefused for an address that is not loopback or not free."""
    listening = bind(host, port)
    with listening:
        logging.basicConfig(handlers=[_Lines()], level=logging.WARNING, force=True)
        app = AccessLog(create_app(home, render_paper=render_paper))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
        )
        logger.info("serving", address=f"http://{_shown(listening)}")
        uvicorn.Server(config).run(sockets=[listening])


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address."""
    return listen(_loopback(host), port)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket. Raises ServeRefused for an address that is not free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ServeRefused(f"Không mở được cổng {port} — cannot listen on {address} port {port}: {error}") from error


def _loopback(host: str) -> str:
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    # `::ffff:127.0.0.1` and the like are other spellings that nobody needs.
    if address is None or not address.is_loopback or (address.version == 6 and str(address) != "::1"):
        raise ServeRefused(
            f"Chưa có đăng nhập nên chỉ phục vụ trên máy này (127.0.0.1, ::1, localhost), không phải {host!a} — "
            f"there are no logins yet, so only this machine is served (127.0.0.1, ::1, localhost), not {host!a}: "
            "whoever reaches the port could record"
        )
    return str(address)


def _shown(listening: socket.socket) -> str:
    address, port = listening.getsockname()[:2]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class AccessLog:
    """One line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            route = getattr(scope.get("route"), "path", None)
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            logger.info("request", method=_method(scope), route=route, status=status, ms=milliseconds)


class _Lines(logging.Handler):
    """What the libraries have to say, in the same form: the words they wrote, without what they put into them."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.warning("library", source=record.name, level=record.levelname, message=str(record.msg))


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method.isalpha() and len(method) <= 10 else "other"
