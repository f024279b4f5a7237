"""A scikit-learn classifier that keeps constraints on groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.errors import ArgumentError
from fairfactor.estimator.fitting import Examples, fit_plain, fit_tuned
from fairfactor.estimator.frames import (
    read_inputs,
    read_sensitive,
    read_target,
    warn_of_sensitive_inputs,
)
from fairfactor.estimator.saving import load_parts, save_parts
from fairfactor.estimator.scoring import class_probabilities, rule_scores
from fairfactor.finetuning import require_integer
from fairfactor.mitigation import DEFAULT, RECIPES, Constraint, FairModel, Frontier
from fairfactor.models.mlp import MAXIMUM_WIDTH
from fairfactor.settings import check_choices
from fairfactor.studies.parallel import one_thread
from fairfactor.studies.task_groups import comparable_groups
from fairfactor.tune_config import require_confidence

HIDDEN = (64, 32)
_NO_GROUPS = (
    "Fitted without sensitive_features: a plain network on all rows, nothing is known of groups."
)


class FairFactorClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The most accurate network that keeps bounds on the differences between groups.

    ``fit`` does what ``fairfactor tune`` does: it pre-trains a network on a part of the rows, lets
    the recipes make models of class and group on it, and takes the decision rule
    argmax_c Σ_ys w[c, y, s] p(y, s | x) that is the most accurate of those that keep the
    constraints on the other rows. Predicting asks for no sensitive feature.

    ``predict`` and ``decision_function`` follow that rule. ``predict_proba`` is the model's
    p(y | x), a statement about the label and not about the decision: with a constraint the most
    probable class need not be the one that is decided for, as with scikit-learn's
    ``FixedThresholdClassifier``.

    Without ``sensitive_features`` a plain network is trained on all rows, and ``message_`` says so;
    a constraint is an error then.

    Inputs are arrays or data frames of pandas or Polars. Numbers are standardised, text, booleans
    and categories are one-hot encoded. A missing number is replaced by the training median, a
    missing category is one of its own; infinite numbers are refused. The order of the rows makes
    no difference. Sensitive features are inputs only if they are columns of ``X`` too, which a
    warning points out.

    Args:
        constraint: What has to hold, as ``"equalized_odds<=0.05"``; several as a list, or in one
            text with commas between them. For two classes, the last of ``classes_`` is the
            favourable one. ``None`` takes the most accurate rule.
        confidence: Share of bootstrap samples of the validation rows that must keep each bound;
            ``None`` asks for the estimate alone.
        recipes: Names in `fairfactor.mitigation.RECIPES`. Leave out ``"low-rank"`` to be quicker.
        hidden: Widths of the hidden layers. ``fairfactor tune`` uses ``(512, 256, 64)``.
        backbone: A trained ``torch.nn.Module`` from the numbers in ``X``, which are then not
            standardised, to logits of the sorted classes. It is copied and not trained. Without
            it, a network is pre-trained.
        validation_fraction: Share of the rows on which the rule is chosen.
        minimum_group_size: Groups with fewer rows are merged into one.
        random_state: Seed of the split, the initial weights and everything random.

    Attributes:
        classes_: The sorted classes.
        n_features_in_: Number of columns.
        feature_names_in_: Their names, if they have any.
        encoder_: From the columns to the inputs of the network.
        model_: The network with its decision rule, a ``torch.nn.Module``.
        group_names_: Name of each group; none without sensitive features.
        frontier_: All operating points that were tried, for other constraints; ``None`` without
            sensitive features and after loading.
        constraint_met_: Whether the rule keeps the constraints; ``None`` without sensitive
            features.
        message_: What was found, in a sentence.
    """

    classes_: NDArray[Any]
    n_features_in_: int
    encoder_: TableEncoder
    model_: FairModel
    group_names_: tuple[str, ...]
    frontier_: Frontier | None
    constraint_met_: bool | None
    message_: str

    def __init__(
        self,
        *,
        constraint: str | Sequence[str] | None = None,
        confidence: float | None = 0.9,
        recipes: Sequence[str] = DEFAULT,
        hidden: Sequence[int] = HIDDEN,
        backbone: nn.Module | None = None,
        validation_fraction: float = 0.4,
        minimum_group_size: int = 30,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.constraint = constraint
        self.confidence = confidence
        self.recipes = recipes
        self.hidden = hidden
        self.backbone = backbone
        self.validation_fraction = validation_fraction
        self.minimum_group_size = minimum_group_size
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, sensitive_features: Any = None, sample_weight: Any = None
    ) -> Self:
        """Find the most accurate rule that keeps the constraints.

        Args:
            X: Inputs, (rows × features).
            y: A class for each row.
            sensitive_features: A label for each row, or several in columns, whose intersections
                are the groups then. In a search or pipeline, ask for them with
                ``set_fit_request(sensitive_features=True)``.
            sample_weight: How much each row counts, not negative. Whole numbers mean copies of a
                row. With others, as many rows are drawn as there were, each about as often as its
                weight says; so weights add noise.

        Returns:
            The estimator.
        """
        constraints = self._checked_constraints(sensitive_features)
        frame = read_inputs(self, X, reset=True)
        classes, labels = read_target(frame, y)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, labels, dtype=np.float64, ensure_non_negative=True
            )
        names = tuple(map(str, classes.tolist()))
        groups = None
        if sensitive_features is not None:
            sensitive = read_sensitive(sensitive_features)
            groups = comparable_groups(
                sensitive, labels, names, minimum_size=self.minimum_group_size
            )
            warn_of_sensitive_inputs(frame, sensitive)
        examples = Examples(frame, labels, names, groups, weights)
        seed = self._seed()
        with one_thread():
            if groups is None:
                encoder, model = fit_plain(examples, self.hidden, self.backbone, seed)
                self.frontier_, self.constraint_met_, self.message_ = None, None, _NO_GROUPS
            else:
                encoder, tuned = fit_tuned(
                    examples,
                    constraints,
                    recipes=self.recipes,
                    confidence=self.confidence,
                    validation_fraction=self.validation_fraction,
                    hidden=self.hidden,
                    backbone=self.backbone,
                    seed=seed,
                )
                model = tuned.chosen.decide
                self.frontier_, self.constraint_met_ = tuned.frontier, tuned.met
                self.message_ = tuned.message
        self.classes_, self.encoder_, self.model_ = classes, encoder, model
        self.group_names_ = () if groups is None else groups.names
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The class that the rule decides for.

        Args:
            X: Inputs, (rows × features).

        Returns:
            One of ``classes_`` for each row.
        """
        scores = self._scores(X)
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Scores of the rule, Σ_ys (w[c, y, s] − w[0, y, s]) p(y, s | x).

        Args:
            X: Inputs, (rows × features).

        Returns:
            For two classes one number a row, above 0 exactly where the second is decided for;
            otherwise (rows × classes), whose largest is the decision.
        """
        scores = self._scores(X)
        return scores[:, 1] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """p(y | x): how probable each label is, whatever the rule decides.

        Args:
            X: Inputs, (rows × features).

        Returns:
            (rows × classes).
        """
        inputs = self._inputs(X)
        return class_probabilities(self.model_, inputs)

    def get_feature_names(self) -> NDArray[Any]:
        """Names of the inputs of the network: the column, or ``column=category``.

        Returns:
            The names, in the order of the inputs.
        """
        check_is_fitted(self)
        return np.array(self.encoder_.feature_names, dtype=object)

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator as safetensors and JSON; the frontier is not kept.

        ``fairfactor predict FOLDER TABLE.csv`` reads it too.

        Args:
            folder: A new or empty folder, or one that was written so, which is replaced.
        """
        check_is_fitted(self)
        save_parts(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, *, backbone: nn.Module | None = None) -> Self:
        """Read what `save` wrote, without executing anything from it.

        Args:
            folder: The folder.
            backbone: The same architecture that the estimator was given, if it was given one.

        Returns:
            A fitted estimator that predicts the same.
        """
        estimator = cls()
        load_parts(estimator, Path(folder), backbone)
        return estimator

    def __sklearn_tags__(self) -> Any:
        """Say what inputs are welcome: missing values, text and categories too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _inputs(self, X: Any) -> torch.Tensor:
        check_is_fitted(self)
        return torch.from_numpy(self.encoder_.transform(read_inputs(self, X, reset=False)))

    def _scores(self, X: Any) -> NDArray[np.float64]:
        inputs = self._inputs(X)
        return rule_scores(self.model_, inputs)

    def _seed(self) -> int:
        """An integer is taken as it is, so that it means what ``--seed`` means."""
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _checked_constraints(self, sensitive_features: Any) -> list[Constraint]:
        """Check every parameter, which scikit-learn leaves to ``fit``.

        Returns:
            The constraints.

        Raises:
            ArgumentError: If one cannot be used.
        """
        texts = self.constraint or ()
        texts = texts.split(",") if isinstance(texts, str) else texts
        constraints = [Constraint.parse(text) for text in texts]
        if constraints and sensitive_features is None:
            raise ArgumentError(
                "sensitive_features",
                None,
                "the groups that the constraint compares",
                "Pass fit(X, y, sensitive_features=...); within a search or pipeline also call "
                "set_fit_request(sensitive_features=True).",
            )
        if self.confidence is not None:
            require_confidence(self.confidence)
        check_choices("recipes", tuple(self.recipes), tuple(RECIPES))
        for width in self.hidden:
            require_integer("hidden", width, 1, MAXIMUM_WIDTH)
        if not len(self.hidden):
            raise ArgumentError("hidden", self.hidden, "the width of at least one hidden layer")
        if not 0 < self.validation_fraction < 1:
            accepted = "a number between 0 and 1"
            raise ArgumentError("validation_fraction", self.validation_fraction, accepted)
        require_integer("minimum_group_size", self.minimum_group_size, 0)
        return constraints
