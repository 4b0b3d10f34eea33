"""One deadline for a whole exchange over HTTP.

A timeout of a socket begins anew with every byte, so a server that drips could hold its caller for days. Within
`within` the connections that `Http` and `Https` make are shut down when the time is over, whatever they are doing;
who was reading gets TimeoutError. Looking up a name is the system's, with a limit of its own.
"""

import http.client
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer, local
from typing import Any

_here = local()


class _Connections:
    """What a thread has open within one deadline."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self.over = False

    def add(self, connection: socket.socket) -> None:
        self._open.append(connection)
        if self.over:
            self.end()

    def end(self) -> None:
        self.over = True
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends what this thread asks over HTTP after so many seconds. Raises TimeoutError then."""
    connections = _here.connections = _Connections()
    timer = Timer(seconds, connections.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connections.over:
            raise TimeoutError(f"no whole answer within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        _here.connections = None
    # An answer that is as long as its connection looks whole when it was cut.
    if connections.over:
        raise TimeoutError(f"no whole answer within {seconds:g} s")


def _note(connection: Any) -> None:
    connections = getattr(_here, "connections", None)
    if connections is not None:
        connections.add(connection.sock)


class _Plain(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _note(self)


class _Secure(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _note(self)


class Http(urllib.request.HTTPHandler):
    """urllib's handler of http, under the deadline."""

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Plain, req)


class Https(urllib.request.HTTPSHandler):
    """urllib's handler of https, under the deadline."""

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Secure, req, context=self._context)  # type: ignore[attr-defined]
