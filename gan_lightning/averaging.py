"""The exponential moving average of a network's weights."""

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """average ← d · average + (1 − d) · network, with d = min(decay, (1 + t) / (10 + t)) at iteration t.

    Without that warm-up the first, random weights would be felt for thousands of iterations. Buffers, such as the
    statistics of batch norms, are copied. (Yazıcı et al., 2018, arXiv:1806.04498; warm-up as in TensorFlow's
    ExponentialMovingAverage.)
    """
    now = min(decay, (1 + iteration) / (10 + iteration))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - now)
    if buffers := list(network.buffers()):
        torch._foreach_copy_(list(average.buffers()), buffers)
