"""A server that drips one byte now and then holds nobody: the deadline is for the whole answer."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest

import audit.sources
from audit.sources import SourceUnavailable, TilesSource
from ledger.witnesses import WitnessSilent, http_send

HEADS = {
    "in the status line": b"HTTP/1.1 2",
    "in the headers": b"HTTP/1.1 200 OK\r\nX: ",
    "in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
    "in a body without a length": b"HTTP/1.1 200 OK\r\n\r\n",
}


@pytest.fixture(params=HEADS)
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of such a server."""
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(HEADS[request.param])
                while True:
                    time.sleep(0.05)
                    connection.sendall(b"1")

    Thread(target=drip, daemon=True).start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_witness_that_drips(dripping: str) -> None:
    began = time.monotonic()
    with pytest.raises(WitnessSilent, match="no whole answer within"):
        http_send(f"{dripping}/add-checkpoint", b"old 0\n", 0.5)
    assert time.monotonic() - began < 5


def test_a_log_that_drips(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit.sources, "FILE_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"no whole answer within|ended 5[0-9]{4} bytes early"):
        TilesSource(dripping).fetch("checkpoint", 100_000)
    assert time.monotonic() - began < 5


def test_an_answer_in_time_is_given() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\n15\n")

    Thread(target=answer, daemon=True).start()
    with listening:
        reply = http_send(f"http://127.0.0.1:{listening.getsockname()[1]}/add-checkpoint", b"old 0\n", 5)
    assert (reply.status, reply.body) == (409, b"15\n")
