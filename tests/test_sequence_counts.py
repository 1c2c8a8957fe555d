"""The n-gram model of sequences: probabilities, samples, and the commands."""

import itertools
import math
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from scipy.stats import chi2

from gan_lightning.modalities.sequence import codes_of, one_hot
from gan_lightning.networks.sequence_counts import Generator

TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(TOY))
from steps import chain, samples  # noqa: E402

LENGTH, BLOCKS = 4, [3, 2]
CASES = [
    {"order": 1},
    {"order": 2},
    {"order": 3, "discount": 0.3},
    {"order": 5, "period": 2},
    {"order": 2, "period": 3},
]


def fitted(n=60, blocks=BLOCKS, **settings):
    return Generator(blocks, LENGTH, **settings).fit(samples(n, LENGTH, blocks))


def latents(n, seed=0):
    return torch.rand(n, LENGTH, generator=torch.Generator().manual_seed(seed))


def every_sequence(blocks=BLOCKS):
    steps = list(itertools.product(*map(range, blocks)))
    return one_hot(torch.tensor(list(itertools.product(steps, repeat=LENGTH))), blocks)


class Reference:
    """An n-gram model in plain Python, with absolute discounting."""

    def __init__(self, sequences, values, order, discount=0.5, period=None, end=None, hold=None):
        self.values, self.order, self.discount, self.period = values, order, discount, period
        self.end, self.hold = end, hold
        self.counts = {}
        for sequence in sequences:
            for i, step in enumerate(self.until_end(sequence)):
                for context in self.contexts(sequence, i):
                    self.counts.setdefault(context, Counter())[step] += 1

    def until_end(self, sequence):
        return sequence[: sequence.index(self.end) + 1] if self.end in sequence else sequence

    def contexts(self, sequence, i):
        """Return the contexts of a step, the shortest first."""
        padded = ["start"] * self.order
        for step in sequence[:i]:
            held = self.hold is not None and padded[-1] != "start"
            before = padded[-1] if held else [None] * len(BLOCKS)
            padded.append(
                tuple(b if held and a == self.hold else a for a, b in zip(step, before, strict=True)) if held else step
            )
        place = None if self.period is None else i % self.period
        contexts = [(place, tuple(padded[len(padded) - size :])) for size in range(self.order)]
        return contexts if self.period is None else ["everywhere", *contexts]

    def log_probability(self, sequence):
        total = 0.0
        for i, step in enumerate(self.until_end(sequence)):
            share = 1 / self.values
            for context in self.contexts(sequence, i):
                if counts := self.counts.get(context):
                    discounted = max(counts[step] - self.discount, 0) + self.discount * len(counts) * share
                    share = discounted / sum(counts.values())
            total += math.log(share)
        return total


def steps_of(sample, blocks=BLOCKS):
    """Return sequences of steps, one hashable step for all blocks."""
    return [[tuple(step) for step in sequence] for sequence in codes_of(sample, blocks).tolist()]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_log_probability_equals_a_plain_ngram(settings):
    reference = Reference(steps_of(samples(60, LENGTH, BLOCKS)), math.prod(BLOCKS), **settings)
    every = every_sequence()
    expected = [reference.log_probability(one) for one in steps_of(every)]
    torch.testing.assert_close(fitted(**settings).log_probability(every), torch.tensor(expected))


@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.parametrize("n", [0, 60])
def test_probabilities_of_all_sequences_sum_to_1(settings, n):
    generator = Generator(BLOCKS, LENGTH, **settings)
    generator.fit(samples(60, LENGTH, BLOCKS)[:n])
    probabilities = generator.log_probability(every_sequence()).exp()
    assert probabilities.min() > 0
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_sequences_end(order):
    """Nothing after the end is counted, and a sample holds nothing but ends from its first end on."""
    content = chain(80, LENGTH, [4])[..., 0]
    ends = (content == 0).cumsum(1) > 0
    sample = one_hot(content.masked_fill(ends, 0)[..., None], [4])
    generator = Generator([4], LENGTH, order, end=0).fit(sample)
    sequences = [[step[0] for step in one] for one in steps_of(every_sequence([4]), [4])]
    reference = Reference([[step[0] for step in one] for one in steps_of(sample, [4])], 4, order, end=0)
    expected = torch.tensor([reference.log_probability(one) for one in sequences])
    torch.testing.assert_close(generator.log_probability(every_sequence([4])), expected)
    drawn = codes_of(generator(latents(500)), [4])[..., 0]
    assert ((drawn == 0).cummax(1).values <= (drawn == 0)).all()
    assert 0 < (drawn[:, -1] == 0).float().mean() < 1


def chi_square(found, expected):
    """Return the statistic over its bound that chance passes once in 1000."""
    usual = expected > 5
    return ((found - expected) ** 2 / expected)[usual].sum() / chi2.ppf(0.999, usual.sum().item() - 1)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_samples_follow_the_exact_distribution(settings):
    generator, n, every = fitted(**settings), 40_000, every_sequence()
    place = {tuple(one): i for i, one in enumerate(steps_of(every))}
    found = torch.zeros(len(place), dtype=torch.float64)
    for one, count in Counter(tuple(one) for one in steps_of(generator(latents(n)))).items():
        found[place[one]] = count
    assert chi_square(found, n * generator.log_probability(every).exp().double()) < 1


@pytest.mark.parametrize("given", [0, 1])
def test_condition_gives_a_block_and_changes_the_other_as_the_distribution_does(given):
    generator, n = fitted(order=2, given=given), 20_000
    condition = codes_of(samples(1, LENGTH, BLOCKS, seed=3), BLOCKS)[..., given]
    one = one_hot(condition[..., None], BLOCKS[given : given + 1])
    drawn = generator(latents(n), one.expand(n, -1, -1))
    codes = codes_of(drawn, BLOCKS)
    assert (codes[..., given] == condition).all()
    probability = generator.log_probability(every_sequence()).exp().double()
    first = codes_of(every_sequence(), BLOCKS)[:, 0]  # of the first step, which no later value changes
    fits = first[:, given] == condition[0, 0]
    expected = torch.stack([probability[fits & (first[:, 1 - given] == i)].sum() for i in range(BLOCKS[1 - given])])
    found = torch.bincount(codes[:, 0, 1 - given], minlength=BLOCKS[1 - given]).double()
    assert chi_square(found, n * expected / expected.sum()) < 1


def test_samples_depend_on_their_own_latent_alone():
    generator, latent = fitted(order=3), latents(200)
    assert torch.equal(generator(latent)[50:60], generator(latent[50:60]))


def test_without_counts_all_values_are_equally_likely():
    sample = Generator(BLOCKS, LENGTH, order=3)(latents(2000))
    first = sample[:, 0, : BLOCKS[0]].sum(0).double()
    assert chi_square(first, torch.full_like(first, 2000 / BLOCKS[0])) < 1


@pytest.mark.parametrize("value", [0.0, 1 - 2**-24])
def test_latents_at_the_ends_of_the_interval_give_sequences(value):
    sample = fitted(order=3, period=2)(torch.full((1, LENGTH), value))
    assert [block.sum().item() for block in sample.split(BLOCKS, -1)] == [LENGTH, LENGTH]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_counts_in_batches_equal_those_at_once(settings):
    generator, sample = Generator(BLOCKS, LENGTH, **settings), samples(60, LENGTH, BLOCKS)
    for part in sample.split(17):
        generator.count(part)
    whole = fitted(**settings).state_dict()
    assert generator.state_dict().keys() == whole.keys()
    assert all(torch.equal(one, whole[name]) for name, one in generator.state_dict().items())


def test_counts_of_a_checkpoint_replace_those_of_another_size():
    generator, other = fitted(order=3, period=2), fitted(5, order=3, period=2)
    other.load_state_dict(generator.state_dict())
    assert torch.equal(other.log_probability(every_sequence()), generator.log_probability(every_sequence()))
    assert torch.equal(other(latents(9)), generator(latents(9)))


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a step has 1,000,000,000,000 values"):
        Generator([1000] * 4, LENGTH, 2)
    with pytest.raises(ValueError, match="end=0: must be a value of the only block"):
        Generator(BLOCKS, LENGTH, 2, end=0)
    with pytest.raises(ValueError, match="given=2: there are 2 blocks"):
        Generator(BLOCKS, LENGTH, 2, given=2)
