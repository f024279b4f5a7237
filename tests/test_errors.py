import pickle

import pytest

from fairfactor.errors import (
    ArgumentError,
    DataError,
    FairfactorError,
    SavedModelError,
    TrainingError,
)


def test_an_argument_error_names_argument_value_accepted_and_remedy():
    error = ArgumentError("rank", 7, "an integer from 1 to 2", "Use a smaller one.")
    assert str(error) == (
        "rank=7 is not usable: expected an integer from 1 to 2. Use a smaller one."
    )
    assert (error.argument, error.value) == ("rank", 7)
    assert str(ArgumentError("rank", 7, "1")) == "rank=7 is not usable: expected 1."


def test_a_long_value_is_cut_to_one_line():
    text = str(ArgumentError("table", "a\nb" * 1000, "a short text"))
    assert "\n" not in text
    assert len(text) < 150
    assert "…" in text


@pytest.mark.parametrize(
    "error",
    [
        ArgumentError("rank", (1, "x"), "an integer", "Use one."),
        ArgumentError("rank", None, "an integer"),
        DataError("column 'x' is missing."),
        SavedModelError("a.json was altered."),
        TrainingError("The loss is not finite."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_leave_a_worker_process_whole(error):
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ArgumentError("a", 1, "2"), ValueError),
        (DataError("x"), ValueError),
        (TrainingError("x"), RuntimeError),
    ],
)
def test_errors_are_also_builtin_ones(error, builtin):
    assert isinstance(error, builtin)
    assert isinstance(error, FairfactorError)
