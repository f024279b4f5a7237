"""What a user asks of a data set: which one, and what its loader has to know."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from fairfactor.data.images.table import UnusableImages
from fairfactor.data.tables import MOST_ROWS
from fairfactor.errors import ArgumentError
from fairfactor.progress import OnCount, untold


@dataclass(frozen=True)
class DataRequest:
    """A data set by its name or path, with all that its loader may be told.

    Attributes:
        data: One of `fairfactor.data.sources.DATA_SETS`, or the path of a table.
        sensitive: Sensitive columns; several mean the intersections of their groups.
        target: Column to predict.
        positive: The favourable class. Without it, the last in sorted order.
        bins: Classes of about the same size to cut a target of numbers into.
        threshold: Number that cuts a target into two classes.
        exclude: Columns that are never inputs.
        most_rows: Rows to draw at random from a longer file.
        rows: Whether rows with missing values are left out (``"complete"``, the default for Adult)
            or kept (``"all"``, the default for a file).
        survey_weight_as_input: Also feed Adult's ``fnlwgt`` to the model.
        root: Folder of a data set of images, as it is downloaded.
        images: Folder of the files that a column of a table names.
        labels: Table that belongs to ``images``.
        unusable_images: What becomes of rows whose image is missing or cannot be decoded.
        split_by: Column whose equal values stay in one part of every split, such as a person's
            name; ``"none"`` splits row by row even if the data set knows such a column.
        parts: Column that says which part a row was published in, as in `TableTask`.
        text: Column of texts that a pre-trained encoder reads.
        pooling: How the hidden states of a text become one vector.
        maximum_tokens: Tokens after which a text is cut.
        model: Pre-trained network whose features are the inputs.
        weights: File with its weights.
        feature_cache: Folder in which features are kept; ``None`` keeps none.
        on_rows: Called while features are computed.

    Raises:
        ArgumentError: If a value has the wrong form.
    """

    data: str
    sensitive: tuple[str, ...]
    target: str | None = None
    positive: str | None = None
    bins: int | None = None
    threshold: float | None = None
    exclude: tuple[str, ...] = ()
    most_rows: int = MOST_ROWS
    rows: Literal["complete", "all"] | None = None
    survey_weight_as_input: bool = False
    root: str | None = None
    images: str | None = None
    labels: str | None = None
    unusable_images: UnusableImages = "refuse"
    split_by: str | None = None
    parts: str | None = None
    text: str | None = None
    pooling: Literal["mean", "cls", "last"] = "mean"
    maximum_tokens: int | None = None
    model: str | None = None
    weights: str | None = None
    feature_cache: Path | None = None
    on_rows: OnCount = field(default=untold, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.sensitive, tuple):
            raise ArgumentError("sensitive", self.sensitive, "a tuple of names")
        if self.rows not in {None, "complete", "all"}:
            raise ArgumentError("rows", self.rows, '"complete" or "all"')

    @property
    def beside_target(self) -> tuple[str, ...]:
        """Columns that go with the target and are no inputs: sensitive, and published parts."""
        return (*self.sensitive, *((self.parts,) if self.parts is not None else ()))

    def refuse_all_but(self, accepted: AbstractSet[str]) -> None:
        """Check that nothing is asked for that the data set does not know.

        Args:
            accepted: Names of fields that it knows, besides ``data`` and ``sensitive``.

        Raises:
            ArgumentError: If another field has a value.
        """
        always = {"data", "sensitive", "most_rows", "feature_cache", "on_rows"}
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name not in accepted | always and value != option.default:
                raise ArgumentError(
                    option.name, value, f"nothing for data={self.data!r}", "Leave it out."
                )
