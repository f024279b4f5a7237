"""What a study is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.outcome import Report


@dataclass(frozen=True)
class Study:
    """A question, the cells that answer it, and how they become a table.

    Attributes:
        name: Its name on the command line.
        title: What a reader sees.
        question: What is asked, in a sentence or two, with every choice that the paper leaves open.
        configurations: The cells to run on every seed, of the data sets that can be used here.
        run: Run one cell; a module's function, because it goes to other processes.
        report: From finished cells to rows, claims, findings.
        rooms: Code that its numbers follow from, besides `fairfactor.reproduction.cells.ROOMS`.
        alone: Whether its cells measure time, so that nothing else may run meanwhile.
    """

    name: str
    title: str
    question: str
    configurations: Callable[[], Sequence[Configuration]]
    run: Callable[[Configuration, int], Result]
    report: Callable[[Cells], Report]
    rooms: tuple[str, ...] = ()
    alone: bool = False
