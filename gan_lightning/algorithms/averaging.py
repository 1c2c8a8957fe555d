"""The exponential moving average of a network's weights."""

import torch
from torch import nn


class Averaging:
    """average ← d · average + (1 − d) · network, with d = min(decay, (1 + t) / (10 + t)) at iteration t.

    Without that warm-up the first, random weights would be felt for thousands of iterations. Buffers, such as the
    statistics of batch norms, are copied. (Yazıcı et al., 2018, arXiv:1806.04498; warm-up as in TensorFlow's
    ExponentialMovingAverage.)

    Both networks must stay on their device: their tensors are looked up once, which takes as long as moving them.
    """

    def __init__(self, average: nn.Module, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average, self.weights = list(average.parameters()), list(network.parameters())
        self.copies, self.buffers = list(average.buffers()), list(network.buffers())

    @torch.no_grad()
    def update(self, iteration: int) -> None:
        decay = min(self.decay, (1 + iteration) / (10 + iteration))
        torch._foreach_lerp_(self.average, self.weights, 1 - decay)  # type: ignore[arg-type]
        if self.buffers:
            torch._foreach_copy_(self.copies, self.buffers)
