import torch

from fairfactor.part import Part


def test_the_grouped_rows_are_those_of_a_group_in_their_order():
    part = Part(
        torch.arange(8.0).view(4, 2), torch.tensor([0, 1, 1, 0]), torch.tensor([1, -1, 0, -1])
    )
    assert part.grouped.inputs.tolist() == [[0, 1], [4, 5]]
    assert part.grouped.labels.tolist() == [0, 1]
    assert part.grouped.groups.tolist() == [1, 0]
