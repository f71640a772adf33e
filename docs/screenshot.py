"""Take the picture of a report that the README shows: ``python docs/screenshot.py RUN/report.html``.

Needs Chromium or Chrome as ``chromium``, ``chromium-browser`` or ``google-chrome`` on the path. The picture is the
top of the page at desktop width, cut into columns side by side, with fewer colours where it would be larger than
400 KB otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

OUT = Path(__file__).resolve().parent / "images" / "report.png"
LARGEST = 400_000
GAP, PAPER = 24, (224, 228, 232)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Nothing that calls home, and no first-run page in the picture.
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--no-first-run",
)


def shoot(page: Path, width: int, height: int) -> Image.Image:
    """The top ``height`` pixels of a page at a window ``width``."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"no browser on the path: install one of {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture = Path(folder) / "page.png"
        # Chromium refuses its sandbox to root, as whom containers run.
        sandbox = ("--no-sandbox",) if os.name == "posix" and os.geteuid() == 0 else ()
        command = [
            browser,
            *QUIET,
            *sandbox,
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={picture}",
            page.resolve().as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode or not picture.is_file():
            raise SystemExit(f"{browser} took no picture:\n{done.stderr}")
        with Image.open(picture) as image:
            return image.convert("RGB")


def spread(image: Image.Image, columns: int, width: int) -> Image.Image:
    """The picture cut into columns of equal height, side by side, ``width`` pixels wide in all."""
    height = image.height // columns
    sheet = Image.new("RGB", (columns * image.width + (columns - 1) * GAP, height), PAPER)
    for column in range(columns):
        part = image.crop((0, column * height, image.width, (column + 1) * height))
        sheet.paste(part, (column * (image.width + GAP), 0))
    return sheet.resize((width, round(height * width / sheet.width)), Image.Resampling.LANCZOS)


def small(image: Image.Image) -> bytes:
    """The picture as PNG of at most ``LARGEST`` bytes."""
    for made in (image, image.quantize(256), image.quantize(128), image.quantize(64)):
        buffer = BytesIO()
        made.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            return buffer.getvalue()
    raise SystemExit(f"the picture is larger than {LARGEST:,} bytes: give a smaller --height.")


def main() -> None:
    """Take the picture and write it."""
    parser = argparse.ArgumentParser(description="Take the picture of a report that the README shows.")
    parser.add_argument("page", type=Path, help="the report.html of a run")
    parser.add_argument("--out", type=Path, default=OUT, help="the PNG to write")
    parser.add_argument("--width", type=int, default=1280, help="width of the window in pixels")
    parser.add_argument("--height", type=int, default=1640, help="height of a column in pixels")
    parser.add_argument("--columns", type=int, default=2, help="columns of the picture")
    parser.add_argument("--final-width", type=int, default=1600, help="width of the picture in pixels")
    given = parser.parse_args()
    if not given.page.is_file():
        raise SystemExit(f"there is no page {given.page}: give the report.html of a run.")
    page = shoot(given.page, given.width, given.columns * given.height)
    content = small(spread(page, given.columns, given.final_width))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(content)
    print(f"written: {given.out} ({len(content):,} bytes)", file=sys.stderr)


if __name__ == "__main__":
    main()
