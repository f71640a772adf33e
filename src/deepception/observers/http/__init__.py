"""Endpoints (``http:``, ``https:``): other people's servers, asked over the network image by image."""

from __future__ import annotations

from .opening import open_http, open_https

__all__ = ["open_http", "open_https"]
