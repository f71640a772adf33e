"""Learning from Python: a universal pattern, or a dictionary, from photographs in one call."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..properties.limits import whole
from ..properties.subject import ImageLike, Subject
from ..sessions import Session
from .deceiving import Labels, checked, one_each, show_labelled
from .dictionary import Dictionary
from .learning import Learned
from .lesson import learn, require
from .parameters import LEARN_QUERIES, RANDOM, DeceptionParameters
from .pattern import Pattern
from .race import STAGES


def learn_universal(
    session: Session,
    images: Sequence[ImageLike],
    labels: Labels = None,
    *,
    area: float | None = None,
    linf: str | float | None = None,
    target: int | str | None = None,
    queries: int = LEARN_QUERIES,
    seed: int = 0,
    as_is: bool = False,
) -> Pattern:
    """Learn one pattern that deceives on photographs which it was not learned on (METHODS §5).

    Args:
        session: Whom to ask; labels suffice, scores do better.
        images: The learning photographs, as for ``deceive``; figures are to be measured on others.
        labels: Their classes, one for all or one each; where there is none it is the clean top-1.
        area: Most of the frame that may be covered, a share in (0, 1]; 0.05 where no bound is given.
        linf: Instead, how far every value may change: ``"10/255"``, ``"0.0392"`` or a number.
        target: The class to be answered, index or name; any wrong one where ``None``.
        queries: Most showings, besides one clean answer a photograph.
        seed: Seed of everything random.
        as_is: Show photographs untouched; they must have the frame's size.

    Returns:
        The pattern; put it on photographs with ``apply``.

    Raises:
        InputError: A bound, label or target that cannot be used, or too few photographs or queries.
        PhotographError: An image cannot be used.
        BudgetError: The session's budget does not suffice.
        ObserverError: The observer failed.
    """
    parameters = DeceptionParameters(area, linf, target, universal=True, learn_queries=queries)
    learned = _learn(session, images, labels, parameters, seed, as_is)
    pattern = learned.pattern(parameters.bound, session.observer.frame)
    assert pattern is not None  # a universal pattern was asked for
    return pattern


def learn_dictionary(
    session: Session,
    images: Sequence[ImageLike],
    labels: Labels = None,
    *,
    area: float | None = None,
    target: int | str | None = None,
    queries: int = LEARN_QUERIES,
    seed: int = 0,
    as_is: bool = False,
) -> Dictionary:
    """Learn what ``deceive`` tries first on this observer, in order.

    Arguments and errors are those of ``learn_universal``; a dictionary is for an area.
    """
    parameters = DeceptionParameters(area, None, target, learn_queries=queries)
    dictionary = _learn(session, images, labels, parameters, seed, as_is).dictionary()
    assert dictionary is not None  # a dictionary was asked for
    return dictionary


def _learn(
    session: Session,
    images: Sequence[ImageLike],
    labels: Labels,
    parameters: DeceptionParameters,
    seed: int,
    as_is: bool,
) -> Learned:
    checked(session, parameters)
    whole("learning queries", parameters.learn_queries)
    if parameters.target == RANDOM:
        raise InputError("what is learned for many photographs has one target: name a class.")
    labels = one_each(images, labels)
    require(parameters, len(images))
    subjects: list[Subject] = []
    tops: list[int] = []
    for image, label in zip(images, labels, strict=True):
        subject, top1 = show_labelled(session, image, label, as_is=as_is)
        subjects.append(subject)
        tops.append(top1)
    learned = None
    for stage in range(STAGES):
        learned = learn(session, subjects, tops, parameters, learned, stage, seed)
    assert learned is not None  # there is a stage
    return learned
