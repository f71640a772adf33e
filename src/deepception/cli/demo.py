"""``deepception demo``: the embedded network, audited on the embedded photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .audit import run, show_outcome

# The fewest photographs over which a claim can be judged: more would take longer than a first look should.
PHOTOGRAPHS = ("bison", "espresso", "german_shepherd", "giant_panda", "macaw", "triumphal_arch")


@click.command()
@click.option("--quick", is_flag=True, help="The quick setting: about 30 seconds.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder [default: deepception-demo or deepception-demo-quick].",
)
@click.option("--threads", type=click.IntRange(1), help="Threads of one call [default: all processors].")
def demo(quick: bool, out: Path | None, threads: int | None) -> int:
    """Audit the embedded network (EfficientNet-Lite0) on the embedded photographs.

    Needs no other file and no network; takes about three minutes on two cores.
    """
    from ..observers import open_observer
    from ..properties import experiments
    from ..studies import AuditRequest, embedded_photographs
    from ..studies.inputs import find_photographs

    folder = out or Path("deepception-demo-quick" if quick else "deepception-demo")
    options: dict[str, Any] = {} if threads is None else {"threads": threads}
    request = AuditRequest(
        open_observer("default", **options),
        "default",
        find_photographs([str(path) for path in embedded_photographs() if path.stem in PHOTOGRAPHS]),
        setting="quick" if quick else "standard",
        properties=tuple(experiments()),
        command=("deepception", "demo", *(["--quick"] if quick else []), "--out", str(folder)),
    )
    outcome = run(request, folder)
    show_outcome(outcome, folder)
    return outcome.exit_code
