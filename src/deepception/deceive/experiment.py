"""Deception as an experiment: audits and studies run it on each photograph as they run the four properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..properties import Context, Experiment, Learning, PropertySummary, Result, Subject
from ..sessions import Session
from .controls import controls_price
from .counting import count_deceptions
from .deceiving import deceive_subject, show_clean
from .deception import Deception
from .learning import Learned
from .lesson import Lesson, finish, learn, require, stage_price, stages, with_lesson
from .parameters import DeceptionParameters

FEW = 6
"""Below so many photographs no two-sided exact paired test can give p < 0.05."""


def _measure(session: Session, subject: Subject, parameters: DeceptionParameters, context: Context) -> Result:
    before = session.answered
    clean_top1 = context.clean
    if clean_top1 is None:
        # Without a label the class is the clean top-1, which is known already.
        clean_top1 = show_clean(session, subject) if subject.labelled else subject.label
    lesson = context.learned if isinstance(context.learned, Lesson) else None
    return deceive_subject(
        session,
        subject,
        parameters,
        clean_top1=clean_top1,
        seed=context.seed,
        crops_from=context.pool,
        asked=session.answered - before,
        dictionary=None if lesson is None else lesson.dictionary,
        pattern=None if lesson is None else lesson.pattern,
    )


def _price(parameters: DeceptionParameters, shape: tuple[int, int], background: bool) -> int:
    """Search and controls, at most: what succeeds ends early. The clean answer is a unit of its own."""
    controls = 0
    if parameters.controls:
        targeted = parameters.target is not None
        controls = controls_price(parameters.bound, parameters.showings, parameters.crops, targeted=targeted)
    # What a universal pattern deceives is shown again, moved by a pixel; a search keeps queries for that.
    return parameters.showings + int(parameters.universal) + controls


def _row(result: Deception, controls: Sequence[Any]) -> dict[str, Any]:
    return result.row()


def _summarise(rows: list[dict[str, Any]], queries: int) -> PropertySummary:
    figures = count_deceptions(rows)
    first = rows[0]
    figures = {"bound": first["bound"], "goal": first["goal"], **figures}
    left = []
    if not any(row["controls"] for row in rows):
        left.append("No control was shown: how much of this is occlusion or chance is left open.")
    elif len(rows) < FEW:
        counted = "1 photograph is" if len(rows) == 1 else f"{len(rows)} photographs are"
        left.append(f"{counted} too few to tell a deception from its best control; {FEW} are needed.")
    failed = sum(row["attacked"] and not row["reached"] for row in rows)
    if failed and first["budget"] > 1:  # a universal pattern is shown once and nothing more is tried
        left.append(
            f"{failed} of {len(rows)} photographs {'was' if failed == 1 else 'were'} not deceived within "
            f"{first['budget']:,} queries; whether more would do it is left open."
        )
    return PropertySummary("deception", None, figures, rows, queries, left)


deception = Experiment(
    name="deception",
    question="How easily is the observer deceived?",
    parameters={
        "quick": DeceptionParameters(area=0.05, queries=30, controls=True, crops=0),
        "standard": DeceptionParameters(area=0.05, queries=100, controls=True, crops=3),
        "full": DeceptionParameters(area=0.05, queries=1000, controls=True, crops=5),
    },
    measure=_measure,
    price=_price,
    result=Deception,
    row=_row,
    summarise=_summarise,
    exact_price=lambda parameters: False,
    learning=Learning(
        stages=stages,
        learn=learn,
        price=stage_price,
        stage=Learned,
        brings=lambda parameters: parameters.applied,
        finish=finish,
        lesson=Lesson,
        files=Lesson.files,
        add=with_lesson,
        require=require,
    ),
    pictures="deceptions",
    picture=lambda result: result.stimulus if result.reached else None,
    kept=lambda result: result.packed.tobytes() if result.reached else b"",
    schema=2,
)
