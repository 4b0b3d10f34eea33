"""The server process: this machine only, and a log that tells nothing about anybody."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.serve import ServeRefused, bind, serve
from tests.api.asking import assert_whole, gift
from tests.worlds import World

PROGRAM = """
import sys
from pathlib import Path
from api.serve import serve
from ledger.home import Home
serve(Home(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "192.168.1.10", "10.0.0.1", "::ffff:127.0.0.1", "127.1", "0x7f.1", "x.test", "*"],
)
def test_other_addresses_are_refused_with_the_reason(sqlite_world: World, host: str) -> None:
    """Without logins an open port is an open cash box."""
    with pytest.raises(ServeRefused, match="there are no logins yet"):
        serve(sqlite_world.home, host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST"])
def test_loopback_is_served(host: str) -> None:
    """The addresses that reach this machine only."""
    with bind(host, 0) as listening:
        assert listening.getsockname()[0].startswith("127.")


def test_a_port_in_use_is_said_so() -> None:
    """The usual mistake: the server runs already."""
    with bind("127.0.0.1", 0) as listening, pytest.raises(ServeRefused, match="cannot listen"):
        bind("127.0.0.1", listening.getsockname()[1])


@pytest.fixture
def served(sqlite_world: World) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address of a real server process, and the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(sqlite_world.home.path), str(port)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
            break
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
    yield address, process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_a_real_server_records_signs_logs_and_stops(
    sqlite_world: World, served: tuple[str, "subprocess.Popen[str]"]
) -> None:
    """Everything at once, as an operator has it; the log names no donor, no address, no query."""
    address, process = served
    asked = urllib.request.Request(
        f"{address}/api/v1/entries?wait=checkpointed",
        data=json.dumps({"entry": gift(name="Nguyễn Thị Hoà")}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "x\x1b[2Jx".replace("\x1b", "%1b")},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert json.load(answer)["recorded"][0]["state"] == "checkpointed"
        assert "server" not in {name.lower() for name in answer.headers}
    for path in ("/api/v1/entries?q=Nguyen-Thi-Hoa", "/Nguyen-Thi-Hoa"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + path, timeout=20)
        refused.value.close()
    for head in (
        b"POST /api/v1/entries HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/entries HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: attacker.test\r\n\r\n",
    ):
        assert _raw(address, head).startswith(b"HTTP/1.1 400 "), head[:80]
    process.send_signal(signal.SIGTERM)
    _, logged = process.communicate(timeout=20)
    lines = [json.loads(line) for line in logged.splitlines()]
    assert any(line.get("route") == "/api/v1/entries" and line["status"] == 201 for line in lines), logged
    assert "Nguy" not in logged
    assert "Hoa" not in logged
    assert "%1b" not in logged
    assert_whole(sqlite_world)


def _raw(address: str, head: bytes) -> bytes:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        return connection.recv(4096)
