"""Deceive one photograph, or many: the clean answer, the search, the judgement, the controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..observers import resolve_label
from ..properties.limits import at_least
from ..properties.streams import stream
from ..properties.subject import ImageLike, Subject, all_subjects, not_among, of_other_classes
from ..sessions import Session
from ..stimuli import as_photograph, fit_frame
from .bounds import Area, Bound, limit_within
from .builtin import builtin_dictionary
from .controls import Case, measure_controls
from .deception import Deception, DeceptionResult
from .dictionary import Dictionary, load_dictionary
from .found import Found
from .goals import Goal, Targeted, Untargeted
from .judging import judge
from .keeping import packed
from .lesson import learned_on
from .origin import built_in_photographs
from .parameters import RANDOM, DeceptionParameters
from .patch_search import search_patch
from .pattern import Pattern
from .pattern_showing import show_pattern
from .synonyms import near_synonyms
from .trials import Trials
from .veil_bank import builtin_veils
from .veil_search import search_veil

POOL = 6
"""Photographs whose pixels ``deceive_all`` puts under the found masks, as a control."""

Labels = Sequence[int | str | None] | int | str | None
DictionaryLike = Dictionary | str | Path | None
_NO_MASK = np.zeros((0, 0), dtype=np.bool_)
_UNKNOWN = -1


def deceive(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    area: float | None = None,
    linf: str | float | None = None,
    target: int | str | None = None,
    queries: int = 1000,
    dictionary: DictionaryLike = None,
    seed: int = 0,
    prune: bool = True,
    controls: bool = False,
    crops_from: Sequence[Subject] = (),
    as_is: bool = False,
) -> Deception:
    """Search a stimulus near a photograph that the observer answers wrong (METHODS §5).

    Args:
        session: Whom to ask. Its answer level decides how the search goes; labels alone suffice.
        image: A path, a Pillow image, a uint8 array, a photograph or a subject.
        label: The true class, index or name; without one the clean top-1 is the class.
        area: Most of the frame that may be covered, a share in (0, 1]; 0.05 where no bound is given.
        linf: Instead, how far every value may change: ``"10/255"``, ``"0.0392"`` or a number.
        target: The class to be answered, index or name, or ``"random"``: any but the class and the clean top-1.
        queries: Most showings, besides the clean answer and the controls.
        dictionary: What to try first, or its file; the built-in one where ``None``.
        seed: Seed of everything random.
        prune: Take away what a patch does not need, with some of the queries that are left.
        controls: Show the controls, too; each that is drawn at random has as many queries.
        crops_from: Photographs whose pixels are put under the found mask, as a control; those of the class and of
            the clean top-1 are left out, those of the target and its near-synonyms are a row of their own.
        as_is: Show the image untouched; it must have the frame's size.

    Returns:
        The deception; where none was found the best try, with ``reached`` false.

    Raises:
        InputError: A bound, label, target or dictionary that cannot be used, or no query.
        PhotographError: The image cannot be used.
        BudgetError: The session's budget does not suffice.
        ObserverError: The observer failed.
    """
    parameters = DeceptionParameters(area, linf, target, queries, prune, controls)
    checked(session, parameters)
    clean = _show_clean(session, image, label, as_is)
    if target is not None and target != RANDOM:
        aimed = resolve_label(target, session.observer.labels)
        if aimed in (clean.subject.label, clean.top1):
            what = "class" if aimed == clean.subject.label else "clean answer"
            raise InputError(
                f"class {aimed} is the {what} of {clean.subject.name} already: give another target."
            )
    return deceive_subject(
        session,
        clean.subject,
        parameters,
        clean_top1=clean.top1,
        dictionary=dictionary,
        seed=seed,
        crops_from=crops_from,
        asked=clean.asked,
    )


def deceive_all(
    session: Session,
    images: Sequence[ImageLike],
    labels: Labels = None,
    *,
    area: float | None = None,
    linf: str | float | None = None,
    target: int | str | None = None,
    queries: int = 1000,
    dictionary: DictionaryLike = None,
    seed: int = 0,
    prune: bool = True,
    controls: bool = False,
    as_is: bool = False,
) -> DeceptionResult:
    """Deceive each photograph, one after the other, and count (METHODS §5).

    Arguments and errors are those of ``deceive``; ``labels`` is one for all photographs or one each. With
    ``controls``, crops of other classes are those of six photographs drawn from ``images``. A photograph that has
    the target already, as its class or clean top-1, is not attacked, and counted apart. Photographs that the
    dictionary, or what comes with this package, was learned on are left out, and a warning says how many.
    """
    labels = one_each(images, labels)
    parameters = DeceptionParameters(area, linf, target, queries, prune, controls)
    bound = checked(session, parameters)
    chosen = read_dictionary(bound, dictionary)
    barred = built_in_photographs(bound) if chosen is None else learned_on(chosen)
    if barred:
        what = "what comes with this package" if chosen is None else "the dictionary"
        left = not_among([_sha256(image) for image in images], barred, what)
        images, labels = [images[i] for i in left], [labels[i] for i in left]
    drawn = stream(seed, "deception", "pool").permutation(len(images))[: POOL if controls else 0]
    shown = {int(i): _show_clean(session, images[i], labels[i], as_is) for i in drawn}
    pool = [clean.subject for clean in shown.values()]
    made = []
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        clean = shown.get(index) or _show_clean(session, image, label, as_is)
        made.append(
            deceive_subject(
                session,
                clean.subject,
                parameters,
                clean_top1=clean.top1,
                dictionary=chosen,
                seed=seed,
                crops_from=pool,
                asked=clean.asked,
            )
        )
    # The built-in dictionary was learned on other observers: this one was asked nothing for it.
    learned_with = 0 if chosen is None else int(chosen.learned.get("queries", 0))
    return DeceptionResult(tuple(made), learned_with)


def deceive_subject(
    session: Session,
    subject: Subject,
    parameters: DeceptionParameters,
    *,
    clean_top1: int,
    dictionary: DictionaryLike = None,
    seed: int = 0,
    crops_from: Sequence[Subject] = (),
    asked: int = 0,
    pattern: Pattern | None = None,
) -> Deception:
    """Deceive a photograph whose clean top-1 is known; where that or its class is the target, nothing is searched.

    Args:
        session: Whom to ask.
        subject: The photograph and its class.
        parameters: The bound, the goal and the queries.
        clean_top1: The clean answer.
        dictionary: As for ``deceive``.
        seed: As for ``deceive``.
        crops_from: As for ``deceive``; at most ``parameters.crops`` of them are used.
        asked: Queries that the clean answer has cost, for ``Deception.queries``.
        pattern: Where ``parameters.universal``: what is shown, once, instead of searching.

    Raises:
        InputError: As for ``deceive``, or the pattern exceeds the bound.
    """
    bound, clean, before = checked(session, parameters), subject.pixels, session.answered
    all_subjects(crops_from)
    goal = _goal(session, subject, clean_top1, parameters.target, seed)
    aimed = goal.target if isinstance(goal, Targeted) else None
    about: dict[str, Any] = {
        "name": subject.name,
        "sha256": subject.sha256,
        "label": subject.label,
        "labelled": subject.labelled,
        "clean_top1": clean_top1,
        "goal": "untargeted" if aimed is None else "targeted",
        "target": aimed,
        "bound": str(bound),
        "limit": bound.limit((clean.shape[0], clean.shape[1])),
        "budget": parameters.showings,
    }
    if aimed in (subject.label, clean_top1):
        return _untouched(clean, clean_top1, asked, about)
    if parameters.universal:
        if pattern is None:
            raise ValueError("a universal pattern is learned or brought before it is shown")
        found, judgement = show_pattern(session, clean, goal, bound, pattern)
        spent: int = 1 if judgement.survives_shift is None else 2
        first: int | None = 1
    else:
        trials = Trials(session, clean, goal, bound, parameters.queries)
        rng = stream(seed, subject.sha256, "deception", "search")
        found = _search(trials, read_dictionary(bound, dictionary), rng, parameters.prune)
        judgement = judge(trials, found)
        spent, first = trials.spent, trials.first
    controls: dict[str, dict[str, Any]] = {}
    if parameters.controls:
        others = [crops_from[i] for i in of_other_classes(crops_from, subject)]
        others = [other for other in others if other.label != clean_top1][: parameters.crops]
        shows_target = (
            set() if aimed is None else {aimed, *near_synonyms(aimed, len(session.observer.labels))}
        )
        case = Case(
            session,
            clean,
            subject.sha256,
            goal,
            bound,
            parameters.showings,
            seed,
            crops_from=[other.pixels for other in others if other.label not in shows_target],
            containing=[other.pixels for other in others if other.label in shows_target],
        )
        controls = measure_controls(case, found)
    covered = 0 if found.mask is None else int(found.mask.sum())
    return Deception(
        **about,
        queries=asked + session.answered - before,
        used=max(covered, bound.used(clean, found.stimulus)),
        attacked=True,
        reached=judgement.reached,
        first=first if judgement.reached else None,
        attack_queries=spent,
        control_queries=sum(int(control["queries"]) for control in controls.values()),
        top1=judgement.top1,
        log10_odds=judgement.log10_odds,
        survives_shift=judgement.survives_shift,
        source=found.source,
        copies=found.copies,
        controls=controls,
        stimulus=found.stimulus,
        mask=_NO_MASK if found.mask is None else found.mask,
        log10_odds_bound=judgement.log10_odds_bound,
        packed=packed(found, bound, session, subject, {"target": aimed, "seed": seed, "queries": spent}),
    )


def checked(session: Session, parameters: DeceptionParameters) -> Bound:
    """The bound, once the parameters are known to fit the session's frame; raises InputError where they do not."""
    return check_bound(parameters, session.observer.frame.shape)


def check_bound(parameters: DeceptionParameters, shape: tuple[int, int]) -> Bound:
    """As ``checked``, for a frame of (height, width)."""
    at_least("queries", parameters.queries, 1)
    limit_within(parameters.bound, shape)
    return parameters.bound


def one_each(images: Sequence[ImageLike], labels: Labels) -> Sequence[int | str | None]:
    """A label for each photograph, from one for all or one each; InputError for other numbers, or no list."""
    if isinstance(images, (str, Path)) or not isinstance(images, Sequence | np.ndarray):
        raise InputError(f"{images!r} is no list of photographs: put what is one photograph into [ ].")
    count = len(images)
    if labels is None or isinstance(labels, (int, str)):
        return [labels] * count
    if not isinstance(labels, Sequence | np.ndarray):
        raise InputError(f"{labels!r} is no label: give an index or a name, for all photographs or one each.")
    if len(labels) != count:
        raise InputError(f"{len(labels)} labels were given for {count} photographs: give one each.")
    return labels


def read_dictionary(bound: Bound, dictionary: DictionaryLike) -> Dictionary | None:
    """The dictionary that was given, or its file; ``None`` for what comes with this package."""
    if dictionary is not None and not isinstance(bound, Area):
        raise InputError("a dictionary holds stencils, which need an area: leave it out for an L∞ bound.")
    if isinstance(dictionary, (str, Path)):
        return load_dictionary(dictionary)
    if dictionary is None or isinstance(dictionary, Dictionary):
        return dictionary
    kind = type(dictionary).__name__  # type: ignore[unreachable]  # a person may give anything
    raise InputError(f"a {kind} is no dictionary: give what learn_dictionary has returned, or its file.")


def show_clean(session: Session, subject: Subject) -> int:
    """The clean top-1 of a photograph, shown alone: one query."""
    return int(session.ask_images(subject.pixels[None], purpose="clean", batch_size=1).top[0, 0])


def show_labelled(
    session: Session, image: ImageLike, label: int | str | None = None, *, as_is: bool = False
) -> tuple[Subject, int]:
    """A photograph in the frame with its class (without a label: the clean top-1), and its clean top-1."""
    clean = _show_clean(session, image, label, as_is)
    return clean.subject, clean.top1


class _Clean(NamedTuple):
    """A photograph with its class, its clean top-1, and what that was asked for."""

    subject: Subject
    top1: int
    asked: int


def _sha256(image: ImageLike) -> str:
    return image.sha256 if isinstance(image, Subject) else as_photograph(image).sha256


def _show_clean(session: Session, image: ImageLike, label: int | str | None, as_is: bool) -> _Clean:
    if isinstance(image, Subject):
        subject = image
        if label is None and not subject.labelled:
            return _Clean(subject, subject.label, 0)
    else:
        photograph = as_photograph(image)
        pixels = fit_frame(photograph, session.observer.frame, as_is=as_is)
        subject = Subject(pixels, _UNKNOWN, photograph.name, photograph.sha256, labelled=False)
    if label is not None:
        # A label that is none is told before anything is asked.
        subject = replace(subject, label=resolve_label(label, session.observer.labels), labelled=True)
    before = session.answered
    top1 = show_clean(session, subject)
    if subject.label == _UNKNOWN:
        subject = replace(subject, label=top1)
    return _Clean(subject, top1, session.answered - before)


def _search(trials: Trials, dictionary: Dictionary | None, rng: np.random.Generator, prune: bool) -> Found:
    """The search that the bound asks for; without a dictionary it starts from what comes with this package."""
    if isinstance(trials.bound, Area):
        if dictionary is None:
            dictionary = builtin_dictionary(trials.bound.fraction, trials.session.observer)
        return search_patch(trials, dictionary=dictionary, rng=rng, prune=prune)
    return search_veil(trials, dictionary=builtin_veils(trials.session.observer), rng=rng)


def _goal(session: Session, subject: Subject, clean_top1: int, target: int | str | None, seed: int) -> Goal:
    if target is None:
        return Untargeted(clean_top1, subject.label)
    labels = session.observer.labels
    if target != RANDOM:
        return Targeted(resolve_label(target, labels))
    order = stream(seed, subject.sha256, "deception", "target").permutation(len(labels))
    left = [int(c) for c in order if c not in (subject.label, clean_top1)]
    if not left:
        raise InputError(
            f"among {len(labels)} classes there is no other one to aim at: leave the target out."
        )
    return Targeted(left[0])


def _untouched(clean: Any, clean_top1: int, asked: int, about: dict[str, Any]) -> Deception:
    """A photograph that has the target already: there is nothing to search."""
    return Deception(
        **about,
        queries=asked,
        used=0,
        attacked=False,
        reached=False,
        first=None,
        attack_queries=0,
        control_queries=0,
        top1=clean_top1,
        log10_odds=None,
        survives_shift=None,
        source="",
        copies=0,
        controls={},
        stimulus=clean,
        mask=_NO_MASK,
    )
