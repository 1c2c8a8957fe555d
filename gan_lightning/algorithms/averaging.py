"""The exponential moving average of a network's weights."""

import torch
from torch import nn


class Averaging:
    """Exponential moving average of a network's weights (Yazıcı et al., 2018, arXiv:1806.04498).

        average ← d · average + (1 − d) · network, with d = min(decay, (1 + t) / (10 + t)) at iteration t

    Without this warm-up, as in TensorFlow's ExponentialMovingAverage, the random initial weights would dominate for
    thousands of iterations. Buffers, such as the statistics of batch norms, are copied.

    Tensors are looked up once, in the constructor, because a look-up takes as long as the update. Both networks must
    therefore stay on their device.

    Args:
        average: the network that holds the average.
        network: the network that is trained.
        decay: the upper limit of d.
    """

    def __init__(self, average: nn.Module, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average, self.weights = list(average.parameters()), list(network.parameters())
        self.copies, self.buffers = list(average.buffers()), list(network.buffers())

    @torch.no_grad()
    def update(self, iteration: int) -> None:
        """Move the average towards the network's weights after iteration ``iteration``, counted from 0."""
        decay = min(self.decay, (1 + iteration) / (10 + iteration))
        torch._foreach_lerp_(self.average, self.weights, 1 - decay)  # type: ignore[arg-type]
        if self.buffers:
            torch._foreach_copy_(self.copies, self.buffers)
