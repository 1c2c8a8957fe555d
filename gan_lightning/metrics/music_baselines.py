"""Music of simple generators, to compare with. Content is (n, T, voices) uint8, as that of the training music."""

import numpy as np
import torch
from torch import Tensor

from gan_lightning.modalities.music_codes import HOLD, canonical, sounding, tie

LONGEST = 2  # chords that the next one depends on


def independent_notes(content: Tensor, n: int, seed: int = 0) -> Tensor:
    """Return n samples whose voices have random pitches at each step, as often as in training; equal ones are tied."""
    generator = torch.Generator().manual_seed(seed)
    heard = sounding(content)
    voices = []
    for voice in range(content.shape[2]):
        shares = torch.bincount(heard[..., voice].flatten().long()).float()
        drawn = torch.multinomial(shares, n * content.shape[1], replacement=True, generator=generator)
        voices.append(drawn.view(n, content.shape[1]))
    return tie(torch.stack(voices, 2)).to(torch.uint8)


def chord_trigram(content: Tensor, n: int, steps_per_bar: int, seed: int = 0) -> Tensor:
    """Return n samples, of which each chord depends on the two before it and on the step of the bar.

    A chord is all that sounds at a step, and which notes are held. It is drawn from those that follow the same chords
    at the same step of the bar in training; if there are none, from those that follow the last chord, or that are at
    this step.
    """
    random = np.random.default_rng(seed)
    steps, voices = content.shape[1:]
    held = (content == HOLD).long()
    held[:, 0] = 0
    symbols = (2 * sounding(content).long() + held).numpy()  # of the voices
    size = int(symbols.max()) + 1
    numbers = symbols @ size ** np.arange(voices)
    chords, index = np.unique(numbers, return_inverse=True)
    tokens = index.reshape(len(content), steps)
    followers = [_Followers(tokens, order, steps_per_bar, len(chords)) for order in range(LONGEST, -1, -1)]
    made = np.zeros((n, steps), int)
    for step in range(steps):
        waiting = np.ones(n, bool)
        for one in followers:
            if waiting.any() and one.order <= step:
                found, drawn = one.draw(made[waiting, step - one.order : step], step, random.random(waiting.sum()))
                rest = np.flatnonzero(waiting)
                made[rest[found], step] = drawn[found]
                waiting[rest[found]] = False
    drawn_symbols = chords[made][..., None] // size ** np.arange(voices) % size
    codes = np.where(drawn_symbols % 2, HOLD, drawn_symbols // 2)
    return canonical(torch.from_numpy(codes)).to(torch.uint8)


class _Followers:
    """The chords that follow each context of ``order`` chords and a step of the bar, as often as in training."""

    def __init__(self, tokens: np.ndarray, order: int, steps_per_bar: int, size: int) -> None:
        self.order, self.steps_per_bar, self.size = order, steps_per_bar, size
        starts = range(order, tokens.shape[1]) if order else range(min(steps_per_bar, tokens.shape[1]))
        keys = np.concatenate([self._key(tokens[:, step - order : step], step) for step in starts])
        following = np.concatenate([tokens[:, step] for step in starts])
        by_key = np.argsort(keys, kind="stable")
        self.keys, self.following = keys[by_key], following[by_key]

    def _key(self, context: np.ndarray, step: int) -> np.ndarray:
        key = np.full(len(context), step % self.steps_per_bar)
        for chord in context.T:
            key = key * self.size + chord
        return key

    def draw(self, context: np.ndarray, step: int, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which contexts (m, order) are known, (m,), and a chord that follows each of them, (m,)."""
        keys = self._key(context, step)
        first, last = (np.searchsorted(self.keys, keys, side) for side in ("left", "right"))
        place = (first + uniform * (last - first)).astype(int).clip(max=len(self.following) - 1)
        return last > first, self.following[place]
