"""Deceive an observer with what was measured: within a bound, by queries alone, and counted (METHODS §5).

The room is called as its first verb is: ``deepception.deceive(session, image)`` deceives one photograph.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType

from .bank import Bank, make_bank
from .bounds import Area, Bound, Linf, read_bound
from .builtin import builtin_dictionary
from .controls import measure_controls
from .counting import count_deceptions, margin_over_controls, query_figures, rates, success_curve
from .deceiving import deceive, deceive_all, deceive_subject
from .deception import Deception, DeceptionResult
from .dictionary import Dictionary, load_dictionary
from .fooling import FoolingImage, fool
from .found import Found
from .goals import Goal, Targeted, Untargeted
from .judging import Judgement, judge
from .parameters import DeceptionParameters
from .patch_search import search_patch
from .pattern import Pattern, apply, load_pattern
from .potency import Potency, measure_potency
from .synonyms import near_synonyms
from .trials import Exhausted, Shown, Trials

__all__ = [
    "Area",
    "Bank",
    "Bound",
    "Deception",
    "DeceptionParameters",
    "DeceptionResult",
    "Dictionary",
    "Exhausted",
    "FoolingImage",
    "Found",
    "Goal",
    "Judgement",
    "Linf",
    "Pattern",
    "Potency",
    "Shown",
    "Targeted",
    "Trials",
    "Untargeted",
    "apply",
    "builtin_dictionary",
    "count_deceptions",
    "deceive",
    "deceive_all",
    "deceive_subject",
    "fool",
    "judge",
    "load_dictionary",
    "load_pattern",
    "make_bank",
    "margin_over_controls",
    "measure_controls",
    "measure_potency",
    "near_synonyms",
    "query_figures",
    "rates",
    "read_bound",
    "search_patch",
    "success_curve",
]


class _Room(ModuleType):
    """A package that is called as the function of its name is.

    Importing any module of it binds ``deepception.deceive`` to the package; so that this never depends on what was
    imported before, the name is the package always, and the package can be called.
    """

    __call__ = staticmethod(deceive)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(deceive)


sys.modules[__name__].__class__ = _Room
