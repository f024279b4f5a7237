import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from fairfactor.mitigation.eraser import Eraser, group_directions


def leaky_features(groups: int = 2, rows: int = 500) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(groups, (rows,), generator=generator)
    features = torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    features[:, 0] += codes
    features[:, 1] -= 0.5 * codes**2
    features[:, 5] = 0  # a dead unit
    return features @ torch.randn(6, 6, generator=generator, dtype=torch.float64), codes


@pytest.mark.parametrize("groups", [2, 3])
def test_group_means_are_equal_after_erasure(groups):
    features, codes = leaky_features(groups)
    erased = Eraser.fit(features, group_directions(features, codes))(features)
    means = torch.stack([erased[codes == s].mean(0) for s in range(groups)])
    torch.testing.assert_close(means, means[:1].expand_as(means), atol=1e-9, rtol=0)
    assert float((features - erased).abs().max()) > 0.1


def test_no_linear_classifier_finds_the_group_after_erasure():
    features, codes = leaky_features()
    erased = Eraser.fit(features, group_directions(features, codes))(features)
    guesses = [
        LogisticRegression(tol=1e-9, max_iter=1000).fit(inputs, codes).predict_proba(inputs)[:, 1]
        for inputs in (features, erased)
    ]
    assert np.ptp(guesses[0]) > 0.5
    np.testing.assert_allclose(guesses[1], float(codes.double().mean()), atol=1e-4)


def test_erasing_twice_is_erasing_once_and_the_mean_stays():
    features, codes = leaky_features(3)
    eraser = Eraser.fit(features, group_directions(features, codes))
    once = eraser(features)
    torch.testing.assert_close(eraser(once), once)
    torch.testing.assert_close(once.mean(0), features.mean(0))


def test_it_moves_the_features_less_than_the_orthogonal_projection():
    features, codes = leaky_features()
    shift = features[codes == 1].mean(0) - features[codes == 0].mean(0)
    direction = shift / shift.norm()
    centred = features - features.mean(0)
    projected = torch.outer(centred @ direction, direction)
    moved = features - Eraser.fit(features, group_directions(features, codes))(features)
    covariance = torch.cov(features.T)
    whitener = torch.linalg.pinv(covariance, rtol=1e-9)
    for metric in (torch.eye(6, dtype=torch.float64), whitener):
        assert ((moved @ metric) * moved).sum() <= ((projected @ metric) * projected).sum() + 1e-9


@pytest.mark.parametrize("groups", [2, 3])
def test_within_classes_the_groups_have_the_same_mean_on_average(groups):
    features, codes = leaky_features(groups)
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, codes.shape, generator=generator)
    features[:, 2] += labels * codes
    erased = Eraser.fit(features, group_directions(features, codes, labels))(features)
    for group in range(groups):
        by_hand = sum(
            (erased[(labels == c) & (codes == group)] - erased[labels == c].mean(0)).sum(0)
            for c in range(4)
        )
        torch.testing.assert_close(by_hand, torch.zeros(6).double(), atol=1e-7, rtol=0)
