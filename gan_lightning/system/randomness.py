"""Random numbers that depend on counters, never on history.

The order of the data is a function of (seed, epoch), the noise of an iteration a function of
(seed, iteration, rank). A run can therefore go on from any iteration without a generator's state.
"""

import hashlib
import struct

import torch

SHUFFLE, ITERATION, CONDITIONS = 0, 1, 2  # independent streams of one seed


def derived_seed(seed: int, stream: int, *counters: int) -> int:
    """A 64-bit seed for one place in a stream: a cryptographic hash of it, so independent of every other place's."""
    place = struct.pack(f"<{2 + len(counters)}Q", seed, stream, *counters)
    return int.from_bytes(hashlib.blake2b(place, digest_size=8).digest(), "little")


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the default generator of one device; ``torch.manual_seed`` seeds all and takes 100 times longer."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.get_device_module(device).manual_seed(seed)
