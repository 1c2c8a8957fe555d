"""Values of the voices of music: hold, rest and pitches, as indices (n, T, voices).

Each step of a voice has a *code*: ``HOLD`` goes on with the note of the step before, ``REST`` is silence, and the codes
from ``FIRST_PITCH`` on start a note, from the lowest pitch upwards.
"""

import torch
from torch import Tensor

from gan_lightning.modalities.sequence import held_values

HOLD, REST, FIRST_PITCH = 0, 1, 2


def sounding(codes: Tensor) -> Tensor:
    """Return what sounds at each step, (n, T, voices): ``REST``, or the code of the pitch of a new or a held note."""
    found = held_values(codes, HOLD)
    return torch.where(found == HOLD, REST, found)


def canonical(codes: Tensor) -> Tensor:
    """Return the codes in which a step without a note is a rest: there is nothing to hold at the start or in a rest."""
    return torch.where((codes == HOLD) & (sounding(codes) == REST), REST, codes)


def tie(notes: Tensor) -> Tensor:
    """Return the codes of what sounds at each step, (n, T, voices), where equal neighbours are one held note."""
    held = torch.zeros_like(notes, dtype=torch.bool)
    held[:, 1:] = (notes[:, 1:] == notes[:, :-1]) & (notes[:, 1:] != REST)
    return torch.where(held, HOLD, notes)


def cut(codes: Tensor, length: int, hop: int) -> Tensor:
    """Return the windows (n, length, voices) of a piece (T, voices), each ``hop`` steps after the other.

    A note that is held into a window starts with it. A last part that is shorter than a window is left out.
    """
    if len(codes) < length:
        return codes[:0].expand(0, *codes.shape[1:])[:, None].expand(0, length, codes.shape[1])
    heard = sounding(codes[None])[0]
    windows = codes.unfold(0, length, hop).transpose(1, 2).clone()
    windows[:, 0] = heard.unfold(0, length, hop)[:, :, 0]
    return windows
