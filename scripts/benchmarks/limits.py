"""The least time of an iteration on this machine: its operations and memory traffic divided by measured rates."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from .loops import Step, networks
from .runs import synchronize

# float32 numbers read or written for each parameter.
ADAM = 7  # reads w, m, v and the gradient; writes w, m, v
AVERAGE = 3  # reads the average and w; writes the average


def floating_point_operations(step: Step) -> int:
    """Count the operations of the matrix products in one iteration; a multiplication with an addition counts as two."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def bytes_of_update() -> int:
    """Return the bytes that both optimizers and the averaged generator read and write in one iteration."""
    generator, discriminator = (sum(p.numel() for p in network.parameters()) for network in networks())
    return 4 * (ADAM * (generator + discriminator) + AVERAGE * generator)


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure floating-point operations per second of the discriminator's first layer, (128, 784) by (784, 1024)."""
    left, right = torch.randn(128, 784, device=device, dtype=dtype), torch.randn(784, 1024, device=device, dtype=dtype)
    return 2 * 128 * 784 * 1024 / _median_seconds(lambda: torch.mm(left, right), device)


def bandwidth(device: torch.device) -> float:
    """Measure bytes per second, read and written, of fused Adam on 64 MB of weights, which exceed the caches."""
    n = 2**24
    weights, gradients, mean, square = (torch.rand(n, device=device) for _ in range(4))
    count = torch.ones((), device=device)
    return (
        4 * ADAM * n
        / _median_seconds(
            lambda: torch._fused_adam_(
                [weights], [gradients], [mean], [square], [], [count], lr=1e-4, beta1=0.9, beta2=0.999,
                weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
            ),
            device,
        )
    )  # fmt: skip


def _median_seconds(function: Callable[[], object], device: torch.device, calls: int = 20) -> float:
    measured = []
    for _ in range(calls + 3):
        synchronize(device)
        begin = time.perf_counter()
        function()
        synchronize(device)
        measured.append(time.perf_counter() - begin)
    return statistics.median(measured[3:])  # the first calls warm up
