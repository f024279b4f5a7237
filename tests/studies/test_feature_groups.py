from __future__ import annotations

import numpy as np
from tests.studies.examples import hiring_frame, hiring_task

from fairfactor.data.task import TableTask
from fairfactor.studies.feature_groups import feature_groups


def test_each_feature_alone() -> None:
    frame = hiring_frame(50)
    rows = np.array([4, 7, 30])
    found = feature_groups(TableTask(frame, "hired", ("sex", "town")), rows)
    assert list(found) == ["sex", "town"]
    for name, groups in found.items():
        assert [groups.names[code] for code in groups.codes] == frame[name].iloc[rows].tolist()


def test_one_feature_needs_none() -> None:
    assert feature_groups(hiring_task(50), np.arange(5)) == {}
