"""The command line: parse, call, print. stdout carries the result only, everything else goes to stderr."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import click

from .. import __version__
from ..errors import Cancelled, DeepceptionError

# Each command's module is imported when it is called, so that --help stays fast.
COMMANDS = {
    "audit": ("audit", "Measure all four properties and write a report."),
    "compare": ("compare", "Set runs side by side, photograph by photograph."),
    "deceive": ("deceive", "Make a classifier answer wrong, within a bound, beside controls."),
    "demo": ("demo", "Audit the embedded network on the embedded photographs."),
    "export": ("export", "Write what runs have found as Parquet, CSV and Zarr."),
    "info": ("info", "Say what was understood about a classifier, and check it."),
    "ledger": ("ledger", "Sum up what a run has asked and what that cost."),
    "measure": ("measure", "Measure one property."),
    "report": ("report", "Write the report of a run or study again, from what is stored."),
    "schema": ("schema", "Print the JSON Schema of results.json."),
    "study": ("study", "Measure many classifiers in many experiments, and compare them."),
    "watch": ("watch", "Show how far a study or run is, from another terminal."),
}


@contextlib.contextmanager
def whoever_reads_may_go() -> Iterator[None]:
    """End well where stdout is closed by its reader, as `head` does; click's own exit code for it is 1."""
    try:
        yield
    except BrokenPipeError:
        # What is still buffered would complain when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


class Commands(click.Group):
    """A group that imports a command's module only when it is needed."""

    def make_context(self, *given: Any, **options: Any) -> click.Context:
        """As click's; --help is printed here."""
        with whoever_reads_may_go():
            return super().make_context(*given, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's."""
        with whoever_reads_may_go():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order in which they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, or ``None`` where there is none of this name."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[name][0]}", __name__)
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="deepception")
def group() -> None:
    """Put an image classifier in a psychophysics laboratory.

    MODEL is a file (.onnx, .pt, .pt2, .tflite, .keras, .skops), a scheme (onnx:FILE, torch:NAME,
    python:PACKAGE.MODULE:FUNCTION), the address of an endpoint (http://…, https://…) or `default`, the
    embedded network. IMAGES are files, folders, globs, or a CSV with the columns file and index or label.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code of what happened."""
    logging.basicConfig(stream=sys.stderr, format="deepception: %(message)s", level=logging.WARNING)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = group.main(args=given, prog_name="deepception", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (Cancelled, KeyboardInterrupt, click.Abort) as error:
        say(str(error) or "Interrupted.")
        if given and (
            given[0] in ("audit", "demo", "study") or any(word.startswith("--out") for word in given)
        ):
            say(f"Go on with: {shlex.join(['deepception', *given])}")
        code = Cancelled.exit_code
    except DeepceptionError as error:
        say(str(error))
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def say(text: str) -> None:
    """Print one line for the person, on stderr."""
    click.echo(f"deepception: {text}", err=True)


def show_json(value: Any) -> None:
    """Print a result for machines, on stdout."""
    import json

    click.echo(json.dumps(value, indent=1, allow_nan=False))
