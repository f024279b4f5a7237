import pytest
import torch
from tests.feature_extraction.examples import LetterExtractor

from fairfactor.errors import DataError, SavedModelError
from fairfactor.feature_extraction import extract
from fairfactor.feature_extraction.kinds import describe_extractor, extractor_skeleton

TEXTS = ["abba", "zebra", "", "cab", "deed"]


def test_features_of_every_value_in_order():
    extractor = LetterExtractor()
    seen = []
    found = extract(extractor, TEXTS, batch_size=2, on_rows=lambda *at: seen.append(at))
    torch.testing.assert_close(found, extractor.features(TEXTS).detach())
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert extractor.calls[:3] == [2, 2, 1]
    assert not found.requires_grad


def test_no_values_have_no_features():
    assert extract(LetterExtractor(), []).shape == (0, 20)


def test_a_network_in_training_mode_is_used_in_evaluation_mode_and_left_in_training_mode():
    extractor = LetterExtractor()
    extractor.mix = torch.nn.Sequential(extractor.mix, torch.nn.Dropout(0.9))
    extractor.train()
    first, second = extract(extractor, TEXTS), extract(extractor, TEXTS)
    assert torch.equal(first, second)
    assert extractor.mix.training


def test_a_feature_that_is_not_finite_names_the_value():
    extractor = LetterExtractor()
    with torch.no_grad():
        extractor.mix.weight[0, 25] = torch.inf
    with pytest.raises(DataError, match=r"text 'zebra' has features that are not finite"):
        extract(extractor, TEXTS[1:2])


def test_names_of_features():
    assert LetterExtractor(width=2).feature_names == ("feature 0", "feature 1")


def test_a_skeleton_has_the_same_form_and_its_own_weights(letters_are_known):
    extractor = LetterExtractor(width=3)
    skeleton = extractor_skeleton(describe_extractor(extractor))
    assert skeleton.width == 3
    assert not torch.equal(skeleton.mix.weight, extractor.mix.weight)
    skeleton.load_state_dict(extractor.state_dict())
    assert torch.equal(extract(skeleton, TEXTS), extract(extractor, TEXTS))


def test_an_unknown_kind_is_refused():
    with pytest.raises(SavedModelError, match=r"kind='smell'.*expected one of"):
        extractor_skeleton({"kind": "smell"})
