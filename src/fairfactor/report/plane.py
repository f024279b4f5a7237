"""Inline SVG: a plane of two metrics, with marks, lines and intervals in both directions.

As in `fairfactor.report.charts`, a plane takes the width of its column while its height, marks and
text keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.charts import SERIES, element
from fairfactor.report.run import Estimate
from fairfactor.report.scale import Scale

HEIGHT = 380  # px
TICKS_ACROSS = 5
TICKS_DOWN = 6
LABEL_DROP = 20  # px from the foot of a plane to the labels of its ticks

Vertex = tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """Two axes, and what is drawn on them.

    Attributes:
        across: The horizontal axis.
        up: The vertical axis.
        height: In px.
    """

    across: Scale
    up: Scale
    height: int = HEIGHT

    def x(self, value: float) -> str:
        """Where a value of the horizontal axis lies; values beyond its ends lie on the edge."""
        return f"{_inside(self.across.position(value)):g}%"

    def y(self, value: float) -> float:
        """Where a value of the vertical axis lies, in px from the top."""
        return round(self.height * (1 - _inside(self.up.position(value)) / 100), 1)

    def mark(self, across: Estimate, up: Estimate, series: int, **attributes: object) -> Markup:
        """A mark with its intervals in both directions.

        Args:
            across: Its estimate on the horizontal axis.
            up: Its estimate on the vertical axis.
            series: Its colour and shape.
            **attributes: Attributes of the element.

        Returns:
            A group of elements; empty if a value is missing.
        """
        if across.mean is None or up.mean is None:
            return Markup("")
        x, y = self.x(across.mean), self.y(up.mean)
        parts = []
        if across.low is not None and across.high is not None:
            ends = {"x1": self.x(across.low), "x2": self.x(across.high)}
            parts.append(element("line", class_="interval", y1=y, y2=y, **ends))
        if up.low is not None and up.high is not None:
            heights = {"y1": self.y(up.low), "y2": self.y(up.high)}
            parts.append(element("line", class_="interval", x1=x, x2=x, **heights))
        series %= SERIES
        parts.append(element("use", class_="mark", href=f"#mark-{series}", x=x, y=y))
        kind = f"spot series-{series} {attributes.pop('class_', '')}".strip()
        return element("g", *parts, class_=kind, **attributes)

    def line(self, vertices: Sequence[Vertex], kind: str) -> Markup:
        """A line through values.

        Args:
            vertices: Pairs of values.
            kind: Class of the line.

        Returns:
            The line.
        """
        return self._stretched(self._path(vertices), kind)

    def lines(self, several: Sequence[Sequence[Vertex]], kind: str) -> Markup:
        """Several lines as one element.

        Args:
            several: Pairs of values of each line.
            kind: Class of the lines.

        Returns:
            The lines; empty without any.
        """
        drawn = "".join(self._path(vertices) for vertices in several if len(vertices) > 1)
        return self._stretched(drawn, kind) if drawn else Markup("")

    def band(self, foot: Sequence[Vertex], top: Sequence[Vertex], kind: str) -> Markup:
        """The area between two lines.

        Args:
            foot: Pairs of values of one line.
            top: Pairs of values of the other, in the same direction.
            kind: Class of the area.

        Returns:
            The area.
        """
        return self._stretched(self._path([*foot, *reversed(top)]) + "z", kind)

    def draw(self, *children: Markup, identifier: str, title: str, description: str) -> Markup:
        """Put a plane together.

        Args:
            *children: What it holds, from the back.
            identifier: Start of the ids of the title and description, unique in the page.
            title: Name of the chart for screen readers.
            description: What the chart shows, for screen readers.

        Returns:
            An ``svg`` element as wide as its container.
        """
        across, up = self.across.ticks(TICKS_ACROSS), self.up.ticks(TICKS_DOWN)
        foot = self.height
        grid = [element("line", x1=self.x(t), x2=self.x(t), y1=0, y2=foot) for t, _ in across]
        grid += [element("line", x1=0, x2="100%", y1=self.y(t), y2=self.y(t)) for t, _ in up]
        ticks = [
            element("text", label, class_="tick", x=self.x(tick), y=foot + LABEL_DROP)
            for tick, label in across
        ]
        ticks += [
            element("text", label, class_="tick aside-tick", x=0, y=self.y(tick), dx=-8, dy=4)
            for tick, label in up
        ]
        return element(
            "svg",
            element("title", title, id=f"{identifier}-title"),
            element("desc", description, id=f"{identifier}-description"),
            element("g", *grid, class_="grid"),
            *children,
            *ticks,
            class_="plane",
            role="img",
            aria_labelledby=f"{identifier}-title {identifier}-description",
            width="100%",
            height=foot + LABEL_DROP + 6,
        )

    def _path(self, vertices: Sequence[Vertex]) -> str:
        places = (f"{10 * _inside(self.across.position(x)):g} {self.y(y):g}" for x, y in vertices)
        return "M" + "L".join(places)

    def _stretched(self, data: str, kind: str) -> Markup:
        return element(
            "svg",
            element("path", d=data, class_=kind),
            viewBox=f"0 0 1000 {self.height}",
            preserveAspectRatio="none",
            width="100%",
            height=self.height,
        )


def _inside(position: float) -> float:
    return min(100.0, max(0.0, position))
