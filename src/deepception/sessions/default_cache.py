"""Which cache a measurement uses: for endpoints one in the user's cache folder, else one that was asked for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..observers import Observer
from ..observers.remote import is_remote
from .cache import DEFAULT_BYTES, AnswerCache, check_bytes
from .cache_file import default_path

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheChoice:
    """What a person says of the cache, before it is opened.

    Attributes:
        path: Its file, for whatever observer; ``None`` for the default one, if an endpoint is asked.
        max_bytes: How much its file may hold.
        off: Whether there is none at all.

    Raises:
        InputError: So few bytes can hold nothing.
    """

    path: Path | None = None
    max_bytes: int = DEFAULT_BYTES
    off: bool = False

    def __post_init__(self) -> None:
        check_bytes(self.max_bytes)


def keeps_answers(observer: Observer, choice: AnswerCache | CacheChoice) -> bool:
    """Whether answers of an observer are to be kept, and may be known already; nothing is opened."""
    if isinstance(choice, AnswerCache):
        return True
    wanted = not choice.off and (choice.path is not None or is_remote(observer))
    return wanted and "process" not in observer.identity


def chosen_cache(observer: Observer, choice: CacheChoice) -> AnswerCache | None:
    """Open the cache for an observer; ``None`` where there is to be none.

    Raises InputError where the file that was named cannot be used.
    """
    if choice.off or (choice.path is None and not is_remote(observer)):
        return None
    if "process" in observer.identity:  # nobody could ever find these answers again
        _log.warning(
            "The answers of %s are not kept: a function needs a version for that (--observer-version).",
            observer.name,
        )
        return None
    if choice.path is not None:
        return AnswerCache(choice.path, max_bytes=choice.max_bytes)
    return default_cache(choice.max_bytes)


def default_cache(max_bytes: int = DEFAULT_BYTES) -> AnswerCache | None:
    """Open the cache that DEEPCEPTION_CACHE names, else the one in the user's cache folder.

    Nobody asked for it by name, so where it cannot be opened a warning says so, and it is ``None``. Raises
    InputError where so few bytes can hold nothing.
    """
    check_bytes(max_bytes)
    try:
        path = default_path()
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)  # what endpoints answered is nobody else's business
        return AnswerCache(path, max_bytes=max_bytes)
    except InputError as error:
        _log.warning("%s So no answers are kept.", error)
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
        _log.warning("The folder of the answer cache cannot be made (%s), so no answers are kept.", reason)
    return None
