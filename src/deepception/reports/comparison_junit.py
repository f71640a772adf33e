"""JUnit XML of a comparison's gates: what CI servers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from .wording import counted, printable

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Checked:
    """One condition, held against what it names.

    Attributes:
        name: The condition.
        outcome: PASSED, FAILED (it holds), or SKIPPED (no figure that it names has a value).
        message: What was found.
    """

    name: str
    outcome: str
    message: str


def junit(document: Mapping[str, Any], checked: Sequence[Checked]) -> bytes:
    """A test case for each condition, and a skipped one for each run that is not complete."""
    cases = [(check.name, "conditions", check.outcome, check.message) for check in checked]
    for run in document["runs"]:
        if not run["complete"]:
            missing = f"{counted(run['pending'], 'unit')} to go, {counted(run['failures'], 'failure')}"
            cases.append((f"{run['key']} is complete", "runs", SKIPPED, missing))
    totals = {
        "tests": len(cases),
        "failures": sum(case[2] == FAILED for case in cases),
        "errors": 0,
        "skipped": sum(case[2] == SKIPPED for case in cases),
    }
    about = {name: str(value) for name, value in totals.items()}
    suites = ElementTree.Element("testsuites", about)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "deepception compare", **about})
    for name, group, outcome, message in cases:
        where = {"name": printable(name), "classname": f"deepception.compare.{group}"}
        case = ElementTree.SubElement(suite, "testcase", where)
        if outcome == FAILED:
            ElementTree.SubElement(case, "failure", {"message": printable(message), "type": "condition"})
        elif outcome == SKIPPED:
            ElementTree.SubElement(case, "skipped", {"message": printable(message)})
        else:
            ElementTree.SubElement(case, "system-out").text = printable(message)
    ElementTree.indent(suites)
    text: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
