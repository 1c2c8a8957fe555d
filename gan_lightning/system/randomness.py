"""Seeds derived from counters instead of generator states, and random numbers that must stay secret.

The order of the data is a function of (seed, epoch); the noise of an iteration is a function of (seed, iteration,
rank). A run can therefore resume at any iteration without the state of a generator.
"""

import hashlib
import math
import os
import struct
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

SHUFFLE, ITERATION, CONDITIONS = 0, 1, 2  # independent streams of one seed


def derived_seed(seed: int, stream: int, *counters: int) -> int:
    """Return a 64-bit seed: a cryptographic hash of its arguments, so independent of all other derived seeds.

    Args:
        seed: seed of the run.
        stream: SHUFFLE, ITERATION or CONDITIONS.
        counters: position in the stream, such as an epoch.
    """
    position = struct.pack(f"<{2 + len(counters)}Q", seed, stream, *counters)
    return int.from_bytes(hashlib.blake2b(position, digest_size=8).digest(), "little")


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the default generator of one device; ``torch.manual_seed`` seeds all devices and takes 100 times longer."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.get_device_module(device).manual_seed(seed)


def secret_uniform(n: int) -> Tensor:
    """Return n numbers (n,) float64, uniform on (0, 1), from the operating system: no seed gives them again."""
    integers = np.frombuffer(os.urandom(8 * n), np.uint64) >> np.uint64(11)
    return torch.from_numpy((integers + 0.5) * 2.0**-53)


def secret_normal(shape: Sequence[int], device: torch.device) -> Tensor:
    """Return standard normal numbers of a shape from the operating system, float32: no seed gives them again."""
    return torch.special.ndtri(secret_uniform(math.prod(shape))).float().view(*shape).to(device)
