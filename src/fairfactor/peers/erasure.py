"""LEACE (Belrose et al. 2023, arXiv:2306.03819): linear erasure of the group from the features.

x' = x − Σ^½ P Σ^-½ (x − μ), with Σ the covariance of the features x, μ their mean, and P the
orthogonal projection onto the columns of Σ^-½ Cov(x, s) for the group s in one-hot form. Of all
maps that leave a linear classifier nothing to find of the group, it moves the features least.
"""

from __future__ import annotations

from torch import Tensor

from fairfactor.features import layer_inputs
from fairfactor.mitigation.eraser import Eraser, group_directions
from fairfactor.peers.peer import Peer, PeerResult, Setting
from fairfactor.problem import Problem


def fit_erasure(problem: Problem, _setting: Setting) -> PeerResult:
    """Erase the group from the inputs of the last layer and fit a fresh one.

    Args:
        problem: The problem.

    Returns:
        Its predictions.
    """
    from sklearn.linear_model import LogisticRegression

    def features(inputs: Tensor) -> Tensor:
        return layer_inputs(problem.backbone, "head", inputs).double()

    train = problem.train.grouped
    seen = features(train.inputs)
    eraser = Eraser.fit(seen, group_directions(seen, train.groups))
    head = LogisticRegression(solver="newton-cholesky", max_iter=200)
    head.fit(eraser(seen), train.labels)
    validation, test = (
        head.predict(eraser(features(part.inputs))) for part in (problem.validation, problem.test)
    )
    return PeerResult(validation, test, trained_parameters=head.coef_.size + head.intercept_.size)


ERASURE = Peer(
    "leace",
    "LEACE on the last features, fresh last layer",
    "demographic_parity",
    fit_erasure,
)
