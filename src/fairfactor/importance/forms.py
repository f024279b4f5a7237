"""Two forms of the products of a sample's weight gradient, and which of them costs less.

Sample i meets a layer at positions t with inputs x_it and output gradients g_it; its weight
gradient is G_i = Σ_t g_it x_itᵀ.

- Direct form: G_iᵀ G_i from G_i itself.
- Gram form: G_iᵀ G_i = X_iᵀ K_i X_i, with K_i = (g_itᵀ g_iu) the T × T Gram matrix of the output
  gradients. K_i is symmetric, so only the part on and above its diagonal blocks is computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import Tensor, nn

from fairfactor.importance.calls import LayerUse
from fairfactor.importance.positions import input_positions, output_positions

_SMALLEST_BLOCK = 64  # below it, the matrix products lose more than half of K saves
_MOST_BLOCKS = 4
_COST_OF_AN_ELEMENT = 32  # multiplications in the time to write, square and sum one; measured


def prefers_direct_form(
    positions: int, number_of_inputs: int, number_of_outputs: int, statistics: Collection[str]
) -> bool:
    """Tell whether building G_i costs less time than the Gram form, or is needed.

    Args:
        positions: Number T of positions of a sample.
        number_of_inputs: Input features of the layer.
        number_of_outputs: Output features of the layer.
        statistics: Names of the sums to be taken.

    Returns:
        Whether to build G_i.
    """
    if "diagonal" in statistics:
        return True
    blocks = _number_of_blocks(positions)
    matrix = number_of_inputs**2 if "input_matrix" in statistics else 0
    direct = number_of_outputs * (number_of_inputs * (positions + _COST_OF_AN_ELEMENT) + matrix)
    products = positions**2 * (number_of_inputs + number_of_outputs) * (blocks + 1) // (2 * blocks)
    gram = products + positions * (_COST_OF_AN_ELEMENT * number_of_inputs + matrix)
    return direct < gram


def gram_products(inputs: Tensor, gradients: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Compute the Gram form by blocks of positions.

    Args:
        inputs: X of shape (samples, positions, in).
        gradients: Output gradients of shape (samples, positions, out).

    Yields:
        Pairs of tensors of shape (samples, block, in): the inputs X_b of a block, and Y_b, its row
        of blocks of K X with the blocks right of the diagonal doubled. S_i = Σ_b X_bᵀ Y_b has the
        diagonal of G_iᵀ G_i, and (S_i + S_iᵀ) / 2 = G_iᵀ G_i.
    """
    positions = inputs.shape[1]
    size = -(-positions // _number_of_blocks(positions))
    for start in range(0, positions, size):
        block = slice(start, start + size)
        gram = gradients[:, block] @ gradients[:, start:].transpose(1, 2)
        gram[:, :, size:].mul_(2)
        yield inputs[:, block], _product(gram, inputs[:, start:])


def without_idle_positions(use: LayerUse) -> LayerUse:
    """Leave out positions without gradient, such as padding, and tokens that nobody reads.

    Args:
        use: Use of a weight.

    Returns:
        For a linear layer, the use with inputs and gradients of shape (samples, positions,
        features), without positions at which no sample has a gradient if they are many. For a
        convolution, the use itself.
    """
    if isinstance(use.layer, nn.Conv2d):
        return use
    inputs = input_positions(use.layer, use.inputs)
    gradients = output_positions(use.layer, use.gradients)
    enough = 3 * inputs.shape[1] // 4
    # One feature is quick to look at, and tells if a second look is worth while.
    if enough and int((gradients[:, :, 0] != 0).any(dim=0).sum()) <= enough:
        active = (gradients != 0).any(dim=2).any(dim=0).nonzero()[:, 0]
        if len(active) <= enough:
            inputs, gradients = inputs[:, active], gradients[:, active]
    return LayerUse(use.layer, inputs, gradients)


def _product(gram: Tensor, inputs: Tensor) -> Tensor:
    """Return K X in the memory layout of X, as they will be multiplied number by number."""
    if inputs.stride(-1) == 1:
        return gram @ inputs
    return (inputs.mT @ gram.mT).mT


def _number_of_blocks(positions: int) -> int:
    """Return into how many blocks the positions are cut."""
    return min(_MOST_BLOCKS, max(1, positions // _SMALLEST_BLOCK))
