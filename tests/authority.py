"""A timestamp authority of the test's own: OpenSSL's, with its own root, behind HTTP on loopback."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Answer = Callable[[bytes, BaseHTTPRequestHandler], bytes | None]

CONFIG = """
[tsa]
default_tsa = t
[t]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Tsa:
    """Its folder, its root in PEM, and the making of more certificates by that root."""

    folder: Path
    root: bytes
    certify: Callable[[x509.ObjectIdentifier], bytes]
    """A certificate (DER) of the authority's key with the same serial number, for another usage."""

    def stamp(self, query: bytes) -> bytes:
        """The answer to a TimeStampReq."""
        (self.folder / "query").write_bytes(query)
        words = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True, timeout=30)
        return (self.folder / "reply").read_bytes()

    def stamp_with(self, query: bytes, usage: x509.ObjectIdentifier) -> bytes:
        """The same stamp with a certificate for another usage beside it, which OpenSSL would not stamp with."""
        token = self.stamp(query)
        own = x509.load_pem_x509_certificate((self.folder / "tsa.pem").read_bytes())
        before = own.public_bytes(serialization.Encoding.DER)
        assert token.count(before) == 1
        for _ in range(10_000):
            other = self.certify(usage)
            if len(other) == len(before):  # else the lengths around it would change too
                return token.replace(before, other)
        raise AssertionError("no certificate of the same length")


def make_tsa(
    folder: Path,
    *,
    valid: tuple[timedelta, timedelta] = (timedelta(days=-1), timedelta(days=3650)),
) -> Tsa:
    """An authority; `valid` (from now) is when its certificate is good."""
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder.mkdir()
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"root {folder.name}")])

    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"tsa {folder.name}")])
    serial = x509.random_serial_number()

    def signed(made: x509.CertificateBuilder, first: timedelta, last: timedelta) -> x509.Certificate:
        made = made.issuer_name(root_name).not_valid_before(now + first).not_valid_after(now + last)
        return made.sign(root_key, hashes.SHA256())

    def certify(usage: x509.ObjectIdentifier) -> bytes:
        made = x509.CertificateBuilder().subject_name(own_name).public_key(key.public_key()).serial_number(serial)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        return signed(made, *valid).public_bytes(serialization.Encoding.DER)

    made = x509.CertificateBuilder().subject_name(root_name).public_key(root_key.public_key())
    made = made.serial_number(1).add_extension(x509.BasicConstraints(True, None), critical=True)
    root = signed(made, timedelta(days=-4000), timedelta(days=4000)).public_bytes(serialization.Encoding.PEM)
    own = x509.load_der_x509_certificate(certify(ExtendedKeyUsageOID.TIME_STAMPING))
    (folder / "tsa.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    return Tsa(folder, root, certify)


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """The address of a server that answers as told; `answer` may write to the handler itself and return None."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            reply = answer(body, self)
            if reply is not None:
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
