"""The diagnosis as records and as JSON, which the command line and the report read, too."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from fairfactor.diagnosis.overlap import GroupOverlap
from fairfactor.diagnosis.signatures import describe, signatures
from fairfactor.errors import SavedModelError
from fairfactor.surgery import ReplacementReport

GAPS = ("demographic_parity_difference", "equalized_odds_difference_worst_case")


@dataclass(frozen=True)
class Stage:
    """A model at one stage, on the probe set.

    Attributes:
        metrics: Every metric of `fairfactor.fairness.METRICS`; NaN where it is undefined.
        changed_predictions: Fraction of the probe rows for which another class is predicted than
            by the original model.
        parameters: All parameters.
        flops: Floating-point operations of a forward pass per probe row: those of matrix
            products, convolutions and attention; those inside recurrent layers are not counted.
    """

    metrics: dict[str, float]
    changed_predictions: float
    parameters: int
    flops: float


@dataclass(frozen=True)
class LayerDiagnosis:
    """What replacing one layer changed in it, and what the weighting had to go by.

    Attributes:
        replacement: Rank, parameters and relative change of the weight at replacement, NaN if the
            factors are not known from before training; None for a layer that is whole.
        trained_change: The relative change after training; None without training.
        inputs: Number of input features.
        condition: Largest over smallest positive entry of the paper's Î_N with equal weights: how
            unevenly it weights the inputs, and what its inverse is exposed to. Infinite if there is
            no positive entry.
        zero_rows: Input features without Fisher information for any group.
        overlaps: How alike the groups' Fisher information is, pair by pair.
    """

    replacement: ReplacementReport | None
    trained_change: float | None
    inputs: int
    condition: float
    zero_rows: int
    overlaps: tuple[GroupOverlap, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What replacing layers, and training them, changed in a model on a probe set.

    ``print`` it, or read `signatures`, for what it means.

    Attributes:
        groups: Number of probe rows of each group.
        before: The original model.
        after: The model after the replacement and before training; None if it was not kept.
        trained: The model after training; None without training.
        layers: The low-rank layers, and others whose Fisher information is known, by their name.
    """

    groups: dict[str, int]
    before: Stage
    after: Stage | None
    trained: Stage | None
    layers: dict[str, LayerDiagnosis]

    @property
    def rows(self) -> int:
        """Number of probe rows with a group."""
        return sum(self.groups.values())

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages that are known, in their order, by "before", "after" and "trained"."""
        named = {"before": self.before, "after": self.after, "trained": self.trained}
        return {name: stage for name, stage in named.items() if stage}

    @property
    def gap_changes(self) -> dict[str, float]:
        """Last stage minus before, for the demographic parity and equalised odds differences."""
        last = list(self.stages.values())[-1]
        return {name: last.metrics[name] - self.before.metrics[name] for name in GAPS}

    def __str__(self) -> str:
        """The stages as a table, and what they mean."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: the fields by name, NaN and infinity as null, and the signatures."""
        found = [dataclasses.asdict(signature) for signature in signatures(self)]
        return cast("dict[str, Any]", _to_json(dataclasses.asdict(self) | {"signatures": found}))

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Read what `to_json` returned.

        Args:
            content: Parsed JSON. Keys that are no fields are left alone; null reads as NaN where a
                number must be.

        Returns:
            The diagnosis.

        Raises:
            SavedModelError: If a key is missing or its value is of another type.
        """  # noqa: DOC502 - raised by _from_json
        return cast("Self", _from_json(content, cls, "diagnosis"))


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any, kind: Any, path: str) -> Any:
    """Read a value of a type that the records have: scalars, records, tuples and dicts of them.

    Returns:
        The value.

    Raises:
        SavedModelError: If it is of another type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if value is None else _from_json(value, arguments[0], path)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        hints = typing.get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)]
        missing = [name for name in names if name not in value]
        if not missing:
            read = {n: _from_json(value[n], hints[n], f"{path}.{n}") for n in names}
            return cast("type", kind)(**read)
        raise SavedModelError(_damaged(f"no key '{path}.{missing[0]}'"))
    if origin is dict and isinstance(value, Mapping):
        return {key: _from_json(item, arguments[1], f"{path}.{key}") for key, item in value.items()}
    if origin is tuple and isinstance(value, (list, tuple)):
        if arguments[-1] is not ... and len(arguments) != len(value):
            raise SavedModelError(_damaged(f"{len(value)} entries at '{path}'"))
        return tuple(_from_json(item, arguments[0], path) for item in value)
    if kind is float and value is None:
        return math.nan
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise SavedModelError(_damaged(f"a {type(value).__name__} at '{path}'"))


def _damaged(what: str) -> str:
    return f"metrics.json has {what}: it is damaged or of another version. Run the study again."
