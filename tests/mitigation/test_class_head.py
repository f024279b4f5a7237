import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from tests.mitigation.small_problem import small_rows
from torch.nn import functional

from fairfactor.mitigation.class_head import head_path
from fairfactor.mitigation.group_weights import part_losses, soft_worst


def test_plain_loss_is_logistic_regression():
    rows = small_rows(400, n_classes=3, n_groups=2, seed=0)
    features = rows.inputs.double() * 5 + 2
    [head] = head_path(
        features, 3, [lambda logits: functional.cross_entropy(logits, rows.labels)], iterations=500
    )
    z = ((features - features.mean(0)) / features.std(0, correction=0)).numpy()
    model = LogisticRegression(C=1 / (1e-3 * len(z)), tol=1e-10, max_iter=5000)
    expected = model.fit(z, rows.labels.numpy()).predict_proba(z)
    with torch.no_grad():
        found = head(features).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_group_balanced_loss_is_weighted_logistic_regression():
    rows = small_rows(400, n_classes=2, n_groups=3, seed=0)
    features, codes = rows.inputs.double(), rows.groups

    def loss(logits):
        losses = functional.cross_entropy(logits, rows.labels, reduction="none")
        return soft_worst(*part_losses(losses, codes, 3), 0.0)

    [head] = head_path(features, 2, [loss], iterations=500)
    kept = (codes >= 0).numpy()
    z = ((features - features.mean(0)) / features.std(0, correction=0)).numpy()[kept]
    sizes = np.bincount(codes[codes >= 0].numpy())
    weights = 1 / (3 * sizes[codes[codes >= 0].numpy()])
    # Our penalty on both rows of a two-class softmax is that of half the logit's squared weight.
    model = LogisticRegression(C=1 / (1e-3 / 2), tol=1e-10, max_iter=5000)
    model.fit(z, rows.labels.numpy()[kept], sample_weight=weights)
    with torch.no_grad():
        found = head(features).softmax(dim=1).numpy()[kept]
    np.testing.assert_allclose(found, model.predict_proba(z), atol=1e-4)


def test_sharper_losses_help_the_worst_part():
    rows = small_rows(600, n_classes=2, n_groups=3, seed=0)
    codes = torch.where(rows.groups < 0, -1, rows.labels * 3 + rows.groups)

    def worst(head):
        losses = functional.cross_entropy(head(rows.inputs), rows.labels, reduction="none")
        return float(part_losses(losses, codes, 6)[0].max().detach())

    def loss(sharpness):
        def of(logits):
            losses = functional.cross_entropy(logits, rows.labels, reduction="none")
            return soft_worst(*part_losses(losses, codes, 6), sharpness)

        return of

    alike, sharp = (worst(head) for head in head_path(rows.inputs, 2, map(loss, (0.0, 30.0))))
    assert sharp < alike - 0.02
