from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of networks and photographs for development, where there is one beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "models" / "models.json").is_file():
        pytest.skip("the shared networks and photographs are not here")
    return folder
