import torch

from fairfactor.mitigation.thresholds import ThresholdFeatures


def test_thresholds_lie_between_the_values_of_numeric_inputs():
    inputs = torch.tensor([[0.0, 1.0, 5.0], [1.0, 2.0, 5.0], [1.0, 4.0, 5.0], [0.0, 4.0, 5.0]])
    module = ThresholdFeatures.fit(inputs)
    assert module.columns.tolist() == [1, 1]
    assert module.values.tolist() == [1.5, 3.0]
    expected = torch.tensor([[-2.5, -2.5], [2.5, -2.5], [2.5, 2.5], [2.5, 2.5]])
    torch.testing.assert_close(module(inputs), torch.cat([inputs, expected], dim=1))


def test_many_values_are_thinned_out_evenly():
    inputs = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    module = ThresholdFeatures.fit(inputs, most=8)
    assert module.columns.tolist() == [0] * 8 + [1] * 8
    shares = (inputs[:, :1] > module.values[1:7]).float().mean(dim=0)
    torch.testing.assert_close(shares, torch.arange(6, 0, -1) / 7, atol=0.01, rtol=0)


def test_categories_alone_give_no_thresholds():
    inputs = torch.eye(3)
    module = ThresholdFeatures.fit(inputs)
    assert module(inputs).equal(inputs)
    assert ThresholdFeatures.fit(torch.randn(9, 1), most=0)(inputs[:, :1]).shape == (3, 1)
