"""The groups that a model was tuned for, looked up in the columns of another table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.groups import EXCLUDED, MERGED_NAME, encode_groups

UnknownGroups = Literal["refuse", "infer"]
"""What becomes of a row whose group the model does not know: the table is refused, or the row is
decided by what its inputs say about the group, as a model without groups decides every row."""


@dataclass(frozen=True)
class GroupLookup:
    """Which columns name the group of a row, and the groups there are.

    Attributes:
        columns: The sensitive columns; several make intersections.
        names: Name of each group code. A value that is not among them belongs to the merged small
            groups, if there is such a group: they are what else there was.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]

    def require(self, present: Iterable[str]) -> None:
        """Check that a table has the sensitive columns.

        Args:
            present: Names of its columns.

        Raises:
            DataError: If one is missing.
        """
        missing = set(self.columns) - set(present)
        if missing:
            raise DataError(
                "this model decides by the group of each row and asks for the columns "
                f"{', '.join(self.columns)}: the table has no {', '.join(sorted(missing))}. Add "
                "them, or tune a model without --groups-at-prediction."
            )

    def codes(self, table: pd.DataFrame, unknown: UnknownGroups = "refuse") -> NDArray[np.int64]:
        """The group of each row.

        Args:
            table: Rows with the sensitive columns.
            unknown: What becomes of a row of an unknown group, an empty cell included.

        Returns:
            Codes, (rows,); -1 for a row whose group is to be inferred.

        Raises:
            ArgumentError: If ``unknown`` is neither.
            DataError: If a column is missing, or an unknown group is refused.
        """
        if unknown not in get_args(UnknownGroups):
            raise ArgumentError("unknown_groups", unknown, f"one of {get_args(UnknownGroups)}")
        self.require(table.columns)
        found = encode_groups(table[list(self.columns)], minimum_size=0)
        other = self.names.index(MERGED_NAME) if MERGED_NAME in self.names else EXCLUDED
        code_of = {name: code for code, name in enumerate(self.names)}
        codes = np.array([code_of.get(name, other) for name in found.names])[found.codes]
        if unknown == "refuse" and (codes == EXCLUDED).any():
            strange = [name for name in found.names if name not in code_of]
            raise DataError(
                f"{int((codes == EXCLUDED).sum())} of {len(codes)} rows are of groups that the "
                f"model does not know, as {strange[0]!r}: it knows {', '.join(self.names)}. Mend "
                f"the columns {', '.join(self.columns)}, or pass --unknown-groups infer to decide "
                "these rows by what their inputs say about the group."
            )
        return codes.astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """The lookup as JSON values."""
        return {"columns": list(self.columns), "names": list(self.names)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Args:
            values: The JSON values.

        Returns:
            The lookup.

        Raises:
            SavedModelError: If they are something else.
        """
        try:
            columns, names = tuple(values["columns"]), tuple(values["names"])
        except (KeyError, TypeError) as error:
            raise SavedModelError(f"the groups of the model are damaged ({error}).") from error
        if not columns or not all(isinstance(name, str) for name in (*columns, *names)):
            raise SavedModelError(f"the groups of the model are damaged ({dict(values)!r:.80}).")
        return cls(columns, names)
