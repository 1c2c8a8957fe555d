"""Windows of pieces in other keys."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from gan_lightning.modalities.music_codes import FIRST_PITCH, sounding

Transpose = Literal["augment", "common_key", "none"]

SEMITONES = range(-5, 7)  # of all transpositions, one to each key
MAJOR = (0, 2, 4, 5, 7, 9, 11)
TEST_SEED = 0


def transposed(
    pieces: Sequence[Tensor],
    cut: Callable[[Tensor], Tensor],
    how: Transpose,
    values: int,
    lowest: int,
    once: bool = False,
) -> Tensor:
    """Return the windows (n, length, voices) uint8 of pieces; those with pitches out of range are left out.

    Args:
        pieces: codes (T, voices) of each.
        cut: returns the windows of a piece.
        how: ``augment`` for each window in all keys, ``common_key`` to transpose each piece to the key without
            accidentals (C major or A minor), ``none`` for the original keys.
        values: number of codes of a voice.
        lowest: lowest MIDI pitch.
        once: if True, ``augment`` gives each window in one key at random, so that a test set has none twice.
    """
    cut_pieces = [cut(piece) for piece in pieces]
    windows = torch.cat(cut_pieces)
    if how == "augment":
        shifts = [torch.full((len(windows),), shift) for shift in SEMITONES]
        if once:
            generator = torch.Generator().manual_seed(TEST_SEED)
            shifts = [torch.randint(SEMITONES[0], SEMITONES[-1] + 1, (len(windows),), generator=generator)]
    elif how == "common_key":
        of_piece = torch.tensor([to_common_key(piece, lowest) for piece in pieces])
        shifts = [of_piece.repeat_interleave(torch.tensor([len(one) for one in cut_pieces]))]
    else:
        shifts = [torch.zeros(len(windows), dtype=torch.long)]
    return torch.cat([_within(windows, shift, values) for shift in shifts])


def to_common_key(piece: Tensor, lowest: int) -> int:
    """Return the semitones that move a piece (T, voices) to the key without accidentals that holds most of its notes.

    The smallest transposition is chosen if several hold as many.
    """
    heard = sounding(piece[None])
    classes = torch.bincount((heard[heard >= FIRST_PITCH].long() - FIRST_PITCH + lowest) % 12, minlength=12)
    in_key = {shift: int(classes[[(tone - shift) % 12 for tone in MAJOR]].sum()) for shift in SEMITONES}
    return max(in_key, key=lambda shift: (in_key[shift], -abs(shift)))


def _within(windows: Tensor, shifts: Tensor, values: int) -> Tensor:
    """Return the windows, transposed by their shifts (n,), that stay within the codes of a voice."""
    moved = torch.where(windows >= FIRST_PITCH, windows + shifts[:, None, None], windows)
    is_note = windows >= FIRST_PITCH
    outside = is_note & ((moved < FIRST_PITCH) | (moved >= values))
    return moved[~outside.flatten(1).any(1)].to(torch.uint8)
