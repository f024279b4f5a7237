"""The backbone itself: what every mitigation is measured against."""

from __future__ import annotations

from fairfactor.peers.networks import network_result
from fairfactor.peers.peer import Peer, PeerResult, Setting
from fairfactor.problem import Problem


def fit_unmitigated(problem: Problem, _setting: Setting) -> PeerResult:
    """Predict with the pre-trained network as it is."""
    return network_result(problem, problem.backbone, trained=0)


UNMITIGATED = Peer("unmitigated", "Unmitigated network", "none", fit_unmitigated)
