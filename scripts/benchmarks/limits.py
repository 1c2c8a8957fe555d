"""What the machine can do at best: the arithmetic of one iteration over measured rates."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from .loops import Step, networks
from .runs import synchronize

ADAM, AVERAGE = 7, 3  # float32 numbers read and written for each parameter: w, m, v twice and the gradient; average, w


def floating_point_operations(step: Step) -> int:
    """Of one iteration's matrix products; a multiplication and an addition count as two."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def bytes_of_update() -> int:
    """Of both optimizers and the averaged generator."""
    generator, discriminator = (sum(p.numel() for p in network.parameters()) for network in networks())
    return 4 * (ADAM * (generator + discriminator) + AVERAGE * generator)


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of the discriminator's first layer, (128, 784) by (784, 1024)."""
    left, right = torch.randn(128, 784, device=device, dtype=dtype), torch.randn(784, 1024, device=device, dtype=dtype)
    return 2 * 128 * 784 * 1024 / _seconds(lambda: torch.mm(left, right), device)


def bandwidth(device: torch.device) -> float:
    """Bytes a second, read and written, of fused Adam on 64 MB of weights: more than caches keep between iterations."""
    n = 2**24
    weights, gradients, mean, square = (torch.rand(n, device=device) for _ in range(4))
    count = torch.ones((), device=device)
    return (
        4 * ADAM * n
        / _seconds(
            lambda: torch._fused_adam_(
                [weights], [gradients], [mean], [square], [], [count], lr=1e-4, beta1=0.9, beta2=0.999,
                weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
            ),
            device,
        )
    )  # fmt: skip


def _seconds(function: Callable[[], object], device: torch.device, times: int = 20) -> float:
    """Median of so many calls."""
    measured = []
    for _ in range(times + 3):
        synchronize(device)
        begin = time.perf_counter()
        function()
        synchronize(device)
        measured.append(time.perf_counter() - begin)
    return statistics.median(measured[3:])
