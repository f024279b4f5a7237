"""The methods that the paper compares, and the control that it lacks, by name.

A method says how the last layer is prepared before fine-tuning. All train with the same budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairfactor.weighting import FisherWeighted, Neutralized, Plain, Weighting


@dataclass(frozen=True)
class Method:
    """How the layer is prepared.

    Attributes:
        name: The name used on the command line and in files.
        label: The name that a reader sees.
        weighting: From α to the weighting of the factors that replace the layer; ``None`` keeps
            the layer whole.
        trained: Whether the layer is fine-tuned afterwards.
    """

    name: str
    label: str
    weighting: Callable[[float | None], Weighting] | None = None
    trained: bool = True


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("pretrained", "Pre-trained, untouched", trained=False),
        Method("head-tuning", "Head tuning (TL)"),
        Method("plain-svd", "Plain SVD (f+SVD)", lambda _: Plain()),
        Method("pooled-fisher-svd", "Pooled-Fisher SVD (control)", lambda _: FisherWeighted()),
        Method("neutralized", "Neutralised SVD (the paper)", Neutralized),
    )
}
"""Every method by name, in the order in which tables show them."""
