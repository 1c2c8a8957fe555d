"""GANs of sequences: all steps at once, on codes, and by a discriminator that chooses among drafts."""

import sys
from pathlib import Path

import pytest
import torch
from scipy.stats import chi2
from torch import nn

from gan_lightning.algorithms.draft_gan import effective_share
from gan_lightning.modalities.sequence import codes_of
from gan_lightning.networks import code_gan, drafts, recurrent, sequence_gan
from gan_lightning.runs.checkpoints import load

TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(TOY))
from steps import samples  # noqa: E402

LENGTH, BLOCKS = 3, [3, 2]
TOY_CONF = ["--config-dir", str(TOY / "conf")]
SMALL = {
    "text_gan": ["model.generator.drafter.end=null", "model.likelihood_iterations=5", "model.generator.drafts=3"],
    "text_gan_conv": ["model.generator.drafter.end=null", "model.likelihood_iterations=5", "model.generator.drafts=3"],
    "text_code_gan": ["model.generator.decoder.end=null", "model.autoencoder_iterations=5"],
    "text_one_shot": [],
}
UPDATES = {  # of each optimizer in eight iterations
    "text_gan": [5, 3],
    "text_gan_conv": [5, 3],
    "text_code_gan": [5, 3, 3],
    "text_one_shot": [8, 8],
}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.syspath_prepend(TOY)


def drafter():
    torch.manual_seed(0)
    return recurrent.Generator(8, 12, blocks=BLOCKS, length=LENGTH).eval()


class FavoursTwos(nn.Module):
    """Discriminator whose logit is the number of twos in the first block."""

    def forward(self, sample, condition=None):
        return sample[..., 2].sum(1, keepdim=True)


# Drafts ---------------------------------------------------------------------------------------------------------------


def test_chosen_drafts_follow_the_weighted_distribution():
    """With many drafts, the number of twos has its distribution among drafts times exp(number)."""
    made, n, many = drafter(), 4000, 60
    generator = drafts.Generator(made, FavoursTwos(), many)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        single = made(torch.rand(200_000, LENGTH, 2, generator=random))[..., 2].sum(1)
        chosen = generator(torch.rand(n, many * LENGTH * 2 + 1, generator=random))[..., 2].sum(1)
    expected = torch.bincount(single.long(), minlength=LENGTH + 1) * torch.arange(LENGTH + 1).double().exp()
    expected = n * expected / expected.sum()
    found = torch.bincount(chosen.long(), minlength=LENGTH + 1)
    assert ((found - expected) ** 2 / expected).sum() < chi2.ppf(0.999, LENGTH) + 10  # the number of drafts is finite


def test_one_draft_is_the_sample():
    made, latent = drafter(), torch.rand(20, LENGTH * 2 + 1)
    generator = drafts.Generator(made, FavoursTwos(), 1)
    assert torch.equal(generator(latent), made(latent[:, :-1].unflatten(1, (LENGTH, 2))))


def test_sample_is_one_of_its_drafts_and_depends_on_its_own_latent_alone():
    made, latent = drafter(), torch.rand(20, 4 * LENGTH * 2 + 1)
    generator = drafts.Generator(made, FavoursTwos(), 4)
    sample = generator(latent)
    every = [made(latent[:, 6 * i : 6 * (i + 1)].unflatten(1, (LENGTH, 2))) for i in range(4)]
    assert torch.stack([(sample == one).all((1, 2)) for one in every]).any(0).all()
    assert torch.equal(sample[5:9], generator(latent[5:9]))


def test_effective_share_counts_equal_drafts_all_and_a_single_one_alone():
    assert effective_share(torch.full((8,), 3.0)).item() == pytest.approx(1)
    assert effective_share(torch.tensor([100.0, 0, 0, 0])).item() == pytest.approx(0.25)
    weights = torch.rand(50) + 0.1
    expected = weights.sum() ** 2 / (50 * weights.square().sum())
    assert effective_share(weights.log()).item() == pytest.approx(expected.item(), rel=1e-5)


# Networks -------------------------------------------------------------------------------------------------------------


def test_one_shot_generator_draws_from_its_softmax():
    torch.manual_seed(0)
    made = sequence_gan.Generator(BLOCKS, LENGTH, 4, 16, 1).eval()
    latent = torch.randn(20_000, sequence_gan.latent_size([LENGTH, 5], 4))
    latent[:, :4] = latent[0, :4]
    with torch.no_grad():
        found = made(latent).mean(0)
        logits = made.layers(latent[:1, :4]).unflatten(1, (LENGTH, 5))[0]
    expected = torch.cat([one.softmax(1) for one in logits.split(BLOCKS, 1)], 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.015)


def test_one_shot_generator_has_gradients_and_one_hot_samples():
    made = sequence_gan.Generator(BLOCKS, LENGTH, 4, 16, 1)
    sample = made(torch.randn(8, sequence_gan.latent_size([LENGTH, 5], 4)))
    for block in sample.split(BLOCKS, 2):
        assert block.detach().max(2).values.flatten().tolist() == pytest.approx([1] * 24, abs=1e-6)
    (sample * torch.randn_like(sample)).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in made.parameters())


def test_discriminator_sees_where_steps_stand_next_to_each_other():
    """The same steps in another order have another logit."""
    torch.manual_seed(0)
    made = sequence_gan.Discriminator([LENGTH, 5], 8, [2], 16, 8)
    sample = samples(16, LENGTH, BLOCKS)
    assert not torch.allclose(made(sample), made(sample[:, [0, 2, 1]]))
    assert made(sample).shape == (16, 1)


def test_codes_have_norm_1_and_decide_the_sample():
    torch.manual_seed(0)
    decoder = code_gan.Decoder(6, 8, 12, blocks=BLOCKS, length=LENGTH)
    generator = code_gan.Generator(decoder, 5, [16], 6).eval()
    encoder = code_gan.Encoder(BLOCKS, 8, 12, 6)
    for codes in (generator.codes(torch.randn(9, 5)), encoder(samples(9, LENGTH, BLOCKS))):
        assert codes.norm(dim=1).tolist() == pytest.approx([1] * 9, abs=1e-5)
    latent = torch.randn(9, 5)
    sample, codes = generator(latent), generator.codes(latent)
    hidden = decoder.hidden(codes_of(sample, BLOCKS), codes)[:, 0]
    first = decoder.head.logits(hidden, 0).argmax(1)
    assert torch.equal(codes_of(sample, BLOCKS)[:, 0, 0], first)


# Commands -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", SMALL)
def test_train_resume_and_generate(run, tmp_path, model):
    """The run is interrupted in its first stage."""
    train = [*TOY_CONF, "data=chain", f"model={model}", *SMALL[model], "objective=relativistic", "regularizer=r1_r2"]
    train += ["trainer=cpu", "hydra.run.dir=run"]
    assert run("train", *train, "max_iterations=8").code == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    assert run("train", *train, "max_iterations=3").code == 0
    result = run("train", *TOY_CONF, "resume=run", "max_iterations=8")
    assert result.code == 0, result.err
    whole, resumed = (torch.load(Path(one, "checkpoints/last.ckpt"), weights_only=True) for one in ("whole", "run"))
    assert all(torch.equal(one, resumed["state_dict"][name]) for name, one in whole["state_dict"].items())
    updates = [int(next(iter(one["state"].values()))["step"]) for one in whole["optimizer_states"]]
    assert updates == UPDATES[model]
    assert run("generate", "checkpoint=run", "trust_code=[steps]", "n=8", "format=files", "output=files").code == 0
    assert len(list((tmp_path / "files").glob("*.steps"))) == 8


@pytest.mark.slow
@pytest.mark.parametrize("model", ["text_gan", "text_code_gan"])
def test_penalty_has_its_weight(run, model):
    train = [*TOY_CONF, "data=chain", f"model={model}", *SMALL[model], "trainer=cpu", "max_iterations=8"]
    weights = {}
    for name, penalty in {
        "none": ["regularizer=none"],
        "zero": ["regularizer=r1_r2", "regularizer.weight=0"],
        "one": ["regularizer=r1_r2", "regularizer.weight=1"],
    }.items():
        assert run("train", *train, *penalty, f"hydra.run.dir={name}").code == 0
        state = torch.load(f"{name}/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        weights[name] = torch.cat([one.flatten() for key, one in state.items() if "discriminator" in key])
    torch.testing.assert_close(weights["zero"], weights["none"])
    assert not torch.allclose(weights["one"], weights["none"])


def test_discriminator_improves_drafts(run, tmp_path):
    """The drafts have hardly been trained; the chosen ones have fewer steps that the data never have."""
    few = ["model.likelihood_iterations=24", "max_iterations=140", "model.generator.drafter.end=null"]
    train = [*TOY_CONF, "data=chain", "model=text_gan", *few, "ema_decay=0.9", "trainer=cpu", "hydra.run.dir=run"]
    result = run("train", *train)
    assert result.code == 0, result.err
    model = load("run", ["steps"]).model
    with torch.no_grad():
        unchosen = model.ema.drafter(torch.rand(500, 6, 1, generator=torch.Generator().manual_seed(1)))

    def wrong(sample):
        change = codes_of(sample, [5])[..., 0].diff(dim=1) % 5
        return (change >= 2).any(1).double().mean().item()

    assert wrong(samples(50, 6, [5])) == 0
    assert wrong(model.sample(500)) < 0.7 * wrong(unchosen)
