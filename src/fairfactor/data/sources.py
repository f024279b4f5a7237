"""One way to every table: the data sets that fairfactor knows by name, and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from fairfactor.data import adult, census_income, german
from fairfactor.data.table_file import TableFile
from fairfactor.data.tables import MOST_ROWS, load_table
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError

_TASKS: Mapping[str, Callable[[tuple[str, ...]], TableTask]] = MappingProxyType(
    {
        "adult": adult.adult_task,
        "german": german.german_task,
        "census-income": census_income.census_income_task,
    }
)
_DESCRIPTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "adult": adult.DESCRIPTION,
        "german": german.DESCRIPTION,
        "census-income": census_income.DESCRIPTION,
    }
)
DATA_SETS = tuple(_TASKS)
"""The data sets known by name."""


def load_task(
    data: str,
    *,
    sensitive: Sequence[str],
    target: str | None = None,
    positive: str | None = None,
    bins: int | None = None,
    threshold: float | None = None,
    exclude: Sequence[str] = (),
    most_rows: int = MOST_ROWS,
    rows: Literal["complete", "all"] | None = None,
    survey_weight_as_input: bool = False,
) -> TableTask:
    """Load a data set by its name, or a table by its path.

    Args:
        data: One of ``DATA_SETS``, or the path of a file that `fairfactor.data.tables.read_table`
            reads.
        sensitive: Sensitive columns; several mean the intersections of their groups.
        target: Column to predict; for a file only, and needed there.
        positive: The favourable class; for a file only. Without it, the last in sorted order.
        bins: Classes of about the same size to cut a target of numbers into; for a file only.
        threshold: Number that cuts a target into two classes; for a file only.
        exclude: Columns that are never inputs; for a file only.
        most_rows: Rows to draw at random from a longer file.
        rows: Whether rows with missing values are left out (``"complete"``, the default for Adult)
            or kept (``"all"``, the default for a file). German credit and Census-Income have none.
        survey_weight_as_input: Also feed Adult's ``fnlwgt`` to the model.

    Returns:
        The task.

    Raises:
        ArgumentError: If an argument has the wrong form, does not belong to this data set, or
            ``data`` is neither a name nor a file.
    """
    if isinstance(sensitive, str):
        raise ArgumentError("sensitive", sensitive, "names", f"Write ({sensitive!r},).")
    if rows not in {None, "complete", "all"}:
        raise ArgumentError("rows", rows, '"complete" or "all"')
    if survey_weight_as_input and data != "adult":
        raise ArgumentError("survey_weight_as_input", True, f"False for data={data!r}")
    if data not in _TASKS:
        _require_file(data, target)
        assert target is not None
        return load_table(
            Path(data),
            target=target,
            sensitive=sensitive,
            positive=positive,
            bins=bins,
            threshold=threshold,
            exclude=exclude,
            most_rows=most_rows,
            rows=rows or "all",
        )
    for argument, value in (
        ("target", target),
        ("positive", positive),
        ("bins", bins),
        ("threshold", threshold),
        ("exclude", tuple(exclude) or None),
    ):
        if value is not None:
            raise ArgumentError(argument, value, f"nothing for data={data!r}", "Leave it out.")
    if data == "adult":
        return adult.adult_task(
            tuple(sensitive), rows=rows or "complete", survey_weight_as_input=survey_weight_as_input
        )
    return _TASKS[data](tuple(sensitive))


def describe(data: str) -> Mapping[str, str]:
    """What a reader should know of a data set: its name, what it is about, licence and citation.

    Args:
        data: As in `load_task`.

    Returns:
        Texts under ``name``, ``description``, ``licence`` and ``citation``.
    """
    if data in _DESCRIPTIONS:
        return _DESCRIPTIONS[data]
    return {
        "name": Path(data).name,
        "description": "A table of your own.",
        "licence": "as its owner says",
        "citation": "",
    }


def _require_file(data: str, target: str | None) -> None:
    """Check that there is such a file, and that a target is named.

    Raises:
        ArgumentError: If there is not.
    """
    path = Path(data)
    if not path.is_file():
        near = get_close_matches(data, DATA_SETS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Check the path."
        raise ArgumentError("data", data, f"{', '.join(DATA_SETS)} or the path of a file", remedy)
    if target is None:
        names = TableFile.open(path).names
        columns = ", ".join(names[:30]) + (" and more" if len(names) > 30 else "")
        raise ArgumentError("target", target, f"the column of {data} to predict, one of {columns}")
