from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.studies.examples import hiring_frame, hiring_task

from fairfactor.data.task import TableTask
from fairfactor.errors import DataError
from fairfactor.studies.task_groups import task_groups


def with_frame(frame: pd.DataFrame) -> TableTask:
    return replace(hiring_task(), frame=frame)


def test_small_groups_are_merged_without_a_warning() -> None:
    sex = np.resize(["f", "m", "m", "x", "m", "m", "y", "m"], 600)
    task = with_frame(hiring_frame().assign(sex=sex))
    groups = task_groups(task, 100)
    assert groups.names == ("m", "other (small groups)")
    assert groups.counts.sum() == 600
    assert task_groups(task, 0).names == ("f", "m", "x", "y")


def test_a_single_group() -> None:
    with pytest.raises(DataError, match=r"^sensitive=sex gives the single group 'f'.*a gap needs"):
        task_groups(with_frame(hiring_frame().assign(sex="f")), 30)


def test_small_groups_that_merge_into_one() -> None:
    with pytest.raises(DataError, match=r"'other \(small groups\)'.*minimum_group_size=1000"):
        task_groups(hiring_task(), 1000)


def test_a_group_without_a_class() -> None:
    frame = hiring_frame()
    frame.loc[frame["hired"] == "no", "sex"] = "m"
    with pytest.raises(
        DataError, match=r"^group 'f' has no rows of class 'no'.*minimum_group_size"
    ):
        task_groups(with_frame(frame), 30)
