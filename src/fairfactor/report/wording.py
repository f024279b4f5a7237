"""Numbers and lists as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fairfactor.report.fields import NO_VALUE

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with a fixed count of decimal places.

    Args:
        value: The number; ``None`` becomes a dash.
        digits: Decimal places.
        signed: Whether to write the plus sign.

    Returns:
        The number with a true minus sign and commas between thousands; never a negative zero.
    """
    if value is None:
        return NO_VALUE
    rounded = round(value, digits) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    return sign + f"{rounded:,.{digits}f}".replace("-", "−")


def whole(value: float | None) -> str:
    """A count; a mean count that is not whole keeps one decimal place.

    Args:
        value: The count; ``None`` becomes a dash.

    Returns:
        The count with commas between thousands.
    """
    return fixed(value, 0 if value is None or float(value).is_integer() else 1)


def significant(value: float | None, digits: int = 2) -> str:
    """A number with a count of significant digits, as a power of ten where it is tiny or huge.

    Args:
        value: The number; ``None`` becomes a dash.
        digits: Significant digits.

    Returns:
        For example ``0.0014``, ``1.4 × 10⁻⁵`` or ``2.8``.
    """
    if value is None or value == 0:
        return NO_VALUE if value is None else "0"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 5:
        return fixed(value, max(0, digits - 1 - exponent))
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")


def listed(items: Sequence[str], limit: int = 6) -> str:
    """Items as one phrase.

    Args:
        items: What to list.
        limit: How many to name before the rest is only counted.

    Returns:
        For example ``a, b and c``, or ``a, b and 38 more``.
    """
    named = list(items)
    if len(items) > limit + 1:
        named = [*items[: limit - 1], f"{len(items) - limit + 1} more"]
    if len(named) < 2:
        return "".join(named)
    return f"{', '.join(named[:-1])} and {named[-1]}"


def counted(count: float | None, singular: str, plural: str = "") -> str:
    """A count with its noun.

    Args:
        count: How many; ``None`` becomes a dash.
        singular: The noun for one.
        plural: The noun for any other number; the singular with an s by default.

    Returns:
        For example ``1 seed`` or ``8,052 rows``.
    """
    return f"{whole(count)} {singular if count == 1 else plural or singular + 's'}"
