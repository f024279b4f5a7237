"""Data sets of the studies: who supplies rows and a pre-trained network, and who cannot.

A further data set, such as one of images, is an entry in `DATA_SETS`; the studies of the paper's
tables then run on it. One that cannot be used is a visible gap in their results.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import nn

from fairfactor.data.adult import adult_task, load_adult
from fairfactor.data.census_income import census_income_task
from fairfactor.data.encoding import Encoding
from fairfactor.data.german import german_task
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.finetuning import FinetuneConfig
from fairfactor.pipeline import Prepared, prepare
from fairfactor.reproduction.backbones import build_backbone
from fairfactor.reproduction.image_data import IMAGE_DATA_SETS
from fairfactor.reproduction.problem import PAPER, DataSet, Problem
from fairfactor.studies.seed_run import encoded_rows, pretrain
from fairfactor.studies.task_groups import task_groups


@dataclass(frozen=True)
class TableDataSet:
    """A table, split 60 : 40 as the paper does.

    Attributes:
        label: The name that a reader sees.
        load: Where the table comes from.
        encoding: How categories become inputs.
        batch_size: Rows in each step.
    """

    label: str
    load: Callable[[], TableTask]
    encoding: Encoding = "label"
    batch_size: int = PAPER.batch_size

    def missing(self) -> str:
        """Why the table cannot be loaded; empty if it can."""
        try:
            _table(self.load)
        except DataError as error:
            return str(error)
        return ""

    def problem(self, seed: int) -> Problem:
        """Split and encode the table.

        Args:
            seed: Seed of the split.

        Returns:
            The rows.
        """
        task = _table(self.load)
        groups = task_groups(task, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FairfactorWarning)  # rare categories are left out
            rows, _ = encoded_rows(task, groups, self.encoding, seed)
        return Problem(
            rows=rows,
            group_names=groups.names,
            class_names=task.class_names,
            finetuning=FinetuneConfig(PAPER.learning_rates, PAPER.epochs, self.batch_size),
            pretraining=FinetuneConfig(
                (PAPER.pretraining_rate,), PAPER.pretraining_epochs, self.batch_size
            ),
        )

    def pretrained(self, architecture: str, seed: int) -> nn.Module:
        """Train a network with cross-entropy on the pre-training rows.

        Args:
            architecture: As `build_backbone` has it.
            seed: Seed of the split, the initial weights and the order of the rows.

        Returns:
            The network.
        """
        problem = self.problem(seed)
        inputs = problem.rows["pretraining"].inputs.shape[1]
        model = build_backbone(architecture, inputs, len(problem.class_names), seed=seed)
        return pretrain(model, problem.rows["pretraining"], problem.pretraining, seed).eval()


@dataclass(frozen=True)
class AbsentDataSet:
    """A data set of the paper that nothing here supplies.

    Attributes:
        label: The name that a reader sees.
        reason: Why, and what would change that.
    """

    label: str
    reason: str

    def missing(self) -> str:
        """Return the reason."""
        return self.reason

    def problem(self, seed: int) -> Problem:
        """Refuse.

        Args:
            seed: Any.

        Raises:
            DataError: Always.
        """
        raise DataError(f"{self.label} has no rows for seed {seed}: {self.reason}")

    def pretrained(self, architecture: str, seed: int) -> nn.Module:
        """Refuse.

        Args:
            architecture: Any.
            seed: Any.

        Raises:
            DataError: Always.
        """
        raise DataError(f"{self.label} has no {architecture} for seed {seed}: {self.reason}")


def adult() -> TableTask:
    """The paper's task: Adult's 13 columns without sex, the survey weight among them."""
    return adult_task(survey_weight_as_input=True)


def adult_intersections() -> TableTask:
    """The same for the intersections of sex and race, of which some are small."""
    return adult_task(("sex", "race"), survey_weight_as_input=True)


def adult_schooling() -> TableTask:
    """Four levels of education from Adult's other columns: more classes than two."""
    frame = load_adult()
    years = frame["education-num"]
    names = np.array(["1 no diploma", "2 high school", "3 some college", "4 degree"])
    frame["schooling"] = names[np.digitize(years, (9, 10, 13))]
    return TableTask(
        frame,
        target="schooling",
        sensitive_columns=("sex",),
        excluded_columns=("split", "fnlwgt", "education", "education-num"),
    )


def census_income() -> TableTask:
    """As many rows of Census-Income as Adult has, drawn once and for all."""
    task = census_income_task()
    sample = task.frame.sample(45_222, random_state=0).reset_index(drop=True)
    return TableTask(
        sample,
        target=task.target,
        sensitive_columns=task.sensitive_columns,
        positive_label=task.positive_label,
        excluded_columns=task.excluded_columns,
    )


def german() -> TableTask:
    """German credit by sex."""
    return german_task(("sex",))


_IMAGES = (
    "nobody ships weights of its networks here. The study images runs the same on frozen features "
    "of another network, with photographs of your own"
)
DATA_SETS: dict[str, DataSet] = {
    "adult": TableDataSet("Adult", adult),
    "adult-intersections": TableDataSet("Adult, sex × race", adult_intersections),
    "adult-schooling": TableDataSet("Adult, four levels of schooling", adult_schooling),
    "german": TableDataSet("German credit", german, "one_hot", 64),
    "census-income": TableDataSet("Census-Income", census_income),
    "lfw+a": AbsentDataSet("LFW+a", _IMAGES),
    "celeba": AbsentDataSet("CelebA", _IMAGES),
    **IMAGE_DATA_SETS,
}
"""Every data set by name."""


def data_set(name: str) -> DataSet:
    """Look a data set up.

    Args:
        name: A name in `DATA_SETS`.

    Returns:
        The data set.

    Raises:
        ArgumentError: If there is none of that name.
    """
    if name not in DATA_SETS:
        raise ArgumentError("data", name, f"one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def usable(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those data sets that can be used here.

    Args:
        names: Names in `DATA_SETS`.

    Returns:
        The usable ones, in the same order.
    """
    return tuple(name for name in names if not data_set(name).missing())


@lru_cache(maxsize=4)
def problem(data: str, seed: int) -> Problem:
    """The rows of a data set for one seed; repeated calls cost nothing.

    Args:
        data: Name of the data set.
        seed: The seed.

    Returns:
        The rows.
    """
    return data_set(data).problem(seed)


@lru_cache(maxsize=4)
def prepared(data: str, architecture: str, seed: int) -> Prepared:
    """A pre-trained network with box 1 and the cached features of its last layer.

    Args:
        data: Name of the data set.
        architecture: Name of the architecture.
        seed: The seed.

    Returns:
        The network, not to be changed.
    """
    return prepare_model(data_set(data).pretrained(architecture, seed), problem(data, seed))


def prepare_model(model: nn.Module, rows: Problem) -> Prepared:
    """Box 1 and the cached features of any pre-trained network.

    Args:
        model: The network.
        rows: The problem that it is fine-tuned on.

    Returns:
        The prepared network.
    """
    return prepare(model, rows.rows["train"], rows.rows["validation"], group_names=rows.group_names)


@lru_cache(maxsize=4)
def _table(load: Callable[[], TableTask]) -> TableTask:
    """Load a table once for all seeds of this process."""
    return load()
