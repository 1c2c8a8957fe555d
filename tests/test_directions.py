"""The directions command: SeFa, GANSpace, and directions learned from attributes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA

from gan_lightning.commands import directions as command
from gan_lightning.latents import supervised
from gan_lightning.latents.directions import ganspace, read_directions, sefa
from gan_lightning.latents.supervised import Learner, Target, level_sets, measure, targets_of
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST
from tests.test_latents import SMALL


@pytest.fixture
def styled(trained_once, monkeypatch):
    trained_once("styled", *SMALL, "hydra.run.dir=run")
    monkeypatch.setattr(command, "TESTED", 20)
    return load("run")


def test_sefa_equals_the_eigenvectors_of_numpy():
    weights = [torch.randn(size, 6, generator=torch.Generator().manual_seed(size)) for size in (3, 4, 9)]
    vectors, values = sefa(weights, 4)
    stacked = np.concatenate([one.numpy() for one in weights])
    expected_values, expected = np.linalg.eig(stacked.T @ stacked)
    order = expected_values.argsort()[::-1][:4]
    np.testing.assert_allclose(values, expected_values[order], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(vectors.numpy() * expected[:, order].T, 1)), 1, rtol=1e-4)
    assert (vectors.gather(1, vectors.abs().argmax(1, keepdim=True)) > 0).all()
    assert len(sefa(weights, 10)[0]) == 6


def test_ganspace_equals_the_principal_components_of_sklearn():
    styles = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)) @ torch.randn(5, 5) + 3
    vectors, shares = ganspace(styles, 3)
    expected = PCA(3).fit(styles.numpy())
    np.testing.assert_allclose(shares, expected.explained_variance_ratio_, rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(vectors.numpy() * expected.components_, 1)), 1, rtol=1e-4)


@pytest.mark.parametrize("method", ["sefa", "ganspace"])
def test_command_writes_directions_that_generate_takes(run, styled, method):
    result = run("directions", "checkpoint=run", f"method={method}", "n=100", "count=3")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[-2:] == [f"run/directions/{method}.safetensors", f"run/directions/{method}.png"]
    assert [line.split()[1] for line in lines[2:-2]] == [f"{method}_{i}" for i in range(3)]
    assert "changes most" in lines[0]
    found, checkpoint = read_directions(Path(lines[-2]))
    assert checkpoint == styled.digest
    generator = styled.model.ema.eval()
    with torch.no_grad():
        styles = generator.styles(styled.model.sample_latent(100, 0))[:, 0]
        expected = sefa(generator.style_weights(), 3) if method == "sefa" else ganspace(styles, 3)
    torch.testing.assert_close(found.vectors, expected[0])
    torch.testing.assert_close(found.scales, (styles @ found.vectors.T).std(0))
    with Image.open(lines[-1]) as sheet:
        assert sheet.height == command.HEADER_HEIGHT + 3 * 68 + 4
        assert sheet.width > 7 * 68 + 4
    assert run("generate", "checkpoint=run", "n=2", f"edit={method}_1=-2").code == 0


class Shapes(torch.nn.Module):
    """Style generator whose samples are their styles, with two levels: attribute i is "yes" if w_i > 1 at level i."""

    levels, style_dim = 3, 2

    def synthesize(self, styles):
        return torch.stack([styles[:, 0, 0], styles[:, 1, 1]], 1)


def read(samples):
    return (samples > 1).long()


TARGETS = targets_of({"hat": ["none", "cap"], "eyes": ["open", "closed"]})


@pytest.fixture
def learner():
    z = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    styles = z @ torch.tensor([[1.0, 0.6], [0.0, 0.8]])  # its two components are correlated
    return Learner(Shapes(), read, styles, read(styles))


def test_targets_of_attributes():
    assert targets_of({"hat": ["none", "cap", "crown"], "eyes": ["open", "closed"]}) == [
        Target("hat", 0, [1, 2]),
        Target("hat.none", 0, [0]),
        Target("hat.cap", 0, [1]),
        Target("hat.crown", 0, [2]),
        Target("eyes.open", 1, [0]),
        Target("eyes.closed", 1, [1]),
    ]


def test_level_sets_are_runs_of_sizes():
    assert level_sets(3) == [[0, 1, 2], [1, 2], [0]]
    assert len(level_sets(7)) == 10


def test_learned_direction_changes_one_attribute(learner):
    """The attributes are correlated, but the direction to one of them leaves the other."""
    found, strength = learner.learn(TARGETS[0])
    styles = learner.styles[:, None].expand(-1, 3, -1)
    effect = measure(Shapes(), read, styles, learner.attributes, found.shift("hat", strength, 3), TARGETS[0])
    assert effect.wanted > 0.8
    assert effect.any_other < 0.05
    assert found.levels == [[0]]


def test_vector_is_the_effect_of_one_attribute():
    """The styles are a sum of effects of dependent attributes."""
    generator = torch.Generator().manual_seed(0)
    hat = torch.randint(3, (6000,), generator=generator)
    eyes = torch.where(torch.rand(6000, generator=generator) < 0.7, (hat == 2).long(), 0)
    effects = torch.randn(3, 4, generator=generator), torch.randn(2, 4, generator=generator)
    styles = effects[0][hat] + effects[1][eyes] + 0.1 * torch.randn(6000, 4, generator=generator)
    learner = Learner(Shapes(), read, styles, torch.stack([hat, eyes], 1))
    expected = effects[1][1] - effects[1][0]
    torch.testing.assert_close(learner.vector(Target("eyes.closed", 1, [1])), expected, rtol=0, atol=0.03)
    cap, none = effects[0][1], effects[0][0]
    counts = hat.bincount()
    expected = cap - (counts[0] * none + counts[2] * effects[0][2]) / (counts[0] + counts[2])
    torch.testing.assert_close(learner.vector(Target("hat.cap", 0, [1])), expected, rtol=0, atol=0.03)


def test_learned_strength_reaches_the_target_despite_other_changes(learner, monkeypatch):
    """A strength that changes nothing is worse than one that also changes the other attribute of all samples."""
    monkeypatch.setattr(supervised, "STRENGTHS", (0.0, 40.0))
    read_twice = lambda samples: read(samples)[:, [0, 0]]  # noqa: E731
    dependent = Learner(Shapes(), read_twice, learner.styles, read_twice(learner.styles))
    assert dependent.learn(TARGETS[0])[1] == 40


def test_effect_equals_a_loop(learner):
    target, shift = TARGETS[0], torch.tensor([[0.7, 0.0], [0.0, 0.4], [0.0, 0.0]])
    styles, before = learner.styles[:200, None].expand(-1, 3, -1), learner.attributes[:200]
    reached = changed = total = 0
    for style, attributes in zip(styles, before.tolist(), strict=True):
        if attributes[0] == 0:
            after = read(Shapes().synthesize((style + shift)[None]))[0].tolist()
            total, reached, changed = total + 1, reached + (after[0] == 1), changed + (after[1] != attributes[1])
    effect = measure(Shapes(), read, styles, before, shift, target)
    assert effect.wanted == pytest.approx(reached / total)
    assert effect.any_other == pytest.approx(changed / total)
    assert effect.others.tolist() == pytest.approx([0, changed / total])


@pytest.fixture
def bright(styled, monkeypatch):
    """Let the attributes of samples tell how bright two of their channels are; return what reads them."""
    monkeypatch.setattr(supervised, "TRIED", 4)
    monkeypatch.setattr(supervised, "STRENGTHS", (2.0,))
    monkeypatch.setattr(supervised, "MIN_EXAMPLES", 5)
    values = {"hat": ["none", "cap"], "eyes": ["open", "closed"]}
    monkeypatch.setattr(command, "targets_of", lambda attributes: targets_of(values))
    median = styled.model.sample(100).mean((2, 3))[:, :2].median(0).values
    read_brightness = lambda samples: (samples.mean((2, 3))[:, :2] > median).long()  # noqa: E731
    monkeypatch.setattr(command, "_read_with", lambda trained, reader: read_brightness)
    return read_brightness


def test_supervised(run, styled, bright, monkeypatch):
    draw, sheets = command._sheet, []
    monkeypatch.setattr(command, "_sheet", lambda *arguments: sheets.append(arguments) or draw(*arguments))
    result = run("directions", "checkpoint=run", "method=supervised", "n=100")
    assert result.code == 0, result.err
    names = ["hat", "hat.none", "hat.cap", "eyes.open", "eyes.closed"]
    assert [line.split()[1] for line in result.out.splitlines()[2:-3]] == names
    assert "(random, 0.05 standard deviations)" in result.out.splitlines()[-3]
    assert run("generate", "checkpoint=run", "n=2", "edit=hat=2,eyes.closed=-1").code == 0
    assert "there are hat, hat.none, hat.cap, " in run("generate", "checkpoint=run", "edit=shoes=1").err
    ((_, generator, _, starts),) = sheets
    with torch.no_grad():
        attributes = bright(generator.synthesize(starts[:, None].expand(-1, generator.levels, -1)))
    for target, sample in zip(TARGETS, attributes, strict=True):
        assert not target.reached(sample[None]), f"the row of {target.name} starts from a sample with the value"


def test_direction_that_reaches_no_sample_is_left_out(run, bright, monkeypatch):
    def measure_without_cap(*arguments):
        effect = measure(*arguments)
        return effect._replace(wanted=0.0) if arguments[-1].name == "hat.cap" else effect

    monkeypatch.setattr(command, "measure", measure_without_cap)
    result = run("directions", "checkpoint=run", "method=supervised", "n=100")
    assert result.code == 0, result.err
    assert result.out.count("hat.cap (left out: reaches no sample)") == result.out.count("left out") == 1
    found, _ = read_directions(Path("run/directions/supervised.safetensors"))
    assert found.names == ["hat", "hat.none", "eyes.open", "eyes.closed"]


def test_no_direction_that_reaches_a_sample(run, bright, monkeypatch):
    monkeypatch.setattr(supervised, "STRENGTHS", (0.0,))
    result = run("directions", "checkpoint=run", "method=supervised", "n=100")
    expected = "method=supervised: no direction changes its attribute: train longer, or raise n"
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert not Path("run/directions").exists()


def test_models_and_data_that_have_no_directions(run, trained_once):
    trained_once("generator", *FAST, "max_iterations=2", "hydra.run.dir=run")
    result = run("directions", "checkpoint=run")
    expected = "error: checkpoint=run: the model has no styles: train one with model=stylegan or model=style_dcgan\n"
    assert (result.code, result.err) == (2, expected)


def test_data_without_attributes(run, trained_once):
    trained_once("styled_digits", "data=digits", *SMALL[3:], "hydra.run.dir=run")
    result = run("directions", "checkpoint=run", "method=supervised")
    expected = "method=supervised: the data of the run have no attributes that can be read from samples: method=sefa or"
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert not Path("run/directions").exists()
    result = run("directions", "checkpoint=run", "method=ganspace", "n=50", "count=2")
    assert (result.code, "changes most" in result.out) == (0, False), result.err


@pytest.mark.parametrize("argument", ["method=pca", "n=1", "count=0", "seed=-1"])
def test_bad_input(run, argument):
    result = run("directions", "checkpoint=run", argument)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"error: {argument}: " in result.err
