"""Box 1: what the data of each group say about the weights of a layer."""

from fairfactor.importance.fisher import GroupFisher, group_fisher
from fairfactor.importance.layers import select_layers
from fairfactor.importance.moments import InputMoments, input_moments

__all__ = ["GroupFisher", "InputMoments", "group_fisher", "input_moments", "select_layers"]
