"""The HTTP client: what comes back is bounded in size and time, and every failure gets its kind."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from ...errors import InputError, ObserverError, UnreachableError
from ..remote import WHEN_SENT, Limits, TransientError
from .headers import Headers

if TYPE_CHECKING:
    import httpx2

LARGEST = 16 * 2**20
"""Bytes of the largest answer that is read, after decompression; scores of 20,000 classes take half of one."""

_CONNECT = 10.0  # seconds to find the server; nothing is sent until then
_KEEP = (
    4.0  # seconds that an unused connection is kept: less than the five after which many servers close theirs
)
_TRANSIENT = frozenset({408, 421, 425, 429, *range(500, 600)}) - {501, 505}
_NO_ADDRESS = "{} is no address: write http://host:port/path or https://…."
_GONE = frozenset({401, 402, 403, 404, 407, 410})


@dataclass(frozen=True)
class Reply:
    """An answer with status 200: its headers, lower-case, and its body."""

    headers: Mapping[str, str]
    body: bytes


class Client:
    """Asks one server. Its connections belong to the event loop in which they are used.

    Args:
        address: Where the endpoint is, for sentences.
        headers: Sent with every request.
        limits: What the person allows.
    """

    def __init__(self, address: str, headers: Headers, limits: Limits) -> None:
        self.address = address
        self._headers = headers
        self._limits = limits
        # One connection each: a pool of many looks at all of them for every request.
        self._idle: list[httpx2.AsyncClient] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trust: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body once. Raises TransientError, ObserverError or UnreachableError."""
        return await self._send("POST", url, body, headers)

    async def get(self, url: str) -> Reply:
        """Read once. Raises as ``post``."""
        return await self._send("GET", url, None, {})

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        idle, self._idle = self._idle, []
        if self._loop is asyncio.get_running_loop():
            for opened in idle:
                await opened.aclose()

    async def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        import httpx2

        sent = False

        async def trace(event: str, details: object) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")
            if event.endswith("send_request_body.complete"):
                WHEN_SENT.get()()

        request = {"content": body, "headers": headers, "extensions": {"trace": trace}}
        client = self._taken()
        try:
            async with (
                asyncio.timeout(self._limits.timeout),
                client.stream(method, url, **request) as response,  # type: ignore[arg-type]
            ):
                if response.status_code == 200:
                    return Reply(response.headers, await self._read(response))
                raise await self._refused(response)
        except (TimeoutError, httpx2.TimeoutException):
            message = f"no answer within {self._limits.timeout:g} s"
            raise TransientError("timeout", message, sent=sent) from None
        except httpx2.TransportError as error:
            raise self._failed(error, sent) from None  # the library's words may hold what was sent
        except httpx2.DecodingError:
            raise TransientError("bad answer", "the answer cannot be decompressed", nonsense=True) from None
        finally:
            self._idle.append(client)

    def _taken(self) -> httpx2.AsyncClient:
        """A client of the running event loop that no other request uses."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._idle = loop, []
        return self._idle.pop() if self._idle else self._new()

    def _new(self) -> httpx2.AsyncClient:
        import httpx2

        secure = urlsplit(self.address).scheme == "https"
        if secure and self._trust is None:
            try:
                self._trust = httpx2.create_ssl_context()
            except OSError as error:  # ssl.SSLError is one
                named = " and ".join(n for n in ("SSL_CERT_FILE", "SSL_CERT_DIR") if n in os.environ)
                why = f": check {named}" if named else ""
                reason = error.strerror or str(error)
                raise InputError(f"the certificates to trust cannot be read ({reason}){why}.") from error
        # No proxy leads to this machine itself, whatever the environment says.
        local = urlsplit(self.address).hostname in ("localhost", "127.0.0.1", "::1")
        return httpx2.AsyncClient(
            headers={"Accept-Encoding": "gzip", "User-Agent": "deepception", **self._headers.sent},
            verify=self._trust or _no_tls(),
            timeout=httpx2.Timeout(self._limits.timeout, connect=min(_CONNECT, self._limits.timeout)),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP),
            follow_redirects=False,
            trust_env=not local,
        )

    async def _read(self, response: httpx2.Response) -> bytes:
        """The body, refused as soon as it is too large; what is compressed is unpacked piece by piece."""
        parts, size = [], 0
        declared = response.headers.get("content-length", "")
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LARGEST or (declared.isdigit() and int(declared) > LARGEST):
                raise ObserverError(
                    f"{self.address} answers with more than {LARGEST // 2**20} MiB, which no scores need: "
                    "check the address and the protocol."
                )
            parts.append(part)
        return b"".join(parts)

    async def _refused(self, response: httpx2.Response) -> Exception:
        """What any status but 200 means."""
        status = response.status_code
        if status in _TRANSIENT:
            return TransientError(
                f"http {status}", f"status {status}", retry_after=_retry_after(response.headers)
            )
        if 300 <= status < 400:
            return ObserverError(
                f"{self.address} sends elsewhere (status {status}), to "
                f"{_elsewhere(self.address, response.headers.get('location', ''))}: "
                "give the right address; nothing was sent there."
            )
        if status in (401, 403, 407):
            what = "give its credentials with --header 'Name: ${VARIABLE}'"
            if self._headers.secret:
                what = "check the credentials in the environment"
        elif status in (404, 405, 410):
            what = "check the address, the name of the model in it, and the protocol"
        else:
            what = f"check the protocol, the frame and what the model takes{await self._said(response)}"
        sentence = f"{self.address} refuses the request with status {status}: {what}."
        return UnreachableError(sentence) if status in _GONE else ObserverError(sentence)

    async def _said(self, response: httpx2.Response) -> str:
        """The beginning of what the server says; nothing where it may repeat a secret."""
        if self._headers.secret:
            return ""
        import httpx2

        try:
            text = (await self._read(response)).decode("utf-8", "replace")
        except (ObserverError, httpx2.HTTPError):
            return ""
        plain = " ".join("".join(c if c.isprintable() else " " for c in text[:400]).split())
        return f" (it says: {plain[:160]})" if plain else ""

    def _failed(self, error: Any, sent: bool) -> Exception:
        import httpx2

        if _has_cause(error, ssl.SSLError):
            return UnreachableError(
                f"{self.address} cannot be trusted: its certificate is not valid here; name your own authority in "
                "SSL_CERT_FILE, or correct the address."
            )
        if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.ProxyError, httpx2.LocalProtocolError)):
            return InputError(
                f"{self.address} cannot be asked ({type(error).__name__}): check it, and the proxy."
            )
        if not sent:
            return TransientError("no connection", "no connection to it", sent=False)
        return TransientError("reset", "the connection broke")


@functools.cache
def _no_tls() -> ssl.SSLContext:
    """A context that trusts nobody, for plain addresses: the certificates of the system take long to load."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def check_address(text: str) -> str:
    """The address of an endpoint, without a slash at its end.

    Raises:
        InputError: It names no server, or holds what would be written into the run.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:  # a bracket without the other, a port that is none
        raise InputError(_NO_ADDRESS.format(text.partition("?")[0].rpartition("@")[2])) from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(_NO_ADDRESS.format(_plain(text)))
    if parts.username is not None or parts.password is not None or "${" in text:
        raise InputError(
            "an address is kept in the run, so it must not hold credentials: give them with "
            "--header 'Authorization: ${VARIABLE}'."
        )
    if parts.fragment or any(c.isspace() for c in text):
        raise InputError(f"{_plain(text)} is no address of an endpoint: leave out spaces and '#'.")
    if parts.query:
        raise InputError(
            f"{_plain(text)} has a query ('?…'), which would be kept in the run: give keys with "
            "--header 'Name: ${VARIABLE}'."
        )
    return text.rstrip("/")


def _elsewhere(address: str, location: str) -> str:
    """Where a redirect leads, as far as it may be told; what a server writes there may be no address."""
    try:
        return _plain(urljoin(address, location))
    except ValueError:
        return "what is no address"


def _plain(address: str) -> str:
    """An address without anything that could be a secret."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of the header; None where it says nothing of use."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said) if said.replace(".", "", 1).isdigit() else None
        if seconds is None and said:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return None if seconds is None or not math.isfinite(seconds) else max(0.0, seconds)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
