"""Write docs/cli.md from the commands themselves: ``python docs/cli_page.py``.

With ``--check`` nothing is written, and the exit code is 1 where the page is not what the commands now say.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from deepception.cli import group

# A default that the help tells itself, as in "Threads of one call [default: all processors]."
_DEFAULT = re.compile(r" ?\[default(?:: ([^\]]*))?\]")

PAGE = Path(__file__).resolve().parent / "cli.md"

INTRODUCTION = """\
# The command line

Written by `python docs/cli_page.py` from the commands themselves; do not edit it by hand. What the options of a
classifier mean is told in [observers.md](observers.md), what the properties and settings are in
[methods.md](methods.md).

**stdout** carries the result only, for machines with `--json`; the price, progress and messages go to stderr.

| exit code | meaning |
|---|---|
| 0 | fine |
| 1 | the condition of `--fail-on` holds |
| 2 | nothing could be run: a wrong option, unusable input or output, or a classifier that answers nonsense |
| 3 | some photographs or measurements failed, or the budget ended the run; the others are finished |
| 4 | the classifier cannot be reached, or stopped answering |
| 130 | interrupted; what was measured is kept, and the command that goes on is printed |

**MODEL** is a file (`.onnx`; `.pt`, `.pth`, `.pt2`, `.ts`, `.torchscript` for torch; `.tflite`; `.keras`;
`.skops`), a scheme (`onnx:FILE`, `torch:…`, `python:PACKAGE.MODULE:FUNCTION`), the address of an endpoint
(`http://…`, `https://…`), or `default`, the network that the package carries.

**IMAGES** are files, folders (with their subfolders), globs in quotation marks, or a CSV with the column `file`
and one of `index`, `label` or `name`. A `labels.csv` of that form in a folder gives the classes of the photographs
in and below it; rows whose files are not there are left out, with a warning. `--label` gives all
photographs one class. Where nothing says it, the class of a photograph is the classifier's own answer to it. A
name of a class matches whatever its case, spaces and underscores; a name that two classes bear is refused with
both indices, and so is an index beside the name of another class.
"""


def page() -> str:
    """The whole page."""
    top = click.Context(group, info_name="deepception", help_option_names=["-h", "--help"])
    parts = [INTRODUCTION, _section(group, top)]
    for name in group.list_commands(top):
        command = group.get_command(top, name)
        assert command is not None
        parts.append(_section(command, click.Context(command, info_name=name, parent=top)))
    return "\n".join(parts)


def _section(command: click.Command, context: click.Context) -> str:
    """One command: heading, usage, help, and a row for each option."""
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    lines = [f"## {path}", "", "```text", usage, "```", "", cleandoc(command.help or ""), ""]
    lines += ["| option | what it does | default |", "|---|---|---|", *_options(command, context), ""]
    return "\n".join(lines)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.get_params(context):
        if not isinstance(option, click.Option):
            continue
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        value = _value(option)
        help_text, default = _DEFAULT.sub("", option.help or ""), ""
        if option.required:
            default = "required"
        elif found := _DEFAULT.search(option.help or ""):
            default = found[1] or "yes"
        elif option.show_default:
            default = f"`{option.default}`"
        cells = (f"{names} `{value}`" if value else names, help_text, default)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(option: click.Option) -> str:
    """What follows the option's name, in the same words whatever the version of click."""
    if option.is_flag:
        return ""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    if isinstance(option.type, click.IntRange):
        return f"INTEGER >= {option.type.min}"
    return option.type.name.upper()


def main() -> int:
    """Write the page, or compare it."""
    if sys.argv[1:] == ["--check"]:
        fresh = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not fresh:
            print(f"{PAGE.name} is not what the commands say: run python docs/cli_page.py", file=sys.stderr)
        return 0 if fresh else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
