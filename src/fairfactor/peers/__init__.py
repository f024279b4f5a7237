"""Peers: published methods of bias mitigation, each run in its own way on the same problem.

A package that a peer needs is imported when the peer is fitted; ``requirements/peers.txt`` has all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fairfactor.peers.aif360 import REWEIGHING
from fairfactor.peers.balanced_last_layer import BALANCED_LAST_LAYER
from fairfactor.peers.boosted_trees import BOOSTED_TREES
from fairfactor.peers.erasure import ERASURE
from fairfactor.peers.fairgrad import FAIRGRAD_DP, FAIRGRAD_EO
from fairfactor.peers.fairlearn_adversarial import ADVERSARIAL_DP, ADVERSARIAL_EO
from fairfactor.peers.fairlearn_reductions import (
    EXPONENTIATED_GRADIENT_DP,
    EXPONENTIATED_GRADIENT_EO,
)
from fairfactor.peers.fairlearn_threshold import THRESHOLD_DP, THRESHOLD_EO
from fairfactor.peers.fairlrf import FAIRLRF
from fairfactor.peers.fairret import FAIRRET_DP, FAIRRET_EO
from fairfactor.peers.gap_penalty import GAP_PENALTY_DP, GAP_PENALTY_EO
from fairfactor.peers.last_layer import LAST_LAYER_DP, LAST_LAYER_EO
from fairfactor.peers.oxonfair import OXONFAIR_DP, OXONFAIR_EO
from fairfactor.peers.peer import Peer, PeerResult
from fairfactor.peers.unmitigated import UNMITIGATED

__all__ = ["PEERS", "Peer", "PeerResult"]

PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        peer.key: peer
        for peer in (
            UNMITIGATED,
            FAIRGRAD_DP,
            FAIRGRAD_EO,
            FAIRRET_DP,
            FAIRRET_EO,
            GAP_PENALTY_DP,
            GAP_PENALTY_EO,
            LAST_LAYER_DP,
            LAST_LAYER_EO,
            BALANCED_LAST_LAYER,
            ERASURE,
            FAIRLRF,
            REWEIGHING,
            ADVERSARIAL_DP,
            ADVERSARIAL_EO,
            EXPONENTIATED_GRADIENT_DP,
            EXPONENTIATED_GRADIENT_EO,
            OXONFAIR_DP,
            OXONFAIR_EO,
            THRESHOLD_DP,
            THRESHOLD_EO,
            BOOSTED_TREES,
        )
    }
)
"""Every peer by its key."""
