"""Secrets stay where they are; certificates are verified; answers that would fill the memory are refused."""

from __future__ import annotations

import http.server
import logging
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import assert_refused, call, environment, save_photographs
from deepception.errors import DeepceptionError, ObserverError, UnreachableError
from deepception.observers import open_observer
from deepception.sessions import raw_answers
from endpoints import impatient, serving

PLAIN: dict[str, Any] = {"mean": 0, "std": 1, "pixel_range": "0..255"}
TOKEN = "wJ9-very-secret-93qz"
SHOWN = np.zeros((1, 35, 35, 3), dtype=np.uint8)


@pytest.mark.parametrize("works", [True, False])
def test_the_token_is_written_nowhere(
    works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPCEPTION_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(tmp_path / "cache.sqlite"))
    impatient(monkeypatch)
    caplog.set_level(logging.DEBUG)
    photographs = save_photographs(tmp_path / "photographs", 1)
    said = []
    # A server that repeats in its errors what it was told, and fails every now and then.
    with serving(token=f"Bearer {TOKEN}" if works else "another", share=0.1, hang=0.5) as endpoint:
        for command in (
            ("info", endpoint.v2, photographs),
            ("audit", endpoint.v2, photographs, "--out", tmp_path / "run", "--quick"),
            ("report", tmp_path / "run"),
        ):
            if command[0] == "report" and not works:
                continue
            options = (
                *("--mean", "0", "--std", "1", "--timeout", "0.4"),
                *("--header", "Authorization: Bearer ${DEEPCEPTION_TEST_TOKEN}"),
            )
            done = call(*command, *(options if command[0] != "report" else ()))
            assert (done.code == 0) is works, done
            said += [done.out, done.err]
        heard = endpoint.report()["heard"]
    if works:
        assert heard[0]["authorization"] == f"Bearer {TOKEN}"
    else:
        assert "check the credentials" in said[1]
    assert TOKEN not in "".join(said)
    assert TOKEN not in caplog.text
    assert not any(TOKEN in repr(record.__dict__) for record in caplog.records)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > (20 if works else 0)
    for path in files:
        assert TOKEN.encode() not in path.read_bytes(), path


def test_a_redirect_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPCEPTION_TEST_TOKEN", TOKEN)
    with serving() as elsewhere, serving(prey=f"redirect:{elsewhere.v2}/infer?t=1") as endpoint:
        observer = open_observer(endpoint.v2, headers=["X-Key: ${DEEPCEPTION_TEST_TOKEN}"], **PLAIN)
        with pytest.raises(ObserverError, match="sends elsewhere") as refused:
            raw_answers(observer, SHOWN)
        assert endpoint.seen == 1
        assert elsewhere.report()["heard"] == []
    assert elsewhere.v2 in str(refused.value)
    assert "t=1" not in str(refused.value)


def test_a_redirect_to_no_address_is_one_sentence() -> None:
    with serving(prey="redirect:http://[none/v2") as endpoint:
        observer = open_observer(endpoint.v2, **PLAIN)
        with pytest.raises(ObserverError, match=r"sends elsewhere .* to what is no address"):
            raw_answers(observer, SHOWN)


@pytest.mark.parametrize("prey", ["huge", "bomb"])
def test_too_large_an_answer_is_refused_in_little_memory(prey: str, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    assert resource
    script = """
import resource, sys
import numpy as np
from deepception.errors import ObserverError
from deepception.observers import open_observer
from deepception.sessions import raw_answers
observer = open_observer(sys.argv[1], mean=0, std=1, pixel_range="0..255")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    raw_answers(observer, np.zeros((4, 35, 35, 3), dtype=np.uint8))
except ObserverError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with serving(prey=prey) as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", script, endpoint.v2],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert "more than 16 MiB" in done.stdout, done
    grown = int(done.stdout.split()[-1]) / (1 if sys.platform != "darwin" else 1024)
    assert grown < 250_000  # KiB, for four answers at once


class _Quiet(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(503)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that nobody signed, and the certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(
                openssl,
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    _Quiet.asked = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *error: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}/v2/models/m", certificate
    server.shutdown()
    server.server_close()


def test_certificates_are_verified(secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, certificate = secure
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(UnreachableError, match="certificate"):
        open_observer(address)
    assert _Quiet.asked == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(DeepceptionError, match="status 503"):
        open_observer(address)
    assert _Quiet.asked > 0


def test_certificates_that_cannot_be_read_are_one_sentence(
    secure: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = secure
    (tmp_path / "none.pem").write_text("no certificate")
    for file in (tmp_path / "absent.pem", tmp_path / "none.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        done = call("info", address)
        assert_refused(done, "certificates to trust", "check SSL_CERT_FILE")
