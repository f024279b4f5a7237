"""Training curves: the loss of every epoch, one small picture for each method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairfactor.report.plane import Plane
from fairfactor.report.run import Estimate, MethodResult, Run, Tuning
from fairfactor.report.scale import Scale
from fairfactor.report.wording import counted, fixed

CURVE_HEIGHT = 150  # px
TRAINING, VALIDATION = "curve training series-2", "curve validation series-4"
KEPT_SERIES = 4
LEAST_SPAN = 0.01
DIGITS = 3


@dataclass(frozen=True)
class Curve:
    """One method: a line over the epochs for each seed."""

    label: str
    chart: Markup
    kept: str


def training_curves(run: Run) -> tuple[Curve, ...]:
    """Draw the losses of every method that was trained; all share their axes.

    Args:
        run: The run.

    Returns:
        The pictures; none for runs of older versions, which keep no losses.
    """
    shown = [method for method in run.methods if any(map(_has_losses, method.tuning))]
    kept = [seed for method in shown for seed in method.tuning if _has_losses(seed)]
    lines = [line for seed in kept for line in (seed.training_losses, seed.validation_losses)]
    up = Scale.covering([loss for line in lines for loss in line], least_span=LEAST_SPAN)
    across = Scale(0.0, float(max((len(line) - 1 for line in lines), default=1) or 1))
    plane = Plane(across=across, up=up, height=CURVE_HEIGHT)
    return tuple(_curve(method, plane, f"curve-{place}") for place, method in enumerate(shown))


def _has_losses(seed: Tuning) -> bool:
    return bool(seed.training_losses and seed.validation_losses)


def _curve(method: MethodResult, plane: Plane, identifier: str) -> Curve:
    seeds = [seed for seed in method.tuning if _has_losses(seed)]
    drawn = [
        plane.lines([_vertices(losses) for losses in of_seeds], kind)
        for of_seeds, kind in (
            ([seed.training_losses for seed in seeds], TRAINING),
            ([seed.validation_losses for seed in seeds], VALIDATION),
        )
    ]
    marks = [
        plane.mark(Estimate(seed.epoch, None, None), _loss_at(seed), KEPT_SERIES) for seed in seeds
    ]
    kept = [value for seed in seeds if (value := _loss_at(seed).mean) is not None]
    words = "no epoch was kept"
    if kept:
        mean = fixed(sum(kept) / len(kept), DIGITS)
        words = f"kept at a validation loss of {mean}" + (" on average" if len(kept) > 1 else "")
    chart = plane.draw(
        *drawn,
        *marks,
        identifier=identifier,
        title=f"Training of {method.label}",
        description=f"Loss by epoch on training and validation rows for "
        f"{counted(len(seeds), 'seed')}; {words}.",
    )
    return Curve(method.label, chart, words)


def _vertices(losses: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(float(epoch), loss) for epoch, loss in enumerate(losses) if loss is not None]


def _loss_at(seed: Tuning) -> Estimate:
    """The validation loss at the epoch that was kept."""
    losses = dict(enumerate(seed.validation_losses))
    return Estimate(None if seed.epoch is None else losses.get(int(seed.epoch)), None, None)
