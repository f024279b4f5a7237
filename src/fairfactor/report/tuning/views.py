"""The frontier: accuracy against a gap, on validation and on test rows, with every point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import element
from fairfactor.report.plane import HEIGHT, Plane
from fairfactor.report.run import Metric
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.run import ACCURACY, TuningRun
from fairfactor.report.wording import counted, fixed

SPLITS = ("validation", "test")
UNMITIGATED_SERIES = 0
NAME_WIDTH = 25  # percent of the narrowest plane that a name takes
RECIPE_SERIES = (4, 2, 3, 1, 6, 5)  # of the marks in report.css, those best told apart first


@dataclass(frozen=True)
class View:
    """All points against one gap on one split; ``frontier`` counts from the smallest gap."""

    identifier: str
    gap: Metric
    split: str
    frontier: tuple[int, ...]
    chart: Markup


@dataclass(frozen=True)
class LegendEntry:
    """What the marks of one recipe look like."""

    label: str
    points: str
    series: int


def frontier_views(run: TuningRun, active: int | None) -> tuple[View, ...]:
    """Draw every gap on both splits; the two pictures of a gap share their axes.

    Args:
        run: The tuning.
        active: The point whose details are shown at first.

    Returns:
        For each gap the view of the validation rows, then that of the test rows.
    """
    floors = [c.bound for c in run.constraints if c.metric == ACCURACY]
    accuracy = Scale.covering(_values(run, ACCURACY, floors), least_span=0.01)
    return tuple(
        _view(run, gap, split, f"view-{index}-{split}", accuracy, active)
        for index, gap in enumerate(run.gaps)
        for split in SPLITS
    )


def legend(run: TuningRun) -> tuple[LegendEntry, ...]:
    """The recipes that points come from.

    Args:
        run: The tuning.

    Returns:
        One entry for each recipe, in the order of the points.
    """
    series = _series_of(run)
    labels = {point.recipe: point.recipe_label for point in run.points}
    return tuple(
        LegendEntry(
            label=label,
            points=counted(sum(point.recipe == recipe for point in run.points), "point"),
            series=series[recipe],
        )
        for recipe, label in labels.items()
    )


def _view(
    run: TuningRun, gap: Metric, split: str, identifier: str, accuracy: Scale, active: int | None
) -> View:
    bounds = [c.bound for c in run.constraints if c.metric == gap.key]
    plane = Plane(
        across=Scale.covering(_values(run, gap.key, bounds), least_span=gap.least_span),
        up=accuracy,
    )
    frontier = run.frontier(gap)
    vertices = [
        (x, y)
        for index in frontier
        if (x := run.points[index].estimate(split, gap.key).mean) is not None
        and (y := run.points[index].estimate(split, ACCURACY).mean) is not None
    ]
    chart = plane.draw(
        *_bounds(run, plane, gap),
        *([plane.line(vertices, f"frontier {split}")] if len(vertices) > 1 else []),
        *_spots(run, plane, gap, split, active),
        *_names(run, plane, gap, split),
        identifier=identifier,
        title=f"Accuracy against {gap.label} on the {split} rows",
        description=_description(run, gap, split, frontier),
    )
    return View(identifier, gap, split, frontier, chart)


def _spots(
    run: TuningRun, plane: Plane, gap: Metric, split: str, active: int | None
) -> Iterator[Markup]:
    """The marks of all points and of the unmitigated model, those of the frontier in front."""
    series = _series_of(run)
    frontier = set(run.frontier(gap))
    for index in sorted(range(len(run.points)), key=lambda i: (i == active, i in frontier)):
        point = run.points[index]
        kinds = ["off"] * (index not in frontier) + ["active"] * (index == active)
        kinds += ["chosen"] * (index == run.chosen)
        yield plane.mark(
            point.estimate(split, gap.key),
            point.estimate(split, ACCURACY),
            series[point.recipe],
            class_=" ".join(kinds),
            data_point=index,
        )
    yield plane.mark(
        run.unmitigated.estimate(split, gap.key),
        run.unmitigated.estimate(split, ACCURACY),
        UNMITIGATED_SERIES,
        class_="unmitigated",
    )


def _names(run: TuningRun, plane: Plane, gap: Metric, split: str) -> Iterator[Markup]:
    """Rings with names around the unmitigated model and the chosen point.

    A name lies to the upper left, where a frontier leaves room, or below if that place is taken.

    Yields:
        Rings and names.
    """
    taken: list[tuple[float, float]] = []
    for name, point in ((run.choice, run.chosen_point), ("unmitigated", run.unmitigated)):
        x = point.estimate(split, gap.key).mean if point else None
        y = point.estimate(split, ACCURACY).mean if point else None
        if x is None or y is None:
            continue
        across, down = plane.across.position(x), plane.y(y)
        crowded = any(abs(across - a) < NAME_WIDTH and abs(down - d) < 20 for a, d in taken)
        taken.append((across, down))
        yield element("circle", class_="ring", cx=plane.x(x), cy=down, r=11)
        starts = across < NAME_WIDTH
        yield element(
            "text",
            name,
            class_="name",
            x=plane.x(x),
            y=down,
            dx=6 if starts else -10,
            dy=26 if crowded else -14,
            text_anchor="start" if starts else "end",
        )


def _bounds(run: TuningRun, plane: Plane, gap: Metric) -> Iterator[Markup]:
    """What the constraints allow in this plane, each with its edge and its words."""
    for constraint in run.constraints:
        bound = constraint.bound
        if bound is None or constraint.metric not in {gap.key, ACCURACY}:
            continue
        words = f"asked: {constraint.sign.replace('<=', '≤').replace('>=', '≥')} {bound:g}"
        if constraint.metric == gap.key:
            x = plane.x(bound)
            yield element("rect", class_="allowed", x=0, y=0, width=x, height=HEIGHT)
            yield element("line", class_="bound", x1=x, x2=x, y1=0, y2=HEIGHT)
            late = plane.across.position(bound) > 75
            yield element(
                "text", words, class_="name", x=x, y=HEIGHT, dx=-6 if late else 6, dy=-8,
                text_anchor="end" if late else "start",
            )  # fmt: skip
        else:
            y = plane.y(bound)
            yield element("rect", class_="allowed", x=0, y=0, width="100%", height=y)
            yield element("line", class_="bound", x1=0, x2="100%", y1=y, y2=y)
            yield element(
                "text", words, class_="name", x="100%", y=y, dx=-6, dy=16, text_anchor="end"
            )


def _description(run: TuningRun, gap: Metric, split: str, frontier: tuple[int, ...]) -> str:
    parts = [
        f"{counted(len(run.points), 'operating point')}, of them {len(frontier)} on the frontier"
    ]
    named = {"Unmitigated": run.unmitigated}
    if frontier:
        named |= {
            "Smallest gap": run.points[frontier[0]],
            "Largest gap on the frontier": run.points[frontier[-1]],
        }
    if run.chosen_point:
        named[run.choice.capitalize()] = run.chosen_point
    for name, point in named.items():
        accuracy = fixed(point.estimate(split, ACCURACY).mean, 3)
        parts.append(
            f"{name}: accuracy {accuracy}, gap {fixed(point.estimate(split, gap.key).mean, 3)}"
        )
    return ". ".join(parts) + "."


def _values(run: TuningRun, metric: str, more: list[float | None]) -> list[float | None]:
    """A metric of every point on both splits, so that their pictures can be compared."""
    points = (run.unmitigated, *run.points)
    return [p.estimate(split, metric).mean for p in points for split in SPLITS] + more


def _series_of(run: TuningRun) -> dict[str, int]:
    recipes = sorted({point.recipe for point in run.points})
    return {name: RECIPE_SERIES[i % len(RECIPE_SERIES)] for i, name in enumerate(recipes)}
