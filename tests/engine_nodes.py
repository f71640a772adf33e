"""A driver on one of two nodes: uses both, says so in lines of JSON, and goes on when the other is lost."""

from __future__ import annotations

import itertools
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
        # Where the machine is busy one node's worker stands long before the other's: ask until both have answered.
        numbers, found = itertools.count(), dict[str, Ending]()
        until = time.monotonic() + 120.0
        while len(found) < 2 and time.monotonic() < until:
            for _ in range(2):
                engine.submit(next(numbers), (1.0, good, str(path)))
            for ended in collect(engine, 2, 60.0):
                found[ended.value["net"] if ended.state == "done" else str(ended.why)] = ended
        say(plain(list(found.values())))
        say({"head": os.readlink("/proc/self/ns/net")})
        for _ in range(4):
            engine.submit(next(numbers), (8.0, None, ""))
        assert engine.wait(2.0) == []
        say("under way")
        say(plain(collect(engine, 4, 120.0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
