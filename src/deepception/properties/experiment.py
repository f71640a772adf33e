"""Experiments: how a property plugs into audits and studies; built-ins register as third parties do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .headline import Headline
from .result import Result
from .subject import Subject

if TYPE_CHECKING:
    from ..sessions import Session
    from ..stimuli.patches import UInt8

ENTRY_POINTS = "deepception.properties"
SETTINGS = ("quick", "standard", "full")


@dataclass(frozen=True)
class Context:
    """What a measurement may use besides its photograph.

    Attributes:
        seed: Seed of the run.
        earlier: Results of the experiments that this one needs, of the same photograph, by name.
        period: The observer's period in pixels, ``None`` where none was found or measured.
        pool: Control photographs.
        background: A photograph of another class to place patches on, where there is one.
        clean: The photograph's clean top-1, ``None`` where it was not asked for yet.
        learned: The lesson of this experiment's learning, where it has one.
    """

    seed: int = 0
    earlier: Mapping[str, Result] = field(default_factory=dict)
    period: int | None = None
    pool: Sequence[Subject] = ()
    background: Subject | None = None
    clean: int | None = None
    learned: Result | None = None


@dataclass(frozen=True)
class ControlTask:
    """One shared control measurement: once for an observer, for all photographs.

    Attributes:
        key: What tells it from the experiment's other tasks, JSON values.
        sources: Indices into the pool of the photographs that it shows.
        background: Index into the pool of the photograph it places patches on, or ``None``.
        price: Queries that it costs, at most.
        measure: Session, sources, background, period and seed to a result.
    """

    key: Mapping[str, Any]
    sources: tuple[int, ...]
    background: int | None
    price: int
    measure: Callable[[Session, Sequence[Subject], Subject | None, int | None, int], Result]


@dataclass(frozen=True)
class Learning:
    """What an experiment learns about an observer, on photographs that it then never measures.

    Stages follow each other, and each is kept, so that an interruption loses one of them. What the last has come
    to is finished into a *lesson*, which every measurement is given. A file can bring a lesson instead.

    Attributes:
        stages: Parameters to the number of stages; 0: nothing is learned.
        learn: Session, learning photographs, their clean top-1, parameters, what the stage before has left
            (``None`` for the first), number of the stage from 0, and seed, to what this stage leaves.
        price: Parameters, number of the stage and of learning photographs to the queries that it costs, at most.
        stage: Class of what a stage leaves.
        brings: Parameters to the SHA-256 of the file that holds the lesson, ``None`` where none is brought.
        finish: Session, parameters, what the last stage has left, and the content of that file, one of the two
            ``None``, to the lesson; nothing is asked.
        lesson: Class of the lesson.
        files: A lesson to the files that hold it for people: name to content.
        add: Summary and what went before it to the summary that tells of both.
        require: Parameters, number of learning photographs and, where these are about half of what was given, that
            number; raises InputError where they are too few.
        schema: Version of these results.
    """

    stages: Callable[[Any], int]
    learn: Callable[[Session, Sequence[Subject], Sequence[int], Any, Any, int, int], Result]
    price: Callable[[Any, int, int], int]
    stage: type[Result]
    brings: Callable[[Any], str | None]
    finish: Callable[[Session, Any, Any, bytes | None], Result]
    lesson: type[Result]
    files: Callable[[Any], Mapping[str, bytes]]
    add: Callable[[PropertySummary, Beforehand], PropertySummary]
    require: Callable[[Any, int, int | None], None] = lambda parameters, photographs, halved: None
    schema: int = 1


@dataclass(frozen=True)
class Beforehand:
    """What went before the measuring of a run's photographs.

    Attributes:
        parameters: Those of the experiment.
        identity: Of the observer.
        lesson: What was learned, or brought; ``None`` where there is none.
        stages: What each stage of learning has left, in order; their ``queries`` are what it was asked.
        clean_others: Clean answers of photographs that are shown but have no row: learned on, cut for controls, or
            not measured.
    """

    parameters: Any
    identity: Mapping[str, Any]
    lesson: Result | None = None
    stages: Sequence[Result] = ()
    clean_others: int = 0


@dataclass(frozen=True)
class PropertySummary:
    """One property over all photographs.

    Attributes:
        name: The experiment's name.
        headline: Effect, controls and verdict; ``None`` where there is nothing to judge.
        figures: Further figures, JSON values.
        rows: One entry for each photograph, JSON values.
        queries: What the measurements cost, controls included.
        open_questions: What these settings leave open, one sentence each.
    """

    name: str
    headline: Headline | None
    figures: dict[str, Any]
    rows: list[dict[str, Any]]
    queries: int
    open_questions: list[str]


@dataclass(frozen=True)
class Experiment:
    """A property, ready for audits and studies.

    Attributes:
        name: Name on the command line and in stored results.
        question: What it asks, in words for a person.
        parameters: Parameters for each setting (quick, standard, full); a frozen dataclass of plain values.
        measure: Session, subject, parameters and context to a result.
        price: Parameters, frame (height, width) and whether there is a background photograph to the queries
            that one photograph costs at most; ``exact_price`` tells whether it costs exactly that.
        result: Class of the result.
        row: A result and the shared controls to one JSON-able row for that photograph.
        summarise: The rows and the queries spent to a summary.
        needs: Experiments that go before, on the same photograph.
        uses_period: Whether the observer's period is measured first.
        needs_background: Whether parameters ask for a photograph of another class.
        controls: Parameters and pool to the shared control tasks.
        control_result: Class of their results.
        schema: Version of the result, raised when stored ones cannot be read any more.
        exact_price: Parameters to whether ``price`` is exact.
        learning: What it learns before it measures, if anything.
        pictures: Folder of a run in which the pictures of its results are kept.
        picture: A result to the picture that is kept, uint8 ``[H, W, 3]`` in the frame, or ``None``.
        kept: A result to the content of an ``.npz`` file that is kept beside the picture; empty: none.
        label_parameters: Parameters for each setting where the observer answers with labels only; empty: the same.
        label_cost: Queries that one of ``price`` becomes there, at most.
    """

    name: str
    question: str
    parameters: Mapping[str, Any]
    measure: Callable[[Session, Subject, Any, Context], Result]
    price: Callable[[Any, tuple[int, int], bool], int]
    result: type[Result]
    row: Callable[[Any, Sequence[Any]], dict[str, Any]]
    summarise: Callable[[list[dict[str, Any]], int], PropertySummary]
    needs: tuple[str, ...] = ()
    uses_period: bool = False
    needs_background: Callable[[Any], bool] = lambda parameters: False
    controls: Callable[[Any, Sequence[Subject], tuple[int, int]], list[ControlTask]] = lambda p, pool, shape: []
    control_result: type[Result] | None = None
    schema: int = 1
    exact_price: Callable[[Any], bool] = lambda parameters: True
    learning: Learning | None = None
    pictures: str = ""
    picture: Callable[[Any], UInt8 | None] = lambda result: None
    kept: Callable[[Any], bytes] = lambda result: b""
    label_parameters: Mapping[str, Any] = field(default_factory=dict)
    label_cost: int = 1

    def for_setting(self, setting: str, *, labels_only: bool = False) -> Any:
        """The parameters of a setting; raises InputError for an unknown one."""
        settings = (self.label_parameters if labels_only else None) or self.parameters
        if setting not in settings:
            raise InputError(f"there is no setting {setting!r}: choose among {', '.join(self.parameters)}.")
        return settings[setting]

    def cost(
        self, parameters: Any, shape: tuple[int, int], background: bool, *, labels_only: bool = False
    ) -> int:
        """``price`` at the observer's answer level."""
        return self.price(parameters, shape, background) * (self.label_cost if labels_only else 1)


@cache
def experiments() -> Mapping[str, Experiment]:
    """All installed experiments by name, in the order in which they can run."""
    from importlib.metadata import entry_points

    found: dict[str, Experiment] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        experiment = point.load()
        if not isinstance(experiment, Experiment):
            raise InputError(
                f"the installed property {point.name!r} is not an Experiment: remove that package."
            )
        found[experiment.name] = experiment
    ordered: dict[str, Experiment] = {}

    def place(name: str, asked_by: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name not in found or name in asked_by:
            raise InputError(
                f"the property {asked_by[-1]!r} needs {name!r}, which is not installed or needs it back."
            )
        for needed in found[name].needs:
            place(needed, (*asked_by, name))
        ordered[name] = found[name]

    first = ("local", "spatial", "activation", "cumulative")
    for name in sorted(found, key=lambda n: (first.index(n) if n in first else len(first), n)):
        place(name, (name + " itself",))
    return ordered


def with_needs(names: Sequence[str]) -> list[Experiment]:
    """The named experiments and all that they need, in the order in which they run.

    Raises InputError for an unknown name.
    """
    known = experiments()
    for name in names:
        if name not in known:
            raise InputError(f"there is no property {name!r}: choose among {', '.join(known)}.")
    wanted = set(names)
    for experiment in reversed(list(known.values())):
        if experiment.name in wanted:
            wanted.update(experiment.needs)
    return [e for e in known.values() if e.name in wanted]
