from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairfactor.data.texts.near_duplicates import duplicate_clusters, shingles, units_of_texts
from fairfactor.errors import ArgumentError, FairfactorWarning

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)


def clusters_by_hand(texts: list[str], similarity: float) -> list[int]:
    """All pairs, and joining until nothing changes."""
    sets = [shingles(text) for text in texts]
    numbers = list(range(len(texts)))
    changed = True
    while changed:
        changed = False
        for i, one in enumerate(sets):
            for j, other in enumerate(sets):
                alike = len(one & other) >= similarity * len(one | other)
                if alike and numbers[i] != numbers[j]:
                    numbers[i] = numbers[j] = min(numbers[i], numbers[j])
                    changed = True
    order = list(dict.fromkeys(numbers))
    return [order.index(number) for number in numbers]


@given(st.lists(WORDS, max_size=12), st.sampled_from([0.3, 0.6, 1.0]))
def test_against_all_pairs(texts: list[str], similarity: float) -> None:
    found = duplicate_clusters(texts, similarity=similarity)
    assert found.tolist() == clusters_by_hand(texts, similarity)


def test_case_punctuation_and_numbers_make_no_difference() -> None:
    texts = [
        "In 1984 , she led the team .",
        "in 1985, she led the team!",
        "She led nothing at all.",
    ]
    assert duplicate_clusters(texts).tolist() == [0, 0, 1]


def test_one_word_in_a_long_text_makes_little_difference() -> None:
    words = [f"w{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    other = [*words[:13], "new", *words[14:]]
    assert duplicate_clusters([" ".join(words), " ".join(other)]).tolist() == [0, 0]
    assert duplicate_clusters([" ".join(words), " ".join(words[::-1])]).tolist() == [0, 1]


def test_many_blocks() -> None:
    texts = [f"the same words again x{number % 2500} y z" for number in range(5000)]
    found = duplicate_clusters(texts, similarity=1.0)
    np.testing.assert_array_equal(found, np.arange(5000) * 0)  # every number counts as the same
    texts = [f"{'ab' * (number % 2500)} b c d e" for number in range(5000)]
    np.testing.assert_array_equal(duplicate_clusters(texts, similarity=1.0), np.arange(5000) % 2500)


@pytest.mark.parametrize("similarity", [0.0, 1.1, -1.0])
def test_refusals(similarity: float) -> None:
    with pytest.raises(ArgumentError, match="a number above 0"):
        duplicate_clusters(["a"], similarity=similarity)


def test_texts_from_a_template_do_not_all_become_one_unit() -> None:
    template = "the quick brown fox jumps over the lazy dog and then takes a nap in the {} sun"
    texts = [template.format(f"x{chr(97 + number)}") for number in range(26)] * 2
    with pytest.warns(FairfactorWarning, match="as if made from a template"):
        units = units_of_texts(texts)
    np.testing.assert_array_equal(units, np.tile(np.arange(26), 2))


def test_near_duplicates_are_one_unit() -> None:
    texts = [f"this is text {'abcdefghij'[n % 10] * 3} of {'pqrst'[n % 5] * 4}" for n in range(40)]
    units = units_of_texts([*texts, "something else " * 5, "Something else, " * 5])
    assert units[-1] == units[-2] != units[0]
