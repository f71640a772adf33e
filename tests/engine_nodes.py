"""A driver on one of two nodes: uses both, says so in lines of JSON, and goes on when the other is lost."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from deepception.studies.engines import Ending, Good, Place, open_engine
from engine_benches import collect

NAMESPACES = ("net", "mnt", "pid", "ipc")


class Scout:
    """A bench that says where it is."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def do(self, body: tuple[float, Good | None, str]) -> Any:
        seconds, good, theirs = body
        time.sleep(seconds)
        if good is None:
            return os.readlink("/proc/self/ns/net")
        where = {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
        content = self.place.path(good).read_text()
        return {**where, "read": content, "hosts_file": Path(theirs).exists()}

    def close(self) -> None:
        pass


def make_scout(place: Place) -> Scout:
    return Scout(place)


def say(content: Any) -> None:
    print(json.dumps(content), flush=True)


def plain(ended: list[Ending]) -> list[dict[str, Any]]:
    return [{"number": e.number, "state": e.state, "value": e.value, "why": e.why} for e in ended]


def main(address: str) -> None:
    path = Path(tempfile.mkdtemp()) / "shared.txt"
    path.write_text("bytes that were shared")
    with open_engine("ray", make_scout, workers=2, address=address) as engine:
        good = engine.share(path)
        path.unlink()
        for number in (1, 2):
            engine.submit(number, (1.0, good, str(path)))
        say(plain(collect(engine, 2, 60.0)))
        say({"head": os.readlink("/proc/self/ns/net")})
        for number in range(3, 7):
            engine.submit(number, (8.0, None, ""))
        assert engine.wait(2.0) == []
        say("under way")
        say(plain(collect(engine, 4, 120.0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
