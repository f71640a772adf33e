"""A figure as SVG to stand inside of a page, or as PNG: the same bytes for the same figure."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .style import style
from .words import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONTS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
)
ElementTree.register_namespace("", _SVG)  # written without a prefix, as HTML needs it
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_WIDEST = 1.75  # CSS pixels for a point of the sheet, at most
_PNG_DATA = "data:image/png;base64,"


def to_svg(figure: Figure, *, title: str | None = None, key: str = "") -> str:
    """The figure as one ``<svg>`` element to put into an HTML page.

    It fills the width it is given (up to 580 pixels), loads nothing, has no script and no page-wide style,
    and reads as one image with a description. Its text stays text in the reader's own sans-serif, so it is
    small, can be searched, and shows every script; its ids begin with a digest of the picture.

    Args:
        figure: Any matplotlib figure.
        title: What a screen reader says; the figure's own description by default.
        key: Anything that tells two identical figures on one page apart.
    """
    buffer = io.BytesIO()
    with style():
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())
    words = plain(title if title is not None else figure.get_label()) or "figure"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata" or (
                child.tag == f"{{{_SVG}}}defs" and child.find(f"{{{_SVG}}}style") is not None
            ):
                parent.remove(child)  # matplotlib's style is `* {…}`: it would reach the whole page
    for element in root.iter():
        _localise(element)
        _shorten(element)
    _rename(root, hashlib.sha256(key.encode() + b"\0" + ElementTree.tostring(root)).hexdigest()[:10])
    _frame(root, words)
    return ElementTree.tostring(root, encoding="unicode")


def to_png(figure: Figure, dpi: float = 144) -> bytes:
    """The figure as PNG bytes at ``dpi`` dots an inch (a sheet is 4.6 inches wide)."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _localise(element: ElementTree.Element) -> None:
    """References become plain ``href``, fonts the page's, images smooth and small."""
    link = element.attrib.pop(_HREF, None)
    if link is not None:
        element.set("href", _compress(link) if link.startswith(_PNG_DATA) else link)
    css = element.get("style", "")
    if element.tag == f"{{{_SVG}}}text":
        css = re.sub(r"\s*font-family:[^;]*;?", "", css)
        if "font:" in css:  # the shorthand of older matplotlib holds the family too
            css += "; font-family: inherit"
    if element.tag == f"{{{_SVG}}}image":
        css = re.sub(r"\s*image-rendering:[^;]*;?", "", css)
    if css.strip():
        element.set("style", css.strip())
    else:
        element.attrib.pop("style", None)


def _shorten(element: ElementTree.Element) -> None:
    """A hundredth of a point is enough; a style that all children share is said once."""
    for name in ("d", "x", "y"):
        if name in element.attrib:
            element.set(name, _LONG_NUMBER.sub(lambda m: f"{float(m[0]):.2f}", element.attrib[name]))
    children = list(element)
    shared = {child.get("style", "") for child in children}
    if element.tag != f"{{{_SVG}}}g" or len(children) < 2 or len(shared) != 1 or "style" in element.attrib:
        return
    css = shared.pop()
    if css and not re.search(
        r"(?<![-\w])(opacity|clip-path|filter|font)\s*:", css
    ):  # these mean another thing on a group
        element.set("style", css)
        for child in children:
            del child.attrib["style"]


def _compress(link: str) -> str:
    """An opaque photograph as JPEG where that is smaller (it is, about eightfold); all else untouched."""
    from PIL import Image

    data = base64.b64decode(link[len(_PNG_DATA) :])
    with Image.open(io.BytesIO(data)) as image:
        opaque = image.mode != "RGBA" or image.getchannel("A").getextrema() == (255, 255)
        if not opaque or min(image.size) < 16:
            return link
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, format="JPEG", quality=88, subsampling=0, optimize=True)
    if buffer.tell() >= len(data):
        return link
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _rename(root: ElementTree.Element, prefix: str) -> None:
    """Keep only ids that something refers to, and make them this figure's own."""
    reference = re.compile(r"url\(#([^)]+)\)")
    used: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "href" and value.startswith("#"):
                used.add(value[1:])
            used.update(reference.findall(value))
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name == "id":
                if value in used:
                    element.set(name, f"{prefix}-{value}")
                else:
                    del element.attrib[name]
            elif name == "href" and value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
            elif "url(#" in value:
                element.set(name, reference.sub(rf"url(#{prefix}-\1)", value))


def _frame(root: ElementTree.Element, words: str) -> None:
    """The root element: responsive, labelled, with what matplotlib's page-wide style said."""
    width = float(root.attrib["viewBox"].split()[2])
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": view,
            "width": "100%",
            "role": "img",
            "aria-label": words,
            "class": "deepception-plot",
            "font-family": _FONTS,
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
            "style": f"max-width: {_WIDEST * width:.0f}px",
        }
    )
