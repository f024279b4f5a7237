"""How the pre-training of the network went, as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.curves import CURVE_HEIGHT, DIGITS, LEAST_SPAN, TRAINING, VALIDATION
from fairfactor.report.plane import Plane
from fairfactor.report.scale import Scale
from fairfactor.report.tuning.run import TuningRun
from fairfactor.report.wording import fixed


@dataclass(frozen=True)
class TrainingCurve:
    """The picture and what it says in words."""

    chart: Markup
    words: str


def pretraining_curve(run: TuningRun) -> TrainingCurve | None:
    """Draw the loss of the pre-training by its steps.

    Args:
        run: The tuning.

    Returns:
        The picture; ``None`` if the network came trained, or the run is of an older version.
    """
    lines = {
        kind: [
            (point.step, loss)
            for point in run.pretraining
            if point.step is not None and (loss := getattr(point, name)) is not None
        ]
        for kind, name in ((TRAINING, "training"), (VALIDATION, "validation"))
    }
    if not lines[TRAINING] or not lines[VALIDATION]:
        return None
    losses = [loss for line in lines.values() for _, loss in line]
    last = max(step for line in lines.values() for step, _ in line)
    plane = Plane(
        across=Scale(0.0, last),
        up=Scale.covering(losses, least_span=LEAST_SPAN),
        height=CURVE_HEIGHT,
    )
    words = (
        f"after {last:g} steps the loss is {fixed(lines[TRAINING][-1][1], DIGITS)} on training and "
        f"{fixed(lines[VALIDATION][-1][1], DIGITS)} on validation rows"
    )
    chart = plane.draw(
        *(plane.lines([line], kind) for kind, line in lines.items()),
        identifier="pretraining-curve",
        title="Pre-training of the network",
        description=f"Loss by step on training and validation rows; {words}.",
    )
    return TrainingCurve(chart, words)
