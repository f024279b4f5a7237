"""The commands about files of options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from fairfactor.cli.options import with_session
from fairfactor.cli.session import Session
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.errors import ArgumentError
from fairfactor.settings import Settings
from fairfactor.tune_config import TuneConfig

Command = Literal["run", "tune", "compare"]
CONFIGS: dict[Command, type[Settings]] = {
    "run": RunConfig,
    "tune": TuneConfig,
    "compare": CompareConfig,
}


@with_session
def init(
    session: Session,
    command: Annotated[Command, typer.Argument(help="The command that will take it.")] = "tune",
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("fairfactor.toml"),
) -> None:
    """Write a commented file of all options, for --config."""
    from fairfactor.config_file import config_template
    from fairfactor.files import atomic_write_text

    if out.exists():
        raise ArgumentError("out", str(out), "a new file", "Choose another --out, or remove it.")
    if out.suffix.lower() in {".yaml", ".yml"}:  # --config would read it as YAML
        raise ArgumentError("out", str(out), "a name that ends with .toml", "init writes TOML.")
    atomic_write_text(out, config_template(CONFIGS[command], command, out.name))
    text = f"Edit {out}, then: fairfactor {command} --config {out}"
    session.show(text, {"out": str(out), "command": command})


@with_session
def schema(
    session: Session,
    command: Annotated[Command, typer.Argument(help="The command that takes the file.")] = "tune",
) -> None:
    """Print the JSON schema of a file of options, for editors."""
    from fairfactor.config_file import config_schema

    described = config_schema(CONFIGS[command])
    session.show(json.dumps(described, indent=2, ensure_ascii=False), described)
