"""A network or fair decision rule together with the encoder of its table."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairfactor.data.columns import NumericColumn
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.extracted import feature_table
from fairfactor.data.group_lookup import GroupLookup, UnknownGroups
from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.feature_extraction import FeatureExtractor
from fairfactor.feature_extraction.kinds import describe_extractor, extractor_skeleton
from fairfactor.mitigation import FairModel
from fairfactor.models.mlp import build_mlp
from fairfactor.pipeline import predict_probabilities
from fairfactor.starting_model import import_factory
from fairfactor.surgery import load_model, read_saved_config, save_model
from fairfactor.trees.tree_scores import TreeScores

_KEYS = frozenset({"widths", "encoder", "target", "class_names", "origin", "fair"})
# Keys, and parts of the saved model, where a network reads trees or features of texts or images.
_TREE_SCORES, _EXTRACTOR = "tree_scores", "extractor"
_LATER_KEYS = frozenset({"factory", "groups", _TREE_SCORES, _EXTRACTOR})


@dataclass(frozen=True, eq=False)
class TableModel:
    """Predicts the class of each row of a table; groups are asked for only by one that says so.

    Attributes:
        model: The network, after surgery or without it.
        widths: Widths of its layers before surgery.
        encoder: From table columns to its inputs.
        target: Name of the column that it predicts.
        class_names: Name of each class.
        origin: How it came about, as JSON values.
        factory: The function of the user's own that makes the network before surgery.
        tree_scores: What stands between encoder and network, if it reads scores of trees.
        groups: Where a model with ``groups_at_prediction`` finds the group of each row.
        extractor: What stands before the encoder, if it encodes features of texts or images.
    """

    model: nn.Module
    widths: tuple[int, ...]
    encoder: TableEncoder
    target: str
    class_names: tuple[str, ...]
    origin: Mapping[str, Any]
    factory: str | None = None
    tree_scores: TreeScores | None = None
    groups: GroupLookup | None = None
    extractor: FeatureExtractor | None = None

    @property
    def columns(self) -> dict[str, bool]:
        """The columns of a table that it reads, and whether each holds numbers."""
        if self.extractor is not None:
            return {self.extractor.column: False}
        return {column.name: isinstance(column, NumericColumn) for column in self.encoder.columns}

    def unseen(self, table: pd.DataFrame) -> dict[str, int]:
        """Count what the training rows did not have, see `TableEncoder.unseen`.

        Args:
            table: Rows with the columns that it reads.

        Returns:
            Number of rows by the name of the column.
        """
        return {} if self.extractor is not None else self.encoder.unseen(table)

    def scores(
        self, table: pd.DataFrame, *, unknown_groups: UnknownGroups = "refuse"
    ) -> NDArray[np.float32]:
        """One number for each row and class, whose largest is the decision.

        Those of a plain network are probabilities; those of a fair decision rule are not, because
        the rule weighs them. The same table gives the same bits in every process of one machine
        and thread count.

        Args:
            table: Rows with the columns that the encoder knows; other columns are ignored, but for
                the sensitive ones of a model that asks for them.
            unknown_groups: What such a model does with rows of a group that it does not know.

        Returns:
            Shape (rows, classes).

        Raises:
            ArgumentError: If the model asks for the group of each row and knows no columns of them.
            DataError: If a column is missing, or a group is unknown and refused.
        """  # noqa: DOC502 - raised by the encoder and by the lookup
        encodable = table if self.extractor is None else feature_table(self.extractor, table)
        inputs = torch.from_numpy(self.encoder.transform(encodable))
        if self.tree_scores is not None:
            inputs = self.tree_scores(inputs)
        if not isinstance(self.model, FairModel):
            probabilities: NDArray[np.float32] = predict_probabilities(self.model, inputs).numpy()
            return probabilities
        parts: tuple[Tensor, ...] = (inputs,)
        if self.model.groups_at_prediction:
            if self.groups is None:
                raise ArgumentError(
                    "model", self.origin, "a model that needs no groups", "Call model.model itself."
                )
            parts = (inputs, torch.from_numpy(self.groups.codes(table, unknown_groups)))
        batches = zip(*(part.split(4096) for part in parts), strict=True)
        with torch.no_grad():
            scores: NDArray[np.float32] = torch.cat(
                [self.model(*batch) for batch in batches]
            ).numpy()
        return scores

    def predict(
        self, table: pd.DataFrame, *, unknown_groups: UnknownGroups = "refuse"
    ) -> pd.DataFrame:
        """The class that each row is given, with the scores of all.

        Args:
            table: Rows with the columns that the encoder knows.
            unknown_groups: As in `scores`.

        Returns:
            Columns ``prediction`` and ``probability <class>``, or ``score <class>`` for a fair
            decision rule, in the order of the rows.
        """
        scores = self.scores(table, unknown_groups=unknown_groups)
        word = "score" if isinstance(self.model, FairModel) else "probability"
        columns = {f"{word} {name}": scores[:, c] for c, name in enumerate(self.class_names)}
        predicted = np.asarray(self.class_names, dtype=object)[scores.argmax(axis=1)]
        return pd.DataFrame({"prediction": predicted, **columns}, index=table.index)

    def save(self, folder: Path) -> None:
        """Write the model and its encoder.

        Args:
            folder: A new folder.
        """
        extra = {
            "fair": self.model.description() if isinstance(self.model, FairModel) else None,
            "widths": list(self.widths),
            "encoder": self.encoder.to_dict(),
            "target": self.target,
            "class_names": list(self.class_names),
            "origin": dict(self.origin),
            "groups": self.groups.to_dict() if self.groups else None,
        }
        if self.factory is not None:
            extra["factory"] = self.factory
        if self.tree_scores is not None:
            extra[_TREE_SCORES] = self.tree_scores.description()
        if self.extractor is not None:
            extra[_EXTRACTOR] = describe_extractor(self.extractor)
        save_model(_with_parts(self.model, self.tree_scores, self.extractor), folder, extra=extra)

    @classmethod
    def load(
        cls, folder: Path, factory: str | None = None, *, backbone: nn.Module | None = None
    ) -> Self:
        """Read what `save` wrote.

        Args:
            folder: The folder.
            factory: ``module:function`` that made the network, if one did. It is never taken from
                the folder, so that no file decides what code runs.
            backbone: The architecture before surgery, with any weights, where it is neither made by
                a factory nor the multi-layer perceptron of the saved widths.

        Returns:
            The model, in evaluation mode.

        Raises:
            SavedModelError: If a file is missing, damaged or altered, or holds another model.
        """
        saved = read_saved_config(folder).extra
        if saved.keys() - _LATER_KEYS != _KEYS:
            raise SavedModelError(
                f"{folder} does not hold a table model: expected the keys {sorted(_KEYS)}. Name "
                "the folder model/ of a run, or load it with load_model."
            )
        encoder = TableEncoder.from_dict(saved["encoder"])
        widths, classes = tuple(saved["widths"]), tuple(saved["class_names"])
        scores = None
        if _TREE_SCORES in saved:
            scores = TreeScores.skeleton(saved[_TREE_SCORES], len(encoder.feature_names))
        features = len(encoder.feature_names) + (len(scores.names) if scores else 0)
        if features != widths[0] or len(classes) != widths[-1]:
            raise SavedModelError(
                f"{folder}: the network has widths {widths}, but there are {features} features and "
                f"{len(classes)} classes. Save it again."
            )
        if saved.get("factory") != factory:
            raise SavedModelError(
                f"{folder} has a network that {saved.get('factory') or 'fairfactor'} made, and "
                f"factory={factory!r}. If you trust that code, name it with --factory."
            )
        try:
            if backbone is not None:
                model = copy.deepcopy(backbone)
            elif factory:
                model = import_factory(factory)(widths[0], widths[-1])
            else:
                model = build_mlp(widths)
        except ArgumentError as error:
            raise SavedModelError(f"{folder}: {error}") from error
        if saved["fair"] is not None:
            model = FairModel.skeleton(model, saved["fair"])
        extractor = extractor_skeleton(saved[_EXTRACTOR]) if _EXTRACTOR in saved else None
        load_model(_with_parts(model, scores, extractor), folder)
        if scores is not None:
            scores.trees.require_sound()
        return cls(
            model=model.eval(),
            widths=widths,
            encoder=encoder,
            target=saved["target"],
            class_names=classes,
            origin=saved["origin"],
            factory=factory,
            tree_scores=scores,
            groups=GroupLookup.from_dict(saved["groups"]) if saved.get("groups") else None,
            extractor=extractor,
        )


def _with_parts(
    model: nn.Module, scores: TreeScores | None, extractor: FeatureExtractor | None
) -> nn.Module:
    """A model and what stands before it as one module, for saving and loading."""
    before = {_TREE_SCORES: scores, _EXTRACTOR: extractor}
    present = {name: part for name, part in before.items() if part is not None}
    return nn.ModuleDict({**present, "model": model}) if present else model
