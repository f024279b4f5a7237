import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.data.splits import (
    TABLE_1,
    benchmark_split,
    paper_split,
    split_rows,
    table_1_split,
)
from fairfactor.errors import ArgumentError, DataError


def assert_partition(parts, rows):
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(rows))
    for positions in parts.values():
        assert positions.dtype == np.int64
        assert (np.diff(positions) > 0).all()


@st.composite
def problems(draw):
    weights = np.array(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))
    shares = weights / weights.sum()
    labels = draw(st.lists(st.integers(0, 4), min_size=60, max_size=300))
    return {f"part {place}": share for place, share in enumerate(shares)}, np.array(labels)


@given(problem=problems(), seed=st.integers(0, 2**32), stratified=st.booleans())
@settings(deadline=None, max_examples=60)
def test_parts_are_disjoint_complete_of_the_right_size_and_repeatable(problem, seed, stratified):
    proportions, labels = problem
    rows, stratify = len(labels), labels if stratified else None
    parts = split_rows(rows, proportions, seed=seed, stratify=stratify)
    again = split_rows(rows, proportions, seed=seed, stratify=stratify)
    assert list(parts) == list(proportions)
    assert_partition(parts, rows)
    for name, share in proportions.items():
        assert abs(len(parts[name]) - share * rows) < 1
        np.testing.assert_array_equal(parts[name], again[name])


@given(problem=problems(), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_every_stratum_is_shared_out_in_proportion(problem, seed):
    proportions, labels = problem
    parts = split_rows(len(labels), proportions, seed=seed, stratify=labels)
    for label in np.unique(labels):
        for name, share in proportions.items():
            found = (labels[parts[name]] == label).sum()
            # Each end of a stratum is off by at most 1/2 + share * parts / 2 turns; sizes by 1.
            assert abs(found - share * (labels == label).sum()) < 2 + share * len(proportions)


def test_another_seed_gives_other_parts():
    proportions = {"a": 0.5, "b": 0.5}
    first, second = (split_rows(1000, proportions, seed=seed)["a"] for seed in (0, 1))
    assert 200 < len(np.intersect1d(first, second)) < 300


def test_each_row_is_as_likely_as_any_other():
    labels = np.repeat([0, 1], [30, 10])
    counts = np.zeros(40)
    for seed in range(500):
        counts[split_rows(40, {"a": 0.25, "b": 0.75}, seed=seed, stratify=labels)["a"]] += 1
    assert np.abs(counts / 500 - 0.25).max() < 0.08  # four standard errors


@pytest.mark.parametrize(
    "proportions", [{}, {"a": 0.5}, {"a": 0.7, "b": 0.4}, {"a": 1.0, "b": 0.0}, {"a": float("nan")}]
)
def test_shares_that_do_not_make_a_whole_are_refused(proportions):
    with pytest.raises(ArgumentError, match="positive numbers with sum 1"):
        split_rows(10, proportions, seed=0)


def test_too_few_rows_and_too_few_labels_are_refused():
    with pytest.raises(DataError, match=r"2 rows are too few.*'c'"):
        split_rows(2, {"a": 0.4, "b": 0.4, "c": 0.2}, seed=0)
    with pytest.raises(ArgumentError, match=r"labels of shape \(10,\)"):
        split_rows(10, {"a": 0.5, "b": 0.5}, seed=0, stratify=[0, 1])


def test_the_papers_protocol_has_60_percent_and_the_proportions_of_table_1():
    parts = paper_split(45_222, seed=3)
    assert_partition(parts, 45_222)
    sizes = {name: len(rows) for name, rows in parts.items()}
    assert sizes == {"pretraining": 27_133, "train": 8_052, "validation": 3_277, "test": 6_760}


def test_the_benchmark_protocol_is_stratified_on_the_label():
    labels = np.repeat([0, 1], [34_014, 11_208])
    parts = benchmark_split(labels, seed=3)
    assert_partition(parts, 45_222)
    assert [len(rows) for rows in parts.values()] == [18_089, 13_567, 13_566]
    for rows in parts.values():
        assert labels[rows].mean() == pytest.approx(labels.mean(), abs=1e-4)


class TestPublishedParts:
    marks = np.array(["train", "test", "val", "training", "Train"] * 80, dtype=object)
    labels = np.arange(400) % 3

    def test_rows_to_validate_and_to_test_on_are_kept(self):
        parts, other = (
            benchmark_split(self.labels, seed=seed, published=self.marks) for seed in (0, 1)
        )
        for found in (parts, other):
            assert_partition(found, 400)
            np.testing.assert_array_equal(found["test"], np.arange(1, 400, 5))
            np.testing.assert_array_equal(found["validation"], np.arange(2, 400, 5))

    def test_rows_to_train_on_are_dealt_to_the_parts_that_have_none(self):
        marks = np.where(np.isin(self.marks, ["test"]), "test", "train")
        parts, other = (benchmark_split(self.labels, seed=s, published=marks) for s in (0, 1))
        assert_partition(parts, 400)
        # 320 rows in the shares 40 : 30
        assert {name: len(rows) for name, rows in parts.items()} == {
            "train": 183,
            "validation": 137,
            "test": 80,
        }
        np.testing.assert_array_equal(np.bincount(self.labels[parts["train"]]), [61, 61, 61])
        assert not np.array_equal(parts["train"], other["train"])

    def test_the_papers_protocol_pre_trains_on_some_of_them(self):
        parts = paper_split(400, seed=0, published=self.marks)
        assert list(parts) == ["pretraining", "train", "validation", "test"]
        assert_partition(parts, 400)
        # 240 rows in the shares 60 : 40 · 12,287 / 27,602
        assert {name: len(rows) for name, rows in parts.items()} == {
            "pretraining": 185,
            "train": 55,
            "validation": 80,
            "test": 80,
        }

    def test_without_rows_to_test_on_those_to_validate_on_are_tested_on(self):
        marks = np.array(["train", "validation"] * 50)
        parts = benchmark_split(np.arange(100) % 2, seed=0, published=marks)
        np.testing.assert_array_equal(parts["test"], np.arange(1, 100, 2))
        assert len(parts["validation"]) == 21

    def test_no_unit_is_in_two_of_the_parts_that_are_dealt(self):
        marks = np.array(["train", "train", "test"] * 100)
        people = np.arange(300) // 10
        parts = benchmark_split(np.arange(300) % 2, seed=0, together=people, published=marks)
        assert not set(people[parts["train"]]) & set(people[parts["validation"]])

    @pytest.mark.parametrize(
        ("marks", "error", "text"),
        [
            (["train", "test", "held out"], DataError, "part 'held out' is unknown"),
            (["train", "test", None], DataError, "part 'None' is unknown"),
            (["train"] * 3, DataError, "no row is published to test on"),
            (["train", "test"], ArgumentError, r"shape \(3,\)"),
            (["test"] * 3, DataError, "0 rows are too few"),
        ],
    )
    def test_unusable_parts_are_refused(self, marks, error, text):
        with pytest.raises(error, match=text):
            benchmark_split([0, 1, 0], seed=0, published=marks)


class TestUnits:
    people = np.repeat(np.arange(300), np.random.default_rng(0).integers(1, 6, 300))
    labels = (people * 7919 % 10 < 3).astype(int)
    rows = len(people)

    @pytest.mark.parametrize("split", [paper_split, benchmark_split])
    def test_no_unit_is_in_two_parts(self, split):
        first = self.rows if split is paper_split else self.labels
        parts = split(first, seed=0, together=self.people)
        assert_partition(parts, self.rows)
        units = [set(self.people[rows]) for rows in parts.values()]
        assert sum(map(len, units)) == 300

    def test_units_are_dealt_in_the_shares_and_stratified(self):
        parts = benchmark_split(self.labels, seed=1, together=self.people)
        assert [len(set(self.people[rows])) for rows in parts.values()] == [120, 90, 90]
        for rows in parts.values():
            assert self.labels[rows].mean() == pytest.approx(self.labels.mean(), abs=0.05)

    def test_rows_of_their_own_are_as_without_units(self):
        together = np.arange(500)[::-1]
        sizes = [len(rows) for rows in paper_split(500, seed=0, together=together).values()]
        assert sizes == [len(rows) for rows in paper_split(500, seed=0).values()]

    def test_units_of_another_number_of_rows_are_refused(self):
        with pytest.raises(ArgumentError, match=r"together.*units of shape \(500,\)"):
            paper_split(500, seed=0, together=self.people)


@pytest.mark.parametrize(("data", "rows"), [("lfw+a", 13_143), ("celeba", 202_599)])
def test_the_sizes_of_table_1_are_exact_on_the_whole_release(data, rows):
    parts = table_1_split(data, rows, seed=0)
    assert_partition(parts, rows)
    assert {name: len(part) for name, part in parts.items()} == TABLE_1[data]


def test_other_numbers_of_rows_have_its_proportions():
    assert [len(part) for part in table_1_split("lfw+a", 1000, seed=0).values()] == [524, 76, 400]
    with pytest.raises(ArgumentError, match="one of adult, lfw"):
        table_1_split("utkface", 100, seed=0)
