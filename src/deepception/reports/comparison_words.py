"""The sentences of a comparison: what may be compared, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..studies.comparison.alike import ACCURACY, DECEPTION
from .comparison_tables import Document, measure_title
from .wording import counted, joined, spelled, whole

HOW_TRANSFER = (
    "No run here shows one observer what was learned on another: learn with deceive --universal (or "
    "--learn-queries), show pattern.npz (or dictionary.json) of that run to another observer with deceive "
    "--apply, and name both runs."
)

_QUESTIONS = {
    ACCURACY: "How many of the labelled photographs does each observer answer right?",
    DECEPTION: "How easily is each observer deceived within the same bound, with as many queries?",
}
_NONE = "How far does each observer’s effect exceed its best control, on the same photographs?"


def lead(document: Document) -> str:
    """The outcome in a sentence or two."""
    runs, photographs = document["runs"], document["photographs"]
    observers = len({run["fingerprint"] for run in runs})
    who = f"{counted(observers, 'observer')} in {counted(len(runs), 'run')}"
    where = f"{counted(photographs['shared'], 'photograph')} in all of them"
    apart, tests = document["told_apart"], document["tests"]
    if not tests:
        return f"{who}, {where}. No pair could be tested."
    if not apart and tests == 1:
        return f"{who}, {where}. By the one paired test the two observers cannot be told apart."
    if not apart:
        none = f"In none of {whole(tests)} paired tests can two observers be told apart (Holm, 5 %)."
        return f"{who}, {where}. {none}"
    named = [
        f"{pair['first']} and {pair['second']} by {measure_title(measure['measure']).lower()}"
        for measure in document["measures"]
        for pair in measure["pairs"]
        if pair["told_apart"]
    ]
    more = f" and {spelled(len(named) - 3)} more" if len(named) > 3 else ""
    return (
        f"{who}, {where}. {whole(apart)} of {counted(tests, 'paired test')} "
        f"{'tells' if apart == 1 else 'tell'} two observers apart (Holm, 5 %): "
        f"{joined(named[:3]) if not more else ', '.join(named[:3]) + more}."
    )


def banners(document: Document) -> list[str]:
    """What a reader must know before any figure."""
    told = []
    for run in document["runs"]:
        if not run["complete"]:
            parts = [
                f"{counted(run['pending'], 'unit')} not measured yet" if run["pending"] else "",
                counted(run["failures"], "failure") if run["failures"] else "",
            ]
            told.append(f"{run['key']} is not complete ({joined([p for p in parts if p])}).")
        told += [f"{run['key']}: {warning}" for warning in run["warnings"]]
    if document["same_observer"]:
        named = "; ".join(joined(keys) for keys in document["same_observer"])
        told.append(f"Runs of one and the same observer: {named}.")
    if len({run["scale"] for run in document["runs"]}) > 1:
        told.append(
            "Some figures are in decades of odds and some in points of opacity: they are never set against each "
            "other."
        )
    return told


def photographs_sentence(document: Document) -> str:
    """How many photographs there are, and how many all runs have."""
    photographs = document["photographs"]
    if photographs["all"] == photographs["shared"]:
        return f"All runs are about the same {counted(photographs['all'], 'photograph')}, matched by SHA-256."
    missing = [f"{key} lacks {whole(n)}" for key, n in photographs["missing"].items() if n]
    return (
        f"Of {counted(photographs['all'], 'photograph')}, matched by SHA-256, {whole(photographs['shared'])} "
        f"{'is' if photographs['shared'] == 1 else 'are'} in all runs ({joined(missing)}). Only photographs that "
        "were measured in all runs enter paired figures."
    )


def settings_sentence(document: Document) -> str:
    """Whether settings differ."""
    count = len(document["differences"])
    if not count:
        return "No setting differs between the runs."
    return (
        f"{counted(count, 'setting')} {'differs' if count == 1 else 'differ'} between the runs. Only what was "
        "measured alike is compared, and only identical settings are ranked."
    )


def question_of(measure: Mapping[str, Any]) -> str:
    """What is asked by a measure."""
    return _QUESTIONS.get(measure["measure"], _NONE)


def outcome_of(measure: Mapping[str, Any]) -> str:
    """What comes out of a measure's pairs: one or two sentences."""
    tested = [pair for pair in measure["pairs"] if pair["told_apart"] is not None]
    if not measure["pairs"]:
        return "No two runs can be compared by it."
    if not tested:
        return f"Nothing is told apart: {measure['pairs'][0]['reason']}."
    apart = [pair for pair in tested if pair["told_apart"]]
    if not apart:
        if len(tested) == 1:
            return f"{tested[0]['first']} and {tested[0]['second']} cannot be told apart."
        return f"In none of {whole(len(tested))} pairs can the observers be told apart."
    more = _MORE.get(measure["measure"], "has the larger effect beyond its control, against")
    named = [_larger(pair, more) for pair in apart[:4]]
    rest = len(tested) - len(apart)
    tail = "" if not rest else f" {counted(rest, 'pair')} cannot be told apart."
    others = f", and {len(apart) - 4} more" if len(apart) > 4 else ""
    return f"{'; '.join(named)}{others}.{tail}"


_MORE = {ACCURACY: "is right more often than", DECEPTION: "is deceived more often than"}


def notes_of(measure: Mapping[str, Any]) -> list[str]:
    """Which photographs and runs are left out of a measure, and why."""
    told = [str(sentence) for sentence in measure["not_compared"]]
    told += _left_open(measure)
    for group in measure["groups"]:
        if group["left_out"]:
            reasons = [f"{whole(count)} {why}" for why, count in group["left_out"].items()]
            among = f" (of {', '.join(group['runs'])})" if len(measure["groups"]) > 1 else ""
            told.append(
                f"{counted(group['n'], 'photograph')} in paired figures{among}; left out: {'; '.join(reasons)}."
            )
        if group["other_class"]:
            told.append(
                f"On {counted(group['other_class'], 'photograph')} no label said what the class is, and the "
                "observers answer differently: each was measured for its own class."
            )
    controls = {tuple(pair["controls"]) for pair in measure["pairs"] if "controls" in pair}
    if any(first != second for first, second in controls):
        told.append(
            "The best control is each observer’s own, the one that its effect exceeds least surely; it is not the "
            "same for all of them here."
        )
    if any(board["ranked"] for board in measure["leaderboards"]):
        told.append(_order(measure["measure"]))
    return list(dict.fromkeys(told))


def _left_open(measure: Mapping[str, Any]) -> list[str]:
    """Why a verdict is left open, with the observers that this is true of."""
    reasons: dict[str, list[str]] = {}
    for entry in measure["observers"]:
        if entry.get("holds", True) is None and entry.get("reason"):
            reasons.setdefault(str(entry["reason"]).rstrip("."), []).append(entry["key"])
    every = len(measure["observers"])
    return [
        f"Left open{'' if len(keys) == every else f' for {joined(keys)}'}: {reason}."
        for reason, keys in reasons.items()
    ]


def _order(measure: str) -> str:
    if measure == DECEPTION:
        return "Ranks: the least often deceived comes first."
    if measure == ACCURACY:
        return "Ranks: the most often right comes first."
    return "Ranks: the largest effect beyond its control comes first; that is no matter of better or worse."


def _larger(pair: Mapping[str, Any], more: str) -> str:
    first, second = pair["first"], pair["second"]
    if pair["more_first"] < pair["more_second"]:
        first, second = second, first
    return f"{first} {more} {second}"


def method_of(document: Document) -> list[str]:
    """How the comparison was made: sentences."""
    return [
        "Nothing was asked of any observer: all figures come from what the runs hold.",
        "Observers are fixed cases on the same photographs. A difference is taken photograph by photograph, and "
        "its median (of shares: its mean) has a 95 % BCa bootstrap interval over photographs.",
        "p of a difference of effects: exact sign test of the median that is told, two-sided: on how many "
        "photographs the first has more, and on how many the second. p of a difference of shares: exact McNemar "
        "test over the photographs on which they differ.",
        f"p (Holm) is corrected over all {whole(document['tests'])} paired tests of this comparison. Two "
        "observers are told apart where it is below 0.05; else they cannot be told apart, which does not make "
        "them equal. A range of ranks, such as 1–3, holds those that are left open by observers that cannot be "
        "told apart.",
        "Maps: Spearman’s rank correlation over the regions or places of one photograph, each observer’s own map; "
        "beside it, the correlation with the other observer’s map of another photograph, drawn with the seed "
        f"({document['seed']}), of another class where there is one. A common habit, as a liking for the middle, "
        "shows in both. Agreement is stated where the paired difference lies above 0 with p (Holm) below 0.05: "
        "the exact sign test of its median, corrected over all "
        f"{whole(document['agreement_tests'])} pairs of maps. Maps that are mostly bounds are left out: they rank "
        "nothing. The patch of the spatial and the activation–inhibition map is each observer’s own.",
        "Each observer’s own figures, with their controls, are those of its run’s report.",
    ]
