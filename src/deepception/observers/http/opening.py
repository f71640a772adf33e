"""The factories of the schemes ``http:`` and ``https:``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...errors import InputError
from ..options import OpeningOptions
from ..sidecar import read_sidecars
from .client import check_address
from .headers import expand, read_headers
from .observer import HttpObserver

PROTOCOLS = ("v2", "v2-binary", "v2-json", "torchserve", "tfserving")
_NEEDED = ("httpx2", "stamina", "jsonpath")


def open_http(rest: str, options: OpeningOptions) -> HttpObserver:
    """Open ``http://…``; the factory behind the entry point."""
    return _open(f"http:{rest}", options)


def open_https(rest: str, options: OpeningOptions) -> HttpObserver:
    """Open ``https://…``; the factory behind the entry point. Certificates are verified."""
    return _open(f"https:{rest}", options)


def _open(text: str, options: OpeningOptions) -> HttpObserver:
    """Open an endpoint.

    Raises:
        InputError: Address, protocol or options mean nothing, or the extra is not installed.
        ObserverError: The endpoint describes itself as something else than a classifier of images.
        UnreachableError: It cannot be reached.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError("endpoints need the extra http: pip install 'deepception[http]'.")
    address = check_address(text)
    protocol = options.protocol or _guess(address)
    headers = read_headers(options.headers)
    layers = [options.preprocessing.layer(), *read_sidecars(None, options.preprocessing.preprocessing)]
    limits = options.limits()
    from .context import Context

    if protocol in PROTOCOLS:
        context = Context(address, options, layers, headers, limits)
        if protocol == "torchserve":
            from .torchserve import open_torchserve

            return open_torchserve(context, options.level)
        if protocol == "tfserving":
            from .tfserving import open_tfserving

            return open_tfserving(context)
        from .v2 import open_v2

        return open_v2(context, protocol.partition("-")[2] or None)
    if not protocol.lower().endswith(".toml"):
        raise InputError(
            f"there is no protocol {protocol!r}: use v2, torchserve, tfserving, or a file that ends in .toml."
        )
    from .described import open_described
    from .description import read_description

    description = read_description(Path(protocol))
    own = expand(list(description.headers.items()))
    both = type(headers)(
        {**own.sent, **headers.sent}, {**own.told, **headers.told}, own.secret or headers.secret
    )
    return open_described(Context(address, options, layers, both, limits), description)


def _guess(address: str) -> str:
    """The protocol that an address is of, where it tells."""
    for part, protocol in (
        ("/v2/models/", "v2"),
        ("/v1/models/", "tfserving"),
        ("/predictions/", "torchserve"),
    ):
        if part in address:
            return protocol
    raise InputError(
        f"the address {address} does not tell its protocol: give --protocol v2, torchserve, tfserving, or a TOML "
        "file that describes it."
    )
