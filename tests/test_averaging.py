import copy

import torch
from torch import nn

from gan_lightning.algorithms.averaging import Averaging


def test_average_equals_the_recurrence():
    """The average equals a recurrence computed by hand, with the warm-up; buffers are copied."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    average = copy.deepcopy(network)
    averaging = Averaging(average, network, 0.8)
    expected = [parameter.detach().clone() for parameter in network.parameters()]
    for t in range(50):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network[1].running_mean.add_(1)
        averaging.update(t)
        d = min(0.8, (1 + t) / (10 + t))
        expected = [d * e + (1 - d) * p.detach() for e, p in zip(expected, network.parameters(), strict=True)]
    for found, wanted in zip(average.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), wanted, rtol=1e-12, atol=1e-12)
    assert torch.equal(average[1].running_mean, network[1].running_mean)


def test_warm_up_soon_forgets_the_initial_weights():
    network = nn.Linear(1, 1, bias=False)
    average = copy.deepcopy(network)
    averaging = Averaging(average, network, 0.9999)
    nn.init.zeros_(network.weight)
    nn.init.ones_(average.weight)
    for t in range(20):
        averaging.update(t)
    assert average.weight.item() < 1e-6
