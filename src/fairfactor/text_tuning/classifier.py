"""A text classifier from a folder, through surgery and tuning, to predictions and to a folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fairfactor.checkpoints import Checkpoints
from fairfactor.data.splits import split_rows
from fairfactor.data.texts.near_duplicates import units_of_texts
from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.fairness import METRICS, ConfusionCounts, FairnessMetrics, confusion_counts
from fairfactor.files import atomic_folder
from fairfactor.groups import encode_groups
from fairfactor.hugging_face import Tokens, architecture_json, build_model, load_classifier
from fairfactor.hugging_face.folder import has_head
from fairfactor.surgery import (
    LowRankLayer,
    load_model,
    merge_layer,
    read_saved_config,
    save_adapter,
    save_model,
)
from fairfactor.text_settings import TextTuningConfig
from fairfactor.text_tuning.objective import make_objective
from fairfactor.text_tuning.preparation import PreparedText, prepare, probe_head
from fairfactor.text_tuning.rows import TextRows
from fairfactor.text_tuning.training import TextTuningHistory, predict_logits, train

if TYPE_CHECKING:
    from fairfactor.feature_extraction.texts import TextExtractor

MODEL_FOLDER = "model"
ADAPTER_FOLDER = "adapter"
SensitiveFeatures = Iterable[object] | Mapping[str, Iterable[object]]
_KEY = "text_classifier"
_VALIDATION = 0.2


class TextClassifier:
    """A classifier of transformers with its tokenizer and the names of its classes.

    Args:
        model: From token ids to an output with ``logits``, in evaluation mode.
        tokens: The tokenizer and its limit.
        class_names: The classes; for two, the second is the positive one.
        knows_task: Whether its head was trained for these classes.

    Attributes:
        group_names: The groups that it was tuned with.
        prepared: What surgery did, once tuned.
        history: What happened in training, once tuned.

    Raises:
        ArgumentError: If there are fewer than two classes.
    """

    def __init__(
        self,
        model: nn.Module,
        tokens: Tokens,
        class_names: Sequence[str],
        *,
        knows_task: bool = True,
    ) -> None:
        self.model, self.tokens = model, tokens
        self.class_names = tuple(map(str, class_names))
        if len(set(self.class_names)) < 2 or len(set(self.class_names)) < len(self.class_names):
            raise ArgumentError("class_names", self.class_names, "two or more different names")
        self.knows_task = knows_task
        self.group_names: tuple[str, ...] = ()
        self.prepared: PreparedText | None = None
        self.history: TextTuningHistory | None = None

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        class_names: Sequence[str],
        maximum_tokens: int | None = None,
        seed: int = 0,
    ) -> Self:
        """Load an encoder, a decoder or a classifier of transformers from this machine.

        Args:
            folder: What ``save_pretrained`` of model and tokenizer wrote: safetensors and JSON.
            class_names: The classes.
            maximum_tokens: Longer texts are cut; 128 or the limit of the model if unset.
            seed: Seed of a head that the folder does not have for these classes.

        Returns:
            The classifier.
        """
        path = Path(folder)
        knows_task = has_head(path, class_names)
        model = load_classifier(path, class_names, seed=seed)
        tokens = Tokens.from_folder(path, maximum_tokens)
        return cls(model, tokens, class_names, knows_task=knows_task)

    def tune(
        self,
        texts: Sequence[object],
        labels: Sequence[object],
        *,
        sensitive_features: SensitiveFeatures,
        config: TextTuningConfig | None = None,
        checkpoints: Checkpoints | None = None,
        trackers: tuple[str, ...] = (),
        tracked_in: Path | None = None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> Self:
        """Fit a new head, factorise the chosen layers by group, and train factors and head.

        A fifth of the texts is set aside to choose the epoch; near-duplicates stay together.

        Args:
            texts: The training texts.
            labels: The class of each, one of ``class_names``.
            sensitive_features: As for `fairfactor.encode_groups`; no input of the model.
            config: What is tuned, and how.
            checkpoints: Where finished epochs are kept, so that an interrupted training goes on.
            trackers: Names of trackers of accelerate, such as ``"tensorboard"``.
            tracked_in: Folder of those that write files.
            on_epoch: Called after each epoch.

        Returns:
            The same classifier.

        Raises:
            ArgumentError: If it was tuned before.
        """
        if self.prepared is not None:
            raise ArgumentError(
                "classifier",
                "tuned",
                "one that is not tuned yet",
                "Load it again with from_folder.",
            )
        config = config or TextTuningConfig()
        groups = encode_groups(sensitive_features, small_groups="merge")
        codes = self._codes(labels)
        parts = split_rows(
            len(codes),
            {"train": 1 - _VALIDATION, "validation": _VALIDATION},
            seed=config.seed,
            together=units_of_texts([str(text) for text in texts]),
        )
        rows = TextRows.of(self.tokens, list(texts), codes, groups.codes)
        return self.tune_rows(
            rows.at(parts["train"].tolist()),
            rows.at(parts["validation"].tolist()),
            groups.names,
            config,
            checkpoints=checkpoints,
            trackers=trackers,
            tracked_in=tracked_in,
            on_epoch=on_epoch,
        )

    def tune_rows(
        self,
        rows: TextRows,
        validation: TextRows,
        group_names: Sequence[str],
        config: TextTuningConfig,
        **options: Any,
    ) -> Self:
        """As `tune`, with rows that are tokenised and split already.

        Args:
            rows: Rows to train on.
            validation: Rows to choose the epoch on.
            group_names: Name of each group code.
            config: What is tuned, and how.
            **options: As for `tune`.

        Returns:
            The same classifier.
        """
        self.group_names = tuple(group_names)
        if not self.knows_task:
            probe_head(self.model, rows, validation, seed=config.seed)
        self.prepared = prepare(self.model, rows, config, self.group_names)
        self.model = self.prepared.model
        objective = make_objective(
            config.objective, config.strength, len(self.class_names), len(self.group_names)
        )
        self.history = train(self.model, rows, validation, objective, config, **options)
        return self

    def probabilities(self, texts: Sequence[object]) -> NDArray[np.float32]:
        """Probability of each class.

        Args:
            texts: The texts.

        Returns:
            Shape (texts, classes), in their order.
        """
        ids = self.tokens.ids(texts)
        found = np.empty((len(ids), len(self.class_names)), dtype=np.float32)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            logits = predict_logits(self.model, self.tokens.padded([ids[row] for row in rows]))
            found[rows] = logits.softmax(dim=1).numpy()
        return found

    def predict(self, texts: Sequence[object]) -> list[str]:
        """The most probable class of each text; no group is asked for.

        Args:
            texts: The texts.

        Returns:
            Names of classes.
        """
        return [self.class_names[code] for code in self.probabilities(texts).argmax(axis=1)]

    def counts(
        self,
        texts: Sequence[object],
        labels: Sequence[object],
        *,
        sensitive_features: SensitiveFeatures,
    ) -> ConfusionCounts:
        """Count predictions by group and class, in the order of the data set.

        Args:
            texts: The texts.
            labels: The class of each.
            sensitive_features: As for `fairfactor.encode_groups`.

        Returns:
            The counts, for `fairfactor.intervals`.
        """
        groups = encode_groups(sensitive_features, names=self.group_names or None)
        predicted = self.probabilities(texts).argmax(axis=1)
        return confusion_counts(
            self._codes(labels), predicted, groups, n_classes=len(self.class_names)
        )

    def metrics(
        self,
        texts: Sequence[object],
        labels: Sequence[object],
        *,
        sensitive_features: SensitiveFeatures,
    ) -> FairnessMetrics:
        """Accuracy and every gap between groups.

        Args:
            texts: The texts.
            labels: The class of each.
            sensitive_features: As for `fairfactor.encode_groups`.

        Returns:
            Every entry of `fairfactor.fairness.METRICS`.
        """
        counts = self.counts(texts, labels, sensitive_features=sensitive_features)
        return {name: float(metric(counts)) for name, metric in METRICS.items()}

    def extractor(self, column: str = "text") -> TextExtractor:
        """The tuned network as features of the rest of the house: what its last layer is given.

        Args:
            column: Column of the texts.

        Returns:
            The extractor, independent of this classifier.
        """
        from fairfactor.feature_extraction.texts import TextExtractor

        return TextExtractor(
            self.plain_model(),
            self.tokens,
            column=column,
            pooling="head",
            adapter=self.prepared.adapted if self.prepared else None,
        )

    def plain_model(self) -> nn.Module:
        """A copy of the network without PEFT: an adapter is merged, factors stay factors."""
        if self.prepared is None or self.prepared.adapted is None:
            return copy.deepcopy(self.model)
        merged: nn.Module = copy.deepcopy(self.prepared.adapted).merge_and_unload()
        return merged

    def save(self, folder: str | Path) -> None:
        """Write ``model/``, which `load` reads, and in adapter mode ``adapter/`` for plain PEFT.

        Args:
            folder: A new or empty folder, or one that `save` wrote, which is replaced.
        """
        model = self.plain_model()
        with atomic_folder(folder, replaceable={MODEL_FOLDER, ADAPTER_FOLDER}) as temporary:
            extra = {
                "architecture": architecture_json(model),
                "tokenizer": self.tokens.files(),
                "maximum_tokens": self.tokens.maximum_tokens,
                "class_names": list(self.class_names),
                "group_names": list(self.group_names),
            }
            save_model(model, temporary / MODEL_FOLDER, extra={_KEY: extra})
            if self.prepared is not None and self.prepared.adapted is not None:
                save_adapter(self.prepared.adapted, temporary / ADAPTER_FOLDER)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; no other folder and no code is needed.

        Args:
            folder: The folder.

        Returns:
            The classifier, in evaluation mode.

        Raises:
            SavedModelError: If a file is missing, damaged or altered, or holds another model.
        """
        place = Path(folder) / MODEL_FOLDER
        saved = read_saved_config(place).extra.get(_KEY)
        if not isinstance(saved, Mapping):
            raise SavedModelError(f"{place} holds no text classifier: name what save wrote.")
        try:
            model = load_model(build_model(saved["architecture"]), place).eval()
            tokens = Tokens.from_files(saved["tokenizer"], saved["maximum_tokens"])
            loaded = cls(model, tokens, saved["class_names"])
            loaded.group_names = tuple(saved["group_names"])
        except (KeyError, TypeError, ArgumentError) as error:
            raise SavedModelError(f"{place} is damaged ({error}). Save it again.") from error
        return loaded

    def export(self, folder: str | Path) -> None:
        """Write an ordinary folder of transformers, with dense weights, for any other program.

        Factors are multiplied, so it is as large as the original.

        Args:
            folder: A new or empty folder.
        """
        model: Any = self.plain_model()
        for name, layer in list(model.named_modules()):
            if isinstance(layer, LowRankLayer):
                merge_layer(model, name)
        with atomic_folder(folder) as temporary:
            model.save_pretrained(str(temporary))
            self.tokens.tokenizer.save_pretrained(str(temporary))

    def _codes(self, labels: Sequence[object]) -> NDArray[np.int64]:
        """Class codes of labels.

        Returns:
            Shape (rows,).

        Raises:
            DataError: If a label is none of the classes.
        """
        numbers = {name: code for code, name in enumerate(self.class_names)}
        names = [str(label) for label in labels]
        unknown = next((name for name in names if name not in numbers), None)
        if unknown is not None:
            raise DataError(
                f"the label {unknown!r:.60} is none of the classes {list(self.class_names)[:10]}. "
                "Name all classes in class_names."
            )
        return np.array([numbers[name] for name in names], dtype=np.int64)
