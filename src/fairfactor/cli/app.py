"""The command line, put together from its commands."""

from __future__ import annotations

from typing import Annotated

import typer

import fairfactor
from fairfactor.cli.config_files import init, schema
from fairfactor.cli.image_sets import images
from fairfactor.cli.networks import pretrain
from fairfactor.cli.run_folders import card, check, figures, info, predict, report
from fairfactor.cli.studies import compare, reproduce, run, tune

COMMANDS = (
    *(run, tune, compare, reproduce, pretrain),
    *(predict, check, report, card, figures, info),
    *(images, init, schema),
)

app = typer.Typer(
    name="fairfactor",
    help="Fine-tune pre-trained models and answer for how they treat different groups of people.",
    epilog="Exit codes: 0 done, 1 it could not be done (one line says why), 2 wrong usage, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(fairfactor.__version__)
        raise typer.Exit


for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app()
