"""What every command shares: where it prints, and how it ends when something goes wrong."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fairfactor.errors import FairfactorError, FairfactorWarning

FAILED = 1
INTERRUPTED = 130


@dataclass
class Steps:
    """A progress bar; calling it says that a step is finished.

    Attributes:
        bar: What shows it.
        task: The steps.
    """

    bar: Progress
    task: TaskID

    def __call__(self) -> None:
        """Say that a step is finished."""
        self.bar.advance(self.task)

    def before(self, description: str) -> Callable[[int, int], None]:
        """A bar for work that comes before the steps, shown once it begins.

        Args:
            description: What is being done.

        Returns:
            A function to call with the number of finished items and that of all.
        """
        earlier = self.bar.add_task(description, total=None, visible=False)

        def count(done: int, total: int) -> None:
            self.bar.update(earlier, completed=done, total=total, visible=done < total)

        return count


@dataclass
class Session:
    """Where one command prints.

    Messages and progress go to the error stream, so that standard output holds results alone.

    Attributes:
        debug: Whether an error shows its traceback.
        json: Whether results and errors are printed as one JSON object.
        failed: Exit code of an error.
    """

    debug: bool = False
    json: bool = False
    failed: int = FAILED

    def __post_init__(self) -> None:
        """Open the two streams."""
        self.output = Console(soft_wrap=True, emoji=False)
        self.messages = Console(stderr=True, soft_wrap=True, emoji=False)

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """End the process with one line and an exit code if the block fails.

        Yields:
            Nothing.

        Raises:
            FairfactorError: The error of the block, with ``debug``.
            typer.Exit: If the block raised an error of ours or was interrupted.
        """
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", FairfactorWarning)
                yield
            for message in dict.fromkeys(str(warning.message) for warning in caught):
                self.messages.print(f"Warning: {message}", markup=False, highlight=False)
        except FairfactorError as error:
            if self.debug:
                raise
            self._fail(" ".join(str(error).split()))
            raise typer.Exit(self.failed) from None
        except KeyboardInterrupt as error:
            self._fail(f"Interrupted. {error.args[0] if error.args else 'Nothing was written.'}")
            raise typer.Exit(INTERRUPTED) from None

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Steps]:
        """Show a progress bar with the time left, on a terminal only.

        Args:
            description: What is being done.
            total: Number of steps.

        Yields:
            What is called after each step.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        hidden = self.json or not self.messages.is_terminal
        with Progress(*columns, console=self.messages, transient=True, disable=hidden) as bar:
            yield Steps(bar, bar.add_task(description, total=total))

    @contextmanager
    def steps(self) -> Iterator[Callable[[str, float], None]]:
        """Show what is being done and how much is finished, on a terminal only.

        Yields:
            A function to call with a description and a share from 0 to 1.
        """
        hidden = self.json or not self.messages.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.messages, transient=True, disable=hidden) as bar:
            task = bar.add_task("Reading", total=1.0)
            yield lambda text, share: bar.update(task, description=text, completed=share)

    def show(self, text: str, machine: Mapping[str, Any]) -> None:
        """Print a result.

        Args:
            text: For people.
            machine: The same for machines, as JSON values.
        """
        if self.json:
            sys.stdout.write(json.dumps(machine, ensure_ascii=False) + "\n")
        else:
            self.output.print(text, markup=False, highlight=False)

    def end(self, code: int) -> None:
        """End the command with an exit code.

        Args:
            code: The code.

        Raises:
            typer.Exit: Always.
        """
        raise typer.Exit(code)

    def _fail(self, text: str) -> None:
        if self.json:
            sys.stdout.write(json.dumps({"error": text}, ensure_ascii=False) + "\n")
        else:
            self.messages.print(f"fairfactor: {text}", markup=False, highlight=False)
