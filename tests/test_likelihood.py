"""Models of sequences by maximum likelihood: probabilities, samples, conditions, and the commands."""

import itertools
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from gan_lightning.algorithms.likelihood import MaximumLikelihood
from gan_lightning.algorithms.priors import Uniform
from gan_lightning.data.pronunciation import find_sounds
from gan_lightning.errors import UserError
from gan_lightning.modalities.sequence import codes_of, one_hot
from gan_lightning.networks import recurrent, transformer
from gan_lightning.networks.tokens import choose_values
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST
from tests.texts import write_texts

TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(TOY))
from steps import samples  # noqa: E402

LENGTH, BLOCKS = 3, [3, 2]
CASES = [
    {"blocks": [4], "end": 0},
    {"blocks": BLOCKS},
    {"blocks": BLOCKS, "order": [1, 0], "period": 2, "layers": 2},
    {"blocks": BLOCKS, "order": [1, 0], "given": 1},
    {"blocks": BLOCKS, "order": [1, 0], "hold": 1},
    {"blocks": [4], "end": 0, "lags": [2, 9]},
    {"blocks": BLOCKS, "kind": transformer.Generator, "heads": 2, "layers": 2},
]
TOY_CONF = ["--config-dir", str(TOY / "conf")]
TRAIN = [*TOY_CONF, "data=chain", "model=text_mle", "model.generator.end=null", "trainer=cpu", "hydra.run.dir=run"]
VOICES = [*TOY_CONF, "data=chain", "data.blocks=[5,4]", "data.sample_shape=[6,9]", "model=music_mle", "trainer=cpu"]
TRUST = "trust_code=[steps]"


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.syspath_prepend(TOY)


def network(blocks, kind=recurrent.Generator, **settings):
    """Return a network whose random weights are large, so that its distributions are far from uniform."""
    torch.manual_seed(0)
    if kind is recurrent.Generator:
        settings = {"hidden_dim": 12, **settings}
    made = kind(blocks=blocks, length=LENGTH, embedding_dim=8, **settings).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(2)
    return made


def every_sequence(blocks, end=None):
    steps = list(itertools.product(*map(range, blocks)))
    codes = torch.tensor(list(itertools.product(steps, repeat=LENGTH)))
    if end is not None:  # nothing follows an end
        ended = (codes[..., 0] == end).cumsum(1)
        codes = codes[((ended > 0) <= (codes[..., 0] == end)).all(1)]
    return one_hot(codes, blocks)


def sounding_before(codes, hold):
    """Return the values (1, blocks) of the step after steps (n, blocks), if all of it holds."""
    found = [[code for code in block if code != hold] for block in codes.T.tolist()]
    return torch.tensor([[block[-1] if block else hold or 0 for block in found]])


def condition_of(sample, blocks, given):
    return None if given is None else one_hot(codes_of(sample, blocks)[..., [given]], [blocks[given]])


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_log_probability_equals_a_loop_over_steps_and_blocks(settings):
    """The loop forgets everything between steps: it computes each state again from all steps before."""
    made, blocks, given = network(**settings), settings["blocks"], settings.get("given")
    sample = samples(12, LENGTH, blocks)
    condition, codes = condition_of(sample, blocks, given), codes_of(sample, blocks)
    expected = torch.zeros(12)
    for row in range(12):
        one = None if condition is None else condition[row : row + 1]
        for i in range(LENGTH):
            hidden = made.hidden(codes[row : row + 1, : i + 1], one)[:, i]
            sounding = sounding_before(codes[row, :i], settings.get("hold"))
            hidden = made.head.begin(hidden, sounding)
            for block in made.head.order:
                if block != given:
                    expected[row] += made.head.logits(hidden, block).log_softmax(1)[0, codes[row, i, block]]
                hidden = made.head.add(hidden, block, codes[row : row + 1, i, block], sounding)
            if settings.get("end") == codes[row, i, 0]:
                break
    torch.testing.assert_close(made.log_probability(sample, condition), expected)
    losses = made.token_losses(sample, condition)
    torch.testing.assert_close(-losses.sum(), expected.sum())
    if "end" not in settings:
        assert len(losses) == 12 * LENGTH * (len(blocks) - (given is not None))


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_samples_follow_the_exact_distribution(settings):
    made, blocks, given, n = network(**settings), settings["blocks"], settings.get("given"), 20_000
    every = every_sequence(blocks, settings.get("end"))
    condition = condition_of(samples(1, LENGTH, blocks, seed=1), blocks, given)
    if given is not None:
        every = every[(every.split(blocks, 2)[given] == condition).all((1, 2))]
    probability = made.log_probability(every, None if given is None else condition.expand(len(every), -1, -1)).exp()
    assert probability.sum().item() == pytest.approx(1, abs=1e-4)
    latent = torch.rand(n, LENGTH, len(blocks), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = made(latent, None if given is None else condition.expand(n, -1, -1))
    counts = Counter(map(tuple, codes_of(drawn, blocks).flatten(1).tolist()))
    found = torch.tensor([counts[tuple(one)] for one in codes_of(every, blocks).flatten(1).tolist()])
    assert found.sum() == n
    expected = n * probability.double()
    usual = expected > 5
    statistic = ((found - expected) ** 2 / expected)[usual].sum()
    assert statistic < chi2.ppf(0.999, usual.sum().item() - 1)


def test_each_step_depends_on_all_of_the_condition():
    made = network(BLOCKS, given=0)
    sample = samples(1, LENGTH, BLOCKS)
    condition = condition_of(sample, BLOCKS, 0)
    changed = condition.clone()
    changed[:, -1] = changed[:, -1].roll(1, -1)
    codes = codes_of(sample, BLOCKS)
    assert not torch.equal(made.hidden(codes, condition)[:, 0], made.hidden(codes, changed)[:, 0])


def test_temperature_and_nucleus_change_the_distribution_as_they_should():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(40_000, -1)
    latent = torch.rand(40_000, generator=torch.Generator().manual_seed(0))
    for temperature, nucleus in [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.8), (1.0, 0.01)]:
        probability = (logits[0] / temperature).softmax(0)
        kept = probability * (probability.cumsum(0) - probability < nucleus)  # they are in order
        found = torch.bincount(choose_values(logits, latent, temperature, nucleus), minlength=4) / 40_000
        torch.testing.assert_close(found, kept / kept.sum(), rtol=0, atol=0.01)
    assert (choose_values(logits, torch.full((40_000,), 1 - 2**-24)) == 3).all()


def test_sample_is_a_function_of_its_latent():
    made, latent = network(BLOCKS), torch.rand(40, LENGTH, 2)
    assert torch.equal(made(latent)[5:9], made(latent[5:9]))


def test_a_network_that_sees_a_verse_before_learns_to_repeat_it():
    """Step 2 repeats step 0; what stands between them is random."""
    codes = torch.randint(4, (256, LENGTH, 1), generator=torch.Generator().manual_seed(0))
    codes[:, 2] = codes[:, 0]
    made = network([4], lags=[2]).train()
    optimizer = torch.optim.Adam(made.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        made.token_losses(one_hot(codes, [4])).mean().backward()
        optimizer.step()
    drawn = codes_of(made.eval()(torch.rand(200, LENGTH, 1)), [4])
    assert (drawn[:, 2] == drawn[:, 0]).float().mean() > 0.95


def test_tokens_of_one_sound_share_its_embedding():
    made = network([5], sounds=3)
    made.embedding.learn_sounds(torch.tensor([0, 1, 1, 2, 2]))
    with torch.no_grad():
        made.embedding.blocks[0].weight.zero_()
        made.head.biases[0].zero_()
    vectors = made.embedding(torch.arange(5)[:, None])
    assert torch.equal(vectors[[1, 3]], vectors[[2, 4]])
    assert not torch.equal(vectors[1], vectors[3])
    logits = made.head.logits(torch.randn(1, 12), 0)[0]
    torch.testing.assert_close(logits[[1, 3]], logits[[2, 4]])
    with pytest.raises(UserError, match="sounds=3: the tokens have 5 sounds: at least that many"):
        made.embedding.learn_sounds(torch.arange(5))


@pytest.mark.slow
def test_sounds_are_those_of_the_data_and_stay_in_the_checkpoint(run, tmp_path):
    pytest.importorskip("pypinyin")
    write_texts(tmp_path)
    data = ["data.root=poems", "data.split=poets", "data.vocabulary=20", "data.batch_size=8"]
    settings = [*data, "max_iterations=2", "model.likelihood_iterations=1", "hydra.run.dir=run", "trainer=cpu"]
    result = run("train", "experiment=poems", *settings)
    assert result.code == 0, result.err
    trained = load("run")
    embedding = trained.model.generator_of("ema").drafter.embedding
    assert torch.equal(embedding.sound_of, find_sounds(trained.data.modality.vocabulary))
    assert embedding.sound_of.any()


def test_data_without_sounds_are_refused(run):
    sounds = ["+model.generator.sounds=80", "model.generator.end=null", "max_iterations=1", "hydra.run.dir=run"]
    result = run("train", *TOY_CONF, "data=chain", "model=text_mle", "trainer=cpu", TRUST, *sounds)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "sounds: the tokens of Chain have none: set the generator's sounds=null" in result.err


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"order=\[0\]: must name each of the 2 blocks"):
        network(BLOCKS, order=[0])
    with pytest.raises(ValueError, match=r"given=1: must be the first block in order=\[0, 1\]"):
        network(BLOCKS, given=1)
    with pytest.raises(ValueError, match="end=4: must be a value of the only block"):
        network([4], end=4)
    with pytest.raises(ValueError, match="hold=2: must be a value of every block"):
        network(BLOCKS, hold=2)
    with pytest.raises(ValueError, match="sounds=9: tokens have sounds, and there are 2 blocks: null"):
        network(BLOCKS, sounds=9)
    with pytest.raises(ValueError, match="embedding_dim=7: must be even"):
        recurrent.Generator(7, 8, blocks=[4], length=LENGTH, given=0)
    with pytest.raises(ValueError, match="heads=3: does not divide embedding_dim=8"):
        network([4], transformer.Generator, heads=3, layers=1)
    with pytest.raises(ValueError, match="generator Linear: must define token_losses"):
        MaximumLikelihood(torch.nn.Linear(1, 1), Uniform([1]), torch.optim.Adam)


@pytest.mark.slow
def test_training_reaches_the_entropy_and_resumes_exactly(run, tmp_path):
    """The chain rises with probability 0.7 from a uniform start."""
    small = ["model.generator.hidden_dim=32", "model.optimizer.lr=0.01", "ema_decay=0.9"]
    assert run("train", *TRAIN, *small, "max_iterations=90").code == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    assert run("train", *TRAIN, *small, "max_iterations=50").code == 0
    result = run("train", *TOY_CONF, "resume=run", "max_iterations=90")
    assert result.code == 0, result.err
    whole, resumed = (torch.load(Path(one, "checkpoints/last.ckpt"), weights_only=True) for one in ("whole", "run"))
    assert all(torch.equal(one, resumed["state_dict"][name]) for name, one in whole["state_dict"].items())
    model = load("run", ["steps"]).model
    with torch.no_grad():
        losses = model.ema.token_losses(samples(2000, 6, [5], seed=5))
    entropy = (math.log(5) + 5 * 0.6109) / 6
    assert losses.mean().item() == pytest.approx(entropy, abs=0.05)
    assert run("generate", "checkpoint=run", TRUST, "n=8", "format=files", "output=files").code == 0
    assert len(list((tmp_path / "files").glob("*.steps"))) == 8
    cold = run("generate", "checkpoint=run", TRUST, "n=500", "format=arrays", "temperature=0.01", "nucleus=0.9")
    assert "temperature0.01_nucleus0.9" in cold.out, cold.err
    with np.load(cold.out.strip()) as arrays:
        rises = (np.diff(arrays["samples"][..., 0]) % 5 == 1).mean()
    assert rises == 1  # each step is the most likely one


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["temperature=0"], "temperature=0: must be greater than 0"),
        (["nucleus=1.5"], "nucleus=1.5: must be"),
        (["temperature=0.5"], "temperature=0.5: the model does not draw one token after another: train one with"),
        (["nucleus=0.5", "sign=true"], "sign=true: gan-verify cannot generate samples with nucleus=0.5 again"),
    ],
)
def test_wrong_options_are_one_line(run, arguments, message):
    assert run("train", *FAST, "max_iterations=1", "hydra.run.dir=run").code == 0
    result = run("generate", "checkpoint=run", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert message in result.err


def test_voice_is_given(run, tmp_path):
    """Samples of a model with a condition keep its values."""
    result = run("train", *VOICES, "data.harmonize=true", "max_iterations=3", "hydra.run.dir=run")
    assert result.code == 0, result.err
    trained = load("run", ["steps"])
    condition = trained.data.sample_conditions(20, 0)
    assert torch.equal(trained.model.sample(20, condition)[..., :5], condition)
