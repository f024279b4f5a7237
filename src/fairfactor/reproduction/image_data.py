"""Photographs for the studies: frozen features of a release in a folder that the user names.

The images are for research only, so none comes with the package. Environment variables name the
folders, because the processes of a study inherit them; ``fairfactor reproduce --root`` sets them.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.request import DataRequest
from fairfactor.data.sources import load_task
from fairfactor.data.splits import benchmark_split, table_1_split
from fairfactor.data.task import TableTask
from fairfactor.errors import DataError, FairfactorWarning
from fairfactor.models.mlp import build_mlp
from fairfactor.pipeline import Rows
from fairfactor.pretraining.execute import Pretrained
from fairfactor.reproduction.problem import PAPER, Problem
from fairfactor.studies.seed_run import pretrain
from fairfactor.studies.task_groups import task_groups

ROOT = "FAIRFACTOR_IMAGES"
"""Environment variable that names the folder which holds ``lfwa``, ``utkface`` and so on."""

FEATURES = "FAIRFACTOR_FEATURES"
"""Environment variable that names the folder in which features are kept."""

WEIGHTS = "FAIRFACTOR_WEIGHTS"
"""Environment variable that names the folder of a ResNet-18 from ``fairfactor pretrain``."""


@dataclass(frozen=True)
class ImageDataSet:
    """A label and a sensitive feature of a release, on frozen features of its images.

    LFW+a has the paper's sizes (Table 1), others have those of the benchmark, 40 : 30 : 30, as five
    groups need many rows to choose on. No person is in two parts where the release tells who is
    shown. The head is fitted before it is fine-tuned: an ImageNet head has no
    meaning for two classes, and the paper does not say what it started from.

    Attributes:
        label: The name that a reader sees.
        release: Name of the release, and of its folder.
        target: The label.
        sensitive: The sensitive feature.
        threshold: Cuts a target of numbers in two.
        by_resnet: Whether the features are those of a ResNet-18 that was pre-trained on faces, and
            not those of EfficientNet-Lite0.
    """

    label: str
    release: str
    target: str
    sensitive: str
    threshold: float | None = None
    by_resnet: bool = False

    def missing(self) -> str:
        """Why it cannot be used here, with the remedy; empty if it can."""
        root = os.environ.get(ROOT)
        if root is None:
            return "its photographs are for research only: name their folder with --root"
        if not (Path(root) / self.release).is_dir():
            return f"there is no folder {self.release} in {root}"
        if self.by_resnet and WEIGHTS not in os.environ:
            return "its network is pre-trained here: see fairfactor pretrain, then name --weights"
        return ""

    @property
    def request(self) -> DataRequest:
        """What is asked of the release, wherever the environment says that it is."""
        pretrained = Pretrained(Path(os.environ[WEIGHTS])) if self.by_resnet else None
        return DataRequest(
            self.release,
            (self.sensitive,),
            target=self.target,
            threshold=self.threshold,
            root=str(Path(os.environ[ROOT]) / self.release),
            model="resnet18" if pretrained else None,
            weights=str(pretrained.weights) if pretrained else None,
            feature_cache=Path(os.environ.get(FEATURES, "runs/features")),
        )

    def problem(self, seed: int) -> Problem:
        """Split and standardise the features.

        Args:
            seed: Seed of the split.

        Returns:
            The rows; those of ``pretraining`` are those of ``train``.

        Raises:
            DataError: If it cannot be used here.
        """
        missing = self.missing()
        if missing:
            raise DataError(f"{self.label}: {missing}")
        task = _task(self.request)
        groups = task_groups(task, 0)
        if self.release == "lfwa":
            parts = table_1_split("lfw+a", len(task.frame), seed=seed, together=task.together)
        else:
            parts = benchmark_split(task.labels, seed=seed, together=task.together)
        encoder = TableEncoder.fit(task.inputs.iloc[parts["train"]], "one_hot")
        inputs = torch.from_numpy(encoder.transform(task.inputs))
        labels, codes = torch.from_numpy(task.labels), torch.from_numpy(groups.codes.copy())
        rows = {name: Rows(inputs[at], labels[at], codes[at]) for name, at in parts.items()}
        return Problem(
            rows={"pretraining": rows["train"], **rows},
            group_names=groups.names,
            class_names=task.class_names,
            finetuning=PAPER.finetuning,
            pretraining=PAPER.pretraining,
        )

    def pretrained(self, architecture: str, seed: int) -> nn.Module:
        """Fit a network on the features with cross-entropy.

        Args:
            architecture: ``head`` alone, or ``mlp`` with a hidden layer of 64 units before it.
            seed: Seed of the split, the initial weights and the order of the rows.

        Returns:
            The network.
        """
        problem = self.problem(seed)
        hidden = {"head": (), "mlp": (64,)}[architecture]
        inputs = problem.rows["train"].inputs.shape[1]
        model = build_mlp((inputs, *hidden, len(problem.class_names)), seed=seed)
        return pretrain(model, problem.rows["pretraining"], problem.pretraining, seed).eval()


IMAGE_DATA_SETS = {
    "lfwa-gender-makeup": ImageDataSet(
        "LFW+a, gender by heavy makeup", "lfwa", "Male", "Heavy_Makeup"
    ),
    "lfwa-smiling-gender": ImageDataSet("LFW+a, smiling by gender", "lfwa", "Smiling", "Male"),
    "lfwa-smiling-gender-resnet": ImageDataSet(
        "LFW+a, smiling by gender, ResNet-18", "lfwa", "Smiling", "Male", by_resnet=True
    ),
    "lfwa-attractive-gender": ImageDataSet(
        "LFW+a, attractive by gender", "lfwa", "Attractive", "Male"
    ),
    "lfwa-wavy-hair-gender": ImageDataSet(
        "LFW+a, wavy hair by gender", "lfwa", "Wavy_Hair", "Male"
    ),
    "utkface-gender-race": ImageDataSet(
        "UTKFace, gender by race (5 groups)", "utkface", "gender", "race"
    ),
    "utkface-age-race": ImageDataSet(
        "UTKFace, age over 34 by race (5 groups)", "utkface", "age", "race", threshold=34
    ),
}
"""Every pair of a label and a sensitive feature by name."""


def image_features(
    data: ImageDataSet,
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """The features of every image, and the unit of each that no split parts.

    Args:
        data: One that can be used here.

    Returns:
        Shape (images, features), and codes (images,) if the release tells who is shown.
    """
    task = _task(data.request)
    return task.inputs.to_numpy(dtype=np.float32, copy=True), task.together


@lru_cache(maxsize=2)
def _task(request: DataRequest) -> TableTask:
    """Load the features once for all seeds of this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)
        return load_task(request)
