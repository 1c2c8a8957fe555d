"""Seeds derived from counters instead of generator states.

The order of the data is a function of (seed, epoch); the noise of an iteration is a function of (seed, iteration,
rank). A run can therefore resume at any iteration without the state of a generator.
"""

import hashlib
import struct

import torch

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
