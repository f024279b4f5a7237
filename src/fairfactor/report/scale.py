"""An axis: from values to positions across a chart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

PADDING = 4.0  # percent of the width kept free at each end, so that marks are not cut off


@dataclass(frozen=True)
class Scale:
    """A linear axis from ``low`` to ``high``, with positions in percent of the chart's width."""

    low: float
    high: float

    @classmethod
    def covering(cls, values: Iterable[float | None], *, least_span: float) -> Scale:
        """The axis over all values, with zero where it is near them.

        Args:
            values: Values to show; ``None`` is left out.
            least_span: The narrowest that the axis may be, above zero; narrower values lie in its
                middle, but values that are not negative get no negative axis.

        Returns:
            The axis; from 0 to 1 if there is no value.
        """
        known = [value for value in values if value is not None]
        if not known:
            return cls(0.0, 1.0)
        low, high = min(known), max(known)
        span = max(high - low, least_span)
        margin = (span - (high - low)) / 2
        if 0 <= low <= span:
            return cls(0.0, max(high, span))
        if -span <= high <= 0:
            return cls(min(low, -span), 0.0)
        return cls(low - margin, high + margin)

    @classmethod
    def around_zero(cls, values: Iterable[float | None], *, least_span: float) -> Scale:
        """The axis over all values with zero in the middle.

        Args:
            values: Values to show; ``None`` is left out.
            least_span: The narrowest that the axis may be, above zero.

        Returns:
            The axis.
        """
        largest = max(least_span / 2, *(abs(value) for value in values if value is not None), 0.0)
        return cls(-largest, largest)

    def position(self, value: float) -> float:
        """Where a value lies, in percent of the width.

        Args:
            value: A value on the axis.

        Returns:
            A number from `PADDING` to 100 - `PADDING` for values between the ends.
        """
        share = (value - self.low) / (self.high - self.low)
        return round(PADDING + (100 - 2 * PADDING) * share, 1)

    def ticks(self, wanted: int = 4) -> list[tuple[float, str]]:
        """Round values along the axis, 1, 2 or 5 times a power of ten apart.

        Args:
            wanted: About how many.

        Returns:
            Each value with its label.
        """
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(
            factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999
        )
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        if round(step, decimals) != round(step, decimals + 2):
            decimals += 1
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [
            (tick * step, f"{tick * step:.{decimals}f}".replace("-", "−") if tick else "0")
            for tick in range(first, last + 1)
        ]
