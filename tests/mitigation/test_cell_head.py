import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tests.mitigation.small_problem import small_rows

from fairfactor.errors import DataError
from fairfactor.mitigation.cell_head import CellHead


@pytest.mark.parametrize(("n_classes", "n_groups"), [(2, 2), (3, 3)])
def test_is_the_logistic_regression_of_scikit_learn(n_classes, n_groups):
    rows = small_rows(500, n_classes=n_classes, n_groups=n_groups, seed=0)
    features = rows.inputs.double()
    head = CellHead.fit(
        features, rows.labels, rows.groups,
        n_classes=n_classes, n_groups=n_groups, penalty=0.01, iterations=500,
    )  # fmt: skip
    included = rows.groups >= 0
    X = features[included]
    X = ((X - X.mean(dim=0)) / X.std(dim=0, correction=0)).numpy()
    cells = (rows.labels * n_groups + rows.groups)[included].numpy()
    reference = LogisticRegression(C=1 / (0.01 * len(X)), tol=1e-10, max_iter=5000).fit(X, cells)
    found = head(features[included]).exp().flatten(1)
    expected = torch.from_numpy(reference.predict_proba(X))
    torch.testing.assert_close(found.detach(), expected, atol=2e-4, rtol=0)


def test_probabilities_add_up_and_have_the_right_mean():
    rows = small_rows(500, n_classes=2, n_groups=3, seed=0)
    head = CellHead.fit(rows.inputs, rows.labels, rows.groups, n_classes=2, n_groups=3)
    included = rows.groups >= 0
    cells = head(rows.inputs[included]).exp()
    torch.testing.assert_close(cells.sum(dim=(1, 2)), torch.ones(len(cells)))
    counts = torch.zeros(2, 3)
    counts.index_put_(
        (rows.labels[included], rows.groups[included]), torch.ones(len(cells)), accumulate=True
    )
    torch.testing.assert_close(cells.mean(dim=0), counts / counts.sum(), atol=1e-3, rtol=0)


def test_constant_features_and_missing_groups_are_harmless():
    rows = small_rows(300, n_classes=2, n_groups=2, seed=0)
    features = torch.cat([rows.inputs, torch.full((300, 1), 7.0), torch.zeros(300, 1)], dim=1)
    head = CellHead.fit(features, rows.labels, rows.groups, n_classes=2, n_groups=3)
    shifted = features.clone()
    shifted[:, -2:] += 100
    assert head(features).isfinite().all()
    torch.testing.assert_close(head(shifted), head(features))
    assert head(features).exp()[:, :, 2].max() < 0.05


def test_no_row_with_a_group_is_refused():
    rows = small_rows(20, n_classes=2, n_groups=2, seed=0)
    with pytest.raises(DataError, match="no row has a group"):
        CellHead.fit(rows.inputs, rows.labels, torch.full((20,), -1), n_classes=2, n_groups=2)
