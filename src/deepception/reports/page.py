"""The page: everything a run holds, put into one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..deceive.bounds import rounded_down
from ..properties.bounds import only_bounds
from ..properties.fading import SCAN
from ..properties.scale import OPACITY
from ..studies import load_settings
from ..studies.files import write_atomically
from ..studies.fooling.results import is_fooling
from .answer_words import answers_fact
from .bound_words import limit_note, tie_note
from .choosing import RULE, Chosen
from .claims import CLAIMS, Claim
from .costs import asked_word, cost_facts
from .deception_gallery import Case, cases
from .deception_gallery import rule as gallery_rule
from .deception_pictures import deception_pictures
from .deceptions import DeceptionVerdict, is_deception, joined_shorts, tell_deception
from .drawing import Picture
from .figures import FigureRow, further_figures
from .fooling import render_fooling
from .gallery import columns, photograph_rows
from .glossary import definitions
from .method import commands, parameters, provenance
from .pictures import paired, period_picture, pictures_of, verdict_forest
from .stored import StoredRun, read_run
from .templating import environment
from .threshold_claims import claim_of
from .verdicts import Verdict, judge, overall, title_of
from .wording import counted, percent, printable, whole

REPORT_NAME = "report.html"


@dataclass(frozen=True)
class Section:
    """One property on the page.

    Attributes:
        name: The experiment's name.
        title: Its title.
        question: What it asks.
        claim: How it is told, for one of the four.
        verdict: Its verdict, where there is a headline.
        deception: How easily the observer is deceived, where that is what was measured.
        gallery: Deceptions that are pictured.
        rule: How they were chosen.
        pictures: Maps and curves.
        pairs: Every photograph beside its control.
        chosen: The photographs pictured.
        figures: Further figures.
        notes: What the reader must know about the pictures.
        left_open: What this setting leaves open.
        queries: What it cost.
        parameters: How it was measured.
    """

    name: str
    title: str
    question: str
    claim: Claim | None
    verdict: Verdict | None
    pictures: list[Picture]
    pairs: Picture | None
    chosen: list[Chosen]
    figures: list[FigureRow]
    notes: list[str]
    left_open: list[str]
    queries: str
    parameters: list[tuple[str, str]]
    deception: DeceptionVerdict | None = None
    gallery: tuple[Case, ...] = ()
    rule: str = ""


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder, from what the folder holds, and return its path.

    The run may be unfinished: the page then says so and shows what is there. The same results give the same
    bytes. Raises RunFolderError where the folder is no run, is damaged, or cannot be written.
    """
    path = Path(folder) / REPORT_NAME
    settings = load_settings(folder)
    page = render_fooling(Path(folder), settings) if is_fooling(settings) else render_report(read_run(folder))
    write_atomically(path, page.encode("utf-8"))
    return path


def render_report(run: StoredRun) -> str:
    """The page of a run: one HTML document that loads nothing and runs no script."""
    results = run.results
    sections = [_section(run, name, summary) for name, summary in results["properties"].items()]
    sections.sort(key=lambda s: s.deception is not None)  # what was measured, then what it is good for
    verdicts = [s.verdict for s in sections if s.verdict is not None]
    deceptions = [s.deception for s in sections if s.deception is not None]
    properties = [s for s in sections if s.deception is None]
    page = (
        environment()
        .get_template("report.html")
        .render(
            run=run,
            observer=results["observer"]["name"],
            results=results,
            sections=sections,
            verdicts=verdicts,
            properties=properties,
            deceptions=deceptions,
            summary=_lead(run, verdicts, deceptions),
            forest=verdict_forest(results["properties"], run.scale),
            by_opacity=run.scale == OPACITY,
            facts=_facts(run),
            asked=asked_word(results["cost"]),
            unfinished=_unfinished(run),
            warnings=results["warnings"],
            period=_period(results) if any(e.uses_period for e in run.finished.plan.experiments) else None,
            columns=columns(results),
            photographs=photograph_rows(run, [d.name for d in deceptions]),
            maps=bool(results["properties"].get("local", {}).get("rows")),
            bounded=any(
                row.get("bound_places") for row in results["properties"].get("local", {}).get("rows", ())
            ),
            failures=results["failures"],
            definitions=definitions(properties=bool(properties), deception=bool(deceptions), scale=run.scale),
            provenance=provenance(run),
            period_parameters=parameters(run, "period"),
            commands=commands(run),
            rule=RULE,
        )
    )
    return printable(page)


def _lead(run: StoredRun, verdicts: list[Verdict], deceptions: list[DeceptionVerdict]) -> str:
    """The verdict in a sentence or two: which properties hold, and how easily the observer is deceived."""
    if len(deceptions) == 1 and not verdicts:
        return deceptions[0].sentence
    of_properties = [s for s in run.results["properties"].values() if not is_deception(s)]
    measured = overall(verdicts, _measured(of_properties)) if verdicts or not deceptions else ""
    return f"{measured} {joined_shorts(deceptions)}".strip()


def _section(run: StoredRun, name: str, summary: Mapping[str, Any]) -> Section:
    questions = {e.name: e.question for e in run.finished.plan.experiments}
    settings = run.results["settings"]
    frame = (int(settings["frame"][0]), int(settings["frame"][1]))
    universal = bool(settings["parameters"].get(name, {}).get("universal"))
    learning = run.results.get("learning")
    deception = tell_deception(name, summary, frame, universal=universal, learning=learning)
    pictures, chosen = pictures_of(run, name)
    if deception is not None:
        pictures = list(deception_pictures(name, summary, frame))
    return Section(
        name=name,
        title=title_of(name),
        question=questions.get(name, ""),
        claim=claim_of(name, run.scale) if name in CLAIMS else None,
        verdict=judge(name, summary),
        pictures=pictures,
        pairs=paired(name, summary),
        chosen=chosen,
        figures=further_figures(
            name, summary["figures"], run.scale, bounds=only_bounds(name, summary["rows"])
        )
        if deception is None
        else deception.further,
        notes=_notes(run, name, summary, settings["parameters"].get(name, {}).get("linf")),
        left_open=[str(sentence) for sentence in summary["open_questions"]],
        queries=whole(summary["queries"]),
        parameters=parameters(run, name),
        deception=deception,
        gallery=() if deception is None else tuple(cases(run, name)),
        rule="" if deception is None else gallery_rule(summary["rows"]),
    )


def _notes(
    run: StoredRun, name: str, summary: Mapping[str, Any], linf: str | float | None = None
) -> list[str]:
    """What the pictures may and may not be read for; ``linf`` is the L∞ bound as it was given."""
    less = rounded_down(linf)
    notes = [] if less is None else [f"The bound: {less}"]
    rows = summary["rows"]
    canvases = run.results["settings"]["parameters"].get(name, {}).get("canvases", [])
    canvases = [canvas for canvas in canvases if canvas != "photograph"]
    if name in CLAIMS and rows and len(canvases) == 1:
        notes.append(
            f"All of this was measured on one canvas only ({canvases[0]}). No canvas is neutral: whether the "
            "findings depend on it is left open."
        )
    depending = (summary["figures"].get("map_depends_on_canvas") or {}).get("count", 0)
    if depending:
        notes.append(
            f"On {counted(depending, 'photograph')} of {len(rows)} the map depends on the canvas (rank "
            "correlation between two canvases below 0.5): there no best region is named."
        )
    if run.scale == OPACITY and name in CLAIMS and rows:
        first = next(n for n in run.results["properties"] if n in CLAIMS)
        notes.append(_threshold_note(rows, explain=name == first))
    if name in CLAIMS:
        notes += [
            limit_note(name, rows, by_opacity=run.scale == OPACITY),
            tie_note(run.results["properties"].get("local"), name),
        ]
    return [note for note in notes if note]


def _threshold_note(rows: list[Mapping[str, Any]], *, explain: bool) -> str:
    """How the figures came from labels alone; the first property that is told explains it."""
    shares = [row["not_monotone_share"] for row in rows if row.get("not_monotone_share") is not None]
    turning = f" Of the scans {percent(sum(shares) / len(shares))} are not monotone." if shares else ""
    if not explain:
        return (
            f"Thresholds from labels alone, in points of opacity; neither probabilities nor decades.{turning}"
        )
    return (
        "The observer tells a label only, no score. So the photograph itself is laid over each showing, fainter "
        "or stronger: the threshold is the smallest opacity at which the label is its class, found by a scan of "
        f"{SCAN} opacities and by halving. An effect is by how many points (percent of opacity) it falls below "
        f"the threshold of the empty canvas. It is neither a probability nor decades of odds.{turning}"
    )


def _measured(summaries: list[Mapping[str, Any]]) -> int:
    """Photographs that at least one of these was measured on."""
    return len({row["sha256"] for summary in summaries for row in summary["rows"]})


def _facts(run: StoredRun) -> list[tuple[str, str, str]]:
    """The facts at the top: name, figure, and a remark."""
    results = run.results
    cost, accuracy = results["cost"], results["accuracy"]
    shown = sum(p["clean"] is not None for p in results["photographs"])
    total = len(results["photographs"])
    facts = [("Photographs", whole(total), "" if shown == total else f"{shown} could be shown")]
    if accuracy is not None:
        top1, top5 = accuracy["top1"], accuracy["top5"]
        remark = (
            f"95 %: {percent(top1['low'])} to {percent(top1['high'])}, n = {whole(top1['n'])}"
            f"{'' if top5 is None else '; in the top five: ' + percent(top5['value'])}"
        )
        facts.append(("Right when clean", percent(top1["value"]), remark))
    else:
        facts.append(("Right when clean", "not known", "no labels were given"))
    facts += cost_facts(cost)
    facts.append(answers_fact(results))
    seed = f"seed {results['seed']}"
    facts.append(
        ("Seed", str(results["seed"]), "") if run.setting is None else ("Setting", run.setting, seed)
    )
    return facts


def _unfinished(run: StoredRun) -> str:
    """What is missing, in one sentence; empty where nothing is."""
    failed = len(run.results["failures"])
    parts = []
    if run.pending:
        planned, finished = (whole(run.results["units"][k]) for k in ("planned", "finished"))
        parts.append(
            f"This run is not complete: {finished} of {planned} units are measured. "
            "The figures below are about what is there; the same command continues it."
        )
    if failed:
        parts.append(
            f"{counted(failed, 'failure')} {'is' if failed == 1 else 'are'} listed at the end of the page."
        )
    return " ".join(parts)


def _period(results: Mapping[str, Any]) -> dict[str, Any]:
    """The period in words, and its picture."""
    period = results["period"]
    found, drawn = period["period"], period_picture(period)
    if found is not None:
        nested = [n for n in period.get("nested", []) if n != found]
        state = f"{found} pixels"
        meaning = (
            f"The answer repeats as a patch moves by {found} pixels, so patches that lie a multiple of {found} "
            "pixels apart look alike to this observer. Places were measured at multiples of it, phases within it."
        )
        if nested:
            meaning += f" Within it the answer also repeats after {', '.join(map(str, nested))} pixels."
    elif drawn is not None:
        state = "None found"
        meaning = (
            "No step of a patch repeats the answer reliably. Offsets are uniform within one lattice step."
        )
    else:
        state = "Not measured"
        meaning = (
            "Without a period, what is said about place includes how the patch happens to be aligned "
            "with the observer’s own stride; phases are uniform within one lattice step."
        )
    reason = str(period.get("reason", "")).strip()
    reason = f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + "." if reason else ""
    return {
        "state": state,
        "meaning": meaning,
        "reason": reason,
        "picture": drawn,
        "queries": whole(period["queries"]),
        "photographs": period.get("photographs"),
    }
