from __future__ import annotations

import shlex

from fairfactor.report.rerun import as_option, rerun_command


def test_the_command_gives_every_option_and_survives_a_shell() -> None:
    config = {"data": "adult; rm x", "learning_rates": [0.1, 0.01], "alpha": None, "seeds": 10}
    command = rerun_command(config)
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:4] == ["fairfactor", "run", "--data", "adult; rm x"]
    assert words[4:] == ["--learning-rates", "0.1,0.01", "--seeds", "10"]


def test_flags_have_no_value_and_are_left_out_if_not_set() -> None:
    command = rerun_command({"groups_at_prediction": True, "seed": 1, "quick": False}, "tune")
    words = shlex.split(command.replace("\\\n", ""))
    assert words == ["fairfactor", "tune", "--groups-at-prediction", "--seed", "1"]


def test_values_as_options() -> None:
    assert as_option(True) == "yes"
    assert as_option(None) == "—"
    assert as_option(["a", 2]) == "a,2"


def test_the_command_is_that_of_the_run() -> None:
    assert rerun_command({"seed": 0}, "tune") == "fairfactor tune \\\n  --seed 0"
