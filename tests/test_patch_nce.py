"""The contrastive term of CUT, against a plain loop over patches."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.objectives import LeastSquares
from gan_lightning.algorithms.patch_nce import PatchNCE, contrast
from gan_lightning.algorithms.terms import GeneratorPass
from gan_lightning.networks import mlp
from gan_lightning.networks.patch_discriminator import PatchDiscriminator
from gan_lightning.networks.translator import Generator, stage_channels

TOY = Path(__file__).parent / "toy"
SHAPE = (3, 12, 12)
STAGES = (0, 2, 3)


def term(**options):
    torch.manual_seed(1)
    channels = stage_channels(SHAPE, 4, 1, 1, STAGES)
    return PatchNCE(1.0, STAGES, channels, **{"patches": 1000, "dim": 8, "identity": False} | options)


def gan(**terms):
    torch.manual_seed(0)
    generator = Generator(SHAPE, SHAPE, width=4, downsamplings=1, blocks=1)
    adam = torch.optim.Adam
    return GAN(None, generator, PatchDiscriminator(SHAPE, 4, 1), LeastSquares(), adam, adam, terms=terms)


def images(seed, n=2):
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def seen(model, condition, real):
    return GeneratorPass(None, condition, real, model.generator(None, condition), torch.zeros(len(real), 1))


def plain_loss(nce, generator, translated, originals):
    """Return the mean over stages, images and places of −log(exp(q·k⁺/τ) / Σ exp(q·k/τ)), by a loop."""
    losses = []
    for head, queries, keys in zip(
        nce.heads, generator.encode(translated, STAGES), generator.encode(originals, STAGES), strict=True
    ):
        for query_map, key_map in zip(queries, keys, strict=True):
            rows, columns = query_map.shape[1:]
            places = [(i, j) for i in range(rows) for j in range(columns)]
            project = {
                (name, place): head(one[:, *place])
                for name, one in (("q", query_map), ("k", key_map))
                for place in places
            }
            vectors = {name: vector / vector.norm() for name, vector in project.items()}
            for place in places:
                scores = {other: float(vectors["q", place] @ vectors["k", other]) / 0.07 for other in places}
                total = sum(math.exp(score) for score in scores.values())
                losses.append((len(places), -math.log(math.exp(scores[place]) / total)))
    by_stage = {count: [loss for n, loss in losses if n == count] for count in {n for n, _ in losses}}
    return by_stage


@torch.no_grad()
def test_term_equals_a_loop_over_patches():
    """With as many patches as there are places, their random order does not matter."""
    model, nce = gan().double(), term().double()
    condition = images(0).double()
    batch = seen(model, condition, images(1).double())
    losses = plain_loss(nce, model.generator, batch.fake, condition)
    whole, halved = losses[144], losses[36]
    expected = (sum(whole) / len(whole) + 2 * sum(halved) / len(halved)) / 3  # one stage at full size, two at half
    assert nce(model, batch).item() == pytest.approx(expected, rel=1e-9)


@torch.no_grad()
def test_identity_adds_the_term_of_real_images():
    model, condition, real = gan(), images(0), images(1)
    batch = seen(model, condition, real)
    there = term()(model, batch).item()
    itself = term()(model, seen(model, real, condition)).item()
    assert term(identity=True)(model, batch).item() == pytest.approx((there + itself) / 2, rel=1e-5)


@torch.no_grad()
def test_flip_equivariance_mirrors_half_of_the_batches():
    """A key of a mirrored batch is that of FastCUT: the features of the image that was mirrored, mirrored back."""
    torch.manual_seed(0)
    model, condition, nce = gan(), images(0), term(flip_equivariance=True)
    plain = model.generator.encode(condition, STAGES)
    mirrored = [one.flip(3) for one in model.generator.encode(condition.flip(3), STAGES)]
    drawn = [nce.encode_keys(model.generator, condition) for _ in range(40)]
    flipped = [all(map(torch.equal, keys, mirrored)) for keys in drawn]
    assert flipped == [not all(map(torch.equal, keys, plain)) for keys in drawn]
    assert 10 < sum(flipped) < 30


def test_gradients_reach_the_translation_but_not_the_keys():
    model, nce, real = gan(), term(), images(1)
    translated, originals = images(2).requires_grad_(), images(3).requires_grad_()
    nce.compare(model.generator, translated, originals).backward()
    assert translated.grad.abs().sum() > 0
    assert originals.grad is None
    assert all(weight.grad.abs().sum() > 0 for weight in nce.heads.parameters())
    assert real.grad is None


def test_equal_vectors_are_found_with_a_probability_of_one_in_all():
    same = nn.functional.normalize(torch.ones(2, 5, 3), dim=2)
    assert contrast(same, same, 0.07).item() == pytest.approx(math.log(5))
    assert contrast(torch.eye(5)[None], torch.eye(5)[None], 0.01).item() == pytest.approx(0, abs=1e-6)


def test_fewer_patches_are_compared():
    query, nce = torch.randn(2, 4, 6, 6), term(patches=7)
    seen_by_head = []
    nce.heads[0] = nn.Identity()
    nce.heads[0].register_forward_pre_hook(lambda head, inputs: seen_by_head.append(inputs[0].shape))
    nce.heads = nce.heads[:1]
    encoder = type("Encoder", (), {"encode": lambda self, images, stages: [query]})()
    nce.compare(encoder, query, query)
    assert seen_by_head == [(2, 7, 4)] * 2


def test_heads_are_trained_with_the_generator():
    nce = term()
    _, optimizer = gan(patch_nce=nce).configure_optimizers()
    trained = set(optimizer.param_groups[0]["params"])
    assert trained.issuperset(nce.heads.parameters())


def test_models_that_do_not_fit_are_rejected_before_training():
    adam = torch.optim.Adam
    other = GAN(
        None,
        Generator((1, 12, 12), SHAPE, width=4, downsamplings=1, blocks=1),
        PatchDiscriminator(SHAPE, 4, 1),
        LeastSquares(), adam, adam, terms={"patch_nce": term()},
    )  # fmt: skip
    with pytest.raises(ValueError, match="encodes images of both domains, but they have 1 and 3 channels"):
        other.check_networks(SHAPE, images(0)[:, :1])
    plain = gan(patch_nce=term())
    plain.generator = plain.ema = mlp.Encoder(SHAPE, 1, [8])
    with pytest.raises(ValueError, match="patch_nce needs a generator that encodes images, not Encoder"):
        term()(plain, GeneratorPass(None, images(0), images(0), images(0), None))


TRAIN = [
    *("--config-dir", str(TOY / "conf"), "trainer=cpu", "data=domains", "callbacks.evaluation=null"),
    *("model=cut", "term=[patch_nce]", "model.generator.width=4", "model.discriminator.width=4"),
]


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run, monkeypatch):
    monkeypatch.syspath_prepend(TOY)
    options = ["terms.patch_nce.flip_equivariance=true", "objective=relativistic", "regularizer=r1"]
    assert run("train", *TRAIN, *options, "hydra.run.dir=part", "max_iterations=3").code == 0
    resumed = run("train", "--config-dir", str(TOY / "conf"), "resume=part", "max_iterations=6")
    assert resumed.code == 0, resumed.err
    assert run("train", *TRAIN, *options, "hydra.run.dir=whole", "max_iterations=6").code == 0
    part, whole = (
        torch.load(Path(folder, "checkpoints/last.ckpt"), weights_only=True)["state_dict"]
        for folder in ("part", "whole")
    )
    assert all(torch.equal(value, part[name]) for name, value in whole.items())
    assert any(name.startswith("term_networks.") for name in whole)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["terms.patch_nce.stages=[0,9]"], "terms.patch_nce.stages=[0, 9]: stages [9]: the generator has stages 0…7"),
        (["data.condition_shape=[1,12,12]"], "patch_nce encodes images of both domains"),
    ],
)
def test_bad_settings_are_explained(run, monkeypatch, arguments, expected):
    monkeypatch.syspath_prepend(TOY)
    result = run("train", *TRAIN, *arguments, "max_iterations=1")
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert expected in result.err
