"""Claims: which worker measures which unit, so that none is measured twice; and what failed under their hands."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path

from ... import errors
from ...errors import DeepceptionError, ObserverError
from ..files import folder_error, make_folder, write_atomically
from .workers import WORKERS, Roster

_FAILED = "failed"
_UNSIGNED = 5.0  # seconds after which a claim without a name is that of a process which died as it made it


class Claims:
    """The claims of one worker on units.

    A claim is a file of exclusive creation that names its worker. It holds as long as that worker lives; on a unit
    whose claimant is gone, the next one is numbered on, as with the lease. A claim is let go once the unit is
    finished, so whoever gets one looks first whether the unit has been finished meanwhile.
    """

    def __init__(self, folder: str | Path, worker: int, roster: Roster) -> None:
        self.folder = Path(folder)
        self._worker, self._roster = worker, roster
        self._places = self.folder / WORKERS / "claims"
        self._mine: dict[str, Path] = {}
        self._unsigned: dict[Path, float] = {}
        make_folder(self._places)

    def take(self, unit_hash: str) -> bool:
        """Claim a unit; false where a living worker has it. Raises RunFolderError where nothing can be written."""
        if unit_hash in self._mine:
            return True
        turn = 1
        while True:
            place = self._places / f"{unit_hash}.{turn}"
            try:
                with place.open("x") as file:
                    file.write(f"{self._worker}\n")
            except FileExistsError:
                if self._holds(place):
                    return False
                turn += 1
                continue
            except OSError as error:
                raise folder_error(self.folder, error) from error
            self._mine[unit_hash] = place
            return True

    def release(self, unit_hash: str) -> None:
        """Let a unit go; a claim that cannot be removed ends with its worker."""
        place = self._mine.pop(unit_hash, None)
        if place is not None:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)

    def fail(self, unit_hash: str, error: DeepceptionError) -> None:
        """Tell the others that a unit failed, so that none tries it again in this sitting; and let it go."""
        told = {"error": type(error).__name__, "text": str(error)}
        write_atomically(self._places / f"{unit_hash}.{_FAILED}", json.dumps(told).encode("ascii"))
        self.release(unit_hash)

    def failure(self, unit_hash: str) -> DeepceptionError | None:
        """What another worker said of a unit that failed; ``None`` where none did."""
        try:
            told = json.loads((self._places / f"{unit_hash}.{_FAILED}").read_bytes())
            kind = getattr(errors, told["error"], ObserverError)
            return DeepceptionError(told["text"]) if not _is_ours(kind) else kind(told["text"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return ObserverError("Another process could not measure it.")

    def _holds(self, place: Path) -> bool:
        """Whether somebody alive has made this claim, or has just let it go: the next look will tell."""
        try:
            text = place.read_text()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise folder_error(self.folder, error) from error
        if text.endswith("\n") and text.strip().isdecimal():
            return not self._roster.gone(int(text))
        now = time.monotonic()
        return now - self._unsigned.setdefault(place, now) < _UNSIGNED


def clear_claims(folder: Path) -> None:
    """Forget all claims and failures of a run; only for the holder of its lease, when nobody else is at work."""
    shutil.rmtree(folder / WORKERS / "claims", ignore_errors=True)


def _is_ours(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, DeepceptionError)
