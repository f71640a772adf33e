"""``deepception watch``: how far a study or a run is, from another terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from . import show_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--every", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Show it once and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print it once, as JSON.")
def watch(run: Path, every: float, once: bool, as_json: bool) -> int:
    """Show how far the study or run in the folder RUN is: units, rate, time left, failures and cost.

    It only reads, and ends when the measuring does.
    """
    from rich.console import Console

    from ..studies.watching import Watcher

    watcher = Watcher(run)
    state = watcher.look()
    if as_json:
        show_json(state)
        return 0
    console = Console()
    if once or not console.is_terminal:
        console.print(table(state))
        return 0
    from rich.live import Live

    with Live(table(state), console=console, auto_refresh=False) as live:
        while state["at_work"]:
            time.sleep(every)
            state = watcher.look()
            live.update(table(state), refresh=True)
    return 0


class StatusBar:
    """The same table on stderr while this process measures; a line now and then where stderr is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        from ..studies.watching import Rate

        self._console = Console(stderr=True)
        self._rate = Rate()
        self._live: Live | None = None
        self._told = 0.0

    def __enter__(self) -> StatusBar:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: Mapping[str, Any]) -> None:
        """Show a status of the driver."""
        from ..studies.watching import summed

        state = summed(status, self._rate)
        if self._live is not None:
            self._live.update(table(state), refresh=True)
            return
        now = time.monotonic()
        if now - self._told > 30 or status["ended"]:
            self._told = now
            self._console.print(line(state), highlight=False, soft_wrap=True)


def line(state: Mapping[str, Any]) -> str:
    """How far it is, in one line."""
    from ..sessions.progress import duration

    words = f"{state['done']:,} of {state['units']:,} units"
    if state["rate"]:
        words += f", {60 * state['rate']:,.0f} a minute"
    if state["left"] is not None and state["at_work"]:
        words += f", {duration(state['left'])} left"
    if state["failed"]:
        words += f", {state['failed']:,} failed"
    return f"deepception: {words}, {state['sent']:,} images sent{_money(state)}"


def table(state: Mapping[str, Any]) -> RenderableType:
    """How far each run is, and all of them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("run", "units", "", "failed", "sent"):
        shown.add_column(heading, justify="left" if heading in ("run", "") else "right")
    for run in state["runs"]:
        done = run["done"]
        shown.add_row(
            Text(run["name"]),
            f"{done:,}/{run['units']:,}",
            _bar(done, run["units"]),
            f"{run['failed']:,}" if run["failed"] else "",
            f"{run['sent']:,}",
        )
    parts: list[RenderableType] = [shown, Text(line(state).removeprefix("deepception: "))]
    for run in state["runs"]:
        if run["stopped"]:
            parts.append(Text(f"{run['name']}: {run['stopped']}", style="red"))
        for failure in run["failures"][-1:]:
            about = f"{failure['experiment']} of {failure['photograph'] or 'the run'}"
            parts.append(Text(f"{run['name']}: {about}: {failure['error']}", style="yellow"))
    if not state["at_work"]:
        parts.append(Text(state["ended"]))
    return Group(*parts)


def _bar(done: int, units: int) -> str:
    filled = round(20 * done / units) if units else 0
    return "█" * filled + "░" * (20 - filled)


def _money(state: Mapping[str, Any]) -> str:
    from ..sessions import amount

    return "" if state["cost"] is None else f", {amount(state['cost'])}"
