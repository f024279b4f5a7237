"""The columns of the table: what was done with each, and what each gives away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import cell_bar
from fairfactor.report.fields import Fields
from fairfactor.report.wording import counted, fixed, whole
from fairfactor.studies.leakage import NEARLY_CERTAIN, STRONG_PROXY

CHANCE = 0.5
STRONGEST = 12  # columns shown before the others are folded away
MANY_COLUMNS = 20
DIGITS = 2


@dataclass(frozen=True)
class Planned:
    """One column of the table."""

    name: str
    role: str
    action: str
    kind: str
    distinct: str
    missing: str


@dataclass(frozen=True)
class StrengthRow:
    """What one column alone says about the group and the target.

    Each is the area, a bar, and a word for an area that is nearly certain.
    """

    name: str
    group: tuple[str, Markup, str]
    target: tuple[str, Markup, str]


@dataclass(frozen=True)
class ColumnsSection:
    """All that the page says about columns.

    Attributes:
        summary: How many columns there are of each role.
        planned: What was done with each.
        many: Whether they are too many to be shown at once.
        strongest: Columns that give away most.
        others: The other columns.
        together: Area with which all inputs together tell the group.
        rows: Rows that strengths were measured on.
    """

    summary: str
    planned: tuple[Planned, ...]
    many: bool
    strongest: tuple[StrengthRow, ...]
    others: tuple[StrengthRow, ...]
    together: str
    rows: str


def columns_section(metrics: Mapping[str, object]) -> ColumnsSection | None:
    """Word the plan of the columns, and draw what they give away.

    Args:
        metrics: The contents of ``metrics.json``.

    Returns:
        The section; ``None`` for a run that says nothing about columns, as those of older versions.
    """
    data = Fields(metrics).child("data")
    planned = tuple(_read_planned(child) for child in data.optional_children("columns"))
    rows: tuple[StrengthRow, ...] = ()
    together = measured = ""
    if data.has("leakage"):
        leakage = data.child("leakage")
        rows = _strength_rows(leakage)
        together = fixed(leakage.number("group_together"), DIGITS)
        measured = counted(leakage.number("rows"), "row")
    if not planned and not rows:
        return None
    return ColumnsSection(
        summary=_summary(planned),
        planned=planned,
        many=len(planned) > MANY_COLUMNS,
        strongest=rows[:STRONGEST],
        others=rows[STRONGEST:],
        together=together,
        rows=measured,
    )


def _read_planned(fields: Fields) -> Planned:
    distinct = fields.number("distinct")
    return Planned(
        name=fields.text("name"),
        role=fields.text("role"),
        action=fields.text("action"),
        kind=fields.text("kind"),
        distinct="very many" if distinct is None else whole(distinct),
        missing=whole(fields.number("missing")),
    )


def _strength_rows(leakage: Fields) -> tuple[StrengthRow, ...]:
    """One row for each column, the one that says most about group or target first."""
    about_group, about_target = (
        {child.text("column"): child.number("auc") for child in leakage.children(key)}
        for key in ("group", "target")
    )

    def most(name: str) -> float:
        return max(about_group.get(name) or 0.0, about_target.get(name) or 0.0)

    names = sorted(dict.fromkeys([*about_group, *about_target]), key=most, reverse=True)
    return tuple(
        StrengthRow(
            name,
            group=_strength(about_group.get(name), STRONG_PROXY, "proxy"),
            target=_strength(about_target.get(name), NEARLY_CERTAIN, "leak?"),
        )
        for name in names
    )


def _strength(area: float | None, sure: float, word: str) -> tuple[str, Markup, str]:
    """The area, a bar from chance to certainty, and the word if the area is that sure."""
    if area is None:
        return fixed(None, DIGITS), Markup(""), ""
    bar = cell_bar(max(0.0, area - CHANCE), 1 - CHANCE)
    return fixed(area, DIGITS), bar, word if area >= sure else ""


def _summary(planned: tuple[Planned, ...]) -> str:
    roles = dict.fromkeys(column.role for column in planned)
    return ", ".join(
        f"{whole(sum(column.role == role for column in planned))} {role}" for role in roles
    )
