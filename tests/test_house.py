"""The house: floors of which none imports from above, and rooms that stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "deepception"
ROOT = Path(__file__).resolve().parents[1] / "src" / PACKAGE

# From the ground up. Rooms on one floor know nothing of each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "data"),
    ("stimuli", "statistics", "plots"),
    ("observers",),
    ("sessions",),
    ("properties",),
    ("deceive",),
    ("studies",),
    ("reports", "lab"),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
LONGEST = 400


def module_name(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts


def room_of(path: Path) -> str:
    return module_name(path)[0]


def imported(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The rooms of this package that a module imports from, wherever in the module it does so."""
    name = module_name(path)
    is_package = path.name == "__init__.py"
    here = () if name == ("__init__",) else name if is_package else name[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == PACKAGE:
                    yield node.lineno, parts[1] if len(parts) > 1 else "__init__"
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - (node.level - 1)]
                target = (*base, *(node.module.split(".") if node.module else ()))
            elif node.module and node.module.split(".")[0] == PACKAGE:
                target = tuple(node.module.split(".")[1:])
            else:
                continue
            if target:
                yield node.lineno, target[0]
            else:  # `from deepception import x` or `from .. import x`: x is a room or a name of the top
                for alias in node.names:
                    if alias.name != "__version__":  # a constant, which every floor may state
                        yield node.lineno, alias.name if alias.name in FLOOR_OF else "__init__"


def faults(path: Path, source: str) -> list[str]:
    """Imports in a module that lead upward, or into another room of the same floor."""
    room = room_of(path)
    found = []
    for line, target in imported(path, ast.parse(source)):
        if target == room:
            continue
        if target not in FLOOR_OF:
            found.append(f"line {line}: {target!r} has no floor; give it one in FLOORS")
        elif FLOOR_OF[target] >= FLOOR_OF[room]:
            found.append(f"line {line}: {room} (floor {FLOOR_OF[room]}) imports {target}")
    return found


MODULES = sorted(ROOT.rglob("*.py"))


def test_the_house_was_found() -> None:
    assert {"errors", "stimuli", "observers"} <= {room_of(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_upward(path: Path) -> None:
    assert room_of(path) in FLOOR_OF, f"{room_of(path)!r} has no floor; give it one in FLOORS"
    assert faults(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines: split it, one idea each"


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("stimuli/render.py", "from ..observers import Observer"),
        ("stimuli/render.py", "from deepception.sessions import Session"),
        ("stimuli/render.py", "import deepception.cli"),
        ("stimuli/render.py", "from .. import plots"),
        ("stimuli/render.py", "import deepception"),
        ("statistics/period.py", "def f():\n    from ..stimuli import Frame"),
        ("observers/__init__.py", "from ..sessions.session import Session"),
        ("observers/onnx.py", "from deepception import Session"),
        ("properties/local.py", "from ..cellar import wine"),
    ],
)
def test_the_check_sees_faults(where: str, source: str) -> None:
    assert len(faults(ROOT / where, source)) == 1


@pytest.mark.parametrize(
    ("where", "source"),
    [
        (
            "observers/onnx.py",
            "import onnxruntime\nfrom ..errors import ObserverError\nfrom ..stimuli import Frame",
        ),
        ("observers/torch.py", "import torch\nfrom .protocol import RawAnswers\nfrom . import labels"),
        ("sessions/__init__.py", "from .session import Session\nfrom ..observers.protocol import Observer"),
        ("__init__.py", "from .sessions import Session\nfrom . import errors"),
        ("studies/audit.py", "from .. import __version__"),
    ],
)
def test_the_check_lets_pass_what_is_right(where: str, source: str) -> None:
    assert faults(ROOT / where, source) == []


# METHODS and DESIGN: "Only `sessions` calls an observer."
@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if FLOOR_OF.get(room_of(path), 0) > FLOOR_OF["sessions"]],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_only_sessions_call_an_observer(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "answer"
    ]
    assert calls == [], f"lines {calls} ask an observer without a session"
