"""CycleGAN against an independent implementation of the paper's algorithm, and its pool of earlier fakes."""

import functools
from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from gan_lightning.algorithms.cycle import CycleGAN
from gan_lightning.algorithms.history import HistoryPool
from gan_lightning.algorithms.objectives import LeastSquares, Relativistic, Wasserstein
from gan_lightning.algorithms.regularizers import R1
from gan_lightning.data.datamodule import Batch
from gan_lightning.networks.patch_discriminator import PatchDiscriminator
from gan_lightning.networks.translator import Generator

A, B = (1, 12, 12), (3, 12, 12)
SGD = functools.partial(torch.optim.SGD, lr=0.05)


def cycle_gan(a=B, b=B, objective=None, **options):
    torch.manual_seed(0)
    networks = {
        "generator": Generator(a, b, width=4, downsamplings=1, blocks=1),
        "backward_generator": Generator(b, a, width=4, downsamplings=1, blocks=1),
        "discriminator": PatchDiscriminator(b, width=4, layers=1),
        "backward_discriminator": PatchDiscriminator(a, width=4, layers=1),
    }
    return CycleGAN(
        **networks,
        objective=objective or LeastSquares(),
        generator_optimizer=SGD,
        discriminator_optimizer=SGD,
        **options,
    )


class Recorder(L.Callback):
    def __init__(self):
        self.outputs = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.outputs.append({name: value.item() for name, value in outputs.items()})


def fit(model, batches, precision="64-true"):
    recorder = Recorder()
    trainer = L.Trainer(
        max_epochs=1, accelerator="cpu", precision=precision, callbacks=[recorder], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, DataLoader(batches, batch_size=None))
    return recorder.outputs


def paper_training(g, f, d_y, d_x, batches, gamma):
    """Run the paper's loop in plain PyTorch, with R1; return the losses of each step.

    G: X -> Y and F: Y -> X, their discriminators D_Y and D_X, least squares, λ = 10, identity weight 5.
    """
    generators = torch.optim.SGD([*g.parameters(), *f.parameters()], lr=0.05)
    discriminators = torch.optim.SGD([*d_y.parameters(), *d_x.parameters()], lr=0.05)
    mse, l1 = nn.MSELoss(), nn.L1Loss()
    losses = []
    for y, x in batches:
        fake_y, fake_x = g(None, x), f(None, y)
        d_loss = 0
        for d, real, fake in ((d_y, y, fake_y), (d_x, x, fake_x)):
            real = real.clone().requires_grad_()
            on_real, on_fake = d(real), d(fake.detach())
            d_loss = d_loss + mse(on_real, torch.ones_like(on_real)) / 2 + mse(on_fake, torch.zeros_like(on_fake)) / 2
            (slope,) = torch.autograd.grad(on_real.mean(1).sum(), real, create_graph=True)
            d_loss = d_loss + gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        discriminators.zero_grad()
        d_loss.backward()
        discriminators.step()

        adversarial = sum(mse(d(fake), torch.ones_like(d(fake))) / 2 for d, fake in ((d_y, fake_y), (d_x, fake_x)))
        cycle = l1(f(None, fake_y), x) + l1(g(None, fake_x), y)
        identity = l1(g(None, y), y) + l1(f(None, x), x)
        generators.zero_grad()
        (adversarial + 10 * cycle + 5 * identity).backward()
        generators.step()
        losses.append((d_loss.item(), adversarial.item(), cycle.item(), identity.item()))
    return torch.tensor(losses, dtype=torch.float64)


def test_parity_with_the_paper():
    torch.manual_seed(1)
    batches = [Batch(*torch.rand(2, 3, *B, dtype=torch.float64) * 2 - 1) for _ in range(4)]
    model, reference = cycle_gan(regularizer=R1(0.1)), cycle_gan().double()
    networks = ("generator", "backward_generator", "discriminator", "backward_discriminator")
    expected = paper_training(*(reference.get_submodule(name) for name in networks), batches, gamma=0.1)

    outputs = fit(model, batches)
    ours = [
        (
            one["loss/discriminator"] + one["loss/penalty"] * 1,
            one["loss/generator"],
            one["loss/cycle"],
            one["loss/identity"],
        )
        for one in outputs
    ]
    torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), expected, rtol=0, atol=1e-9)
    for name in networks:
        for ours, theirs in zip(
            model.get_submodule(name).parameters(), reference.get_submodule(name).parameters(), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_domains_of_different_channels_are_translated_both_ways():
    model = cycle_gan(A, B, Relativistic(), identity_weight=0.0, ema_decay=0.5)
    batches = [Batch(torch.rand(2, *B), torch.rand(2, *A)) for _ in range(2)]
    (first, second) = fit(model, batches, "32-true")
    assert "loss/identity" not in first
    assert first["loss/cycle"] > second["loss/cycle"]
    images = torch.rand(3, *A)
    there = model.sample(3, images)
    assert there.shape == (3, *B)
    assert model.backward_of(None) is model.backward_ema
    assert model.backward_of("raw") is model.backward_generator
    assert model.backward_of("ema")(None, there).shape == (3, *A)


def test_average_of_the_backward_generator():
    """After one iteration, the average is 10 % the first weights and 90 % the new ones."""
    model = cycle_gan(ema_decay=0.9)
    before = [weight.clone() for weight in model.backward_generator.parameters()]
    fit(model, [Batch(torch.rand(2, *B), torch.rand(2, *B))], "32-true")
    averages = zip(before, model.backward_generator.parameters(), model.backward_ema.parameters(), strict=True)
    for old, new, average in averages:
        torch.testing.assert_close(average, 0.1 * old + 0.9 * new)


def test_noise_before_translating_back():
    """The backward generator sees the translation with noise of the given standard deviation."""
    torch.manual_seed(0)
    images = torch.zeros(1, 3, 200, 200)
    assert cycle_gan(cycle_noise=0.1).noisy(images).std().item() == pytest.approx(0.1, rel=0.01)
    assert cycle_gan().noisy(images) is images


@pytest.mark.parametrize(
    ("options", "condition", "message"),
    [
        ({}, None, "the data have no images to translate: data=unpaired"),
        ({}, torch.tensor([1, 2]), "the data have no images to translate: data=unpaired"),
        ({"a": A}, torch.zeros(2, *A), r"identity_weight=5.0: needs equal shapes in both domains"),
    ],
)
def test_data_that_do_not_fit_are_rejected(options, condition, message):
    with pytest.raises(ValueError, match=message):
        cycle_gan(**options).check_networks(B, condition)


def test_both_discriminators_are_checked():
    with pytest.raises(ValueError, match="needs a discriminator of limited slope"):
        cycle_gan(objective=Wasserstein())


TOY = Path(__file__).parent / "toy"
TRAIN = [
    *("--config-dir", str(TOY / "conf"), "trainer=cpu", "data=domains", "model=cyclegan", "callbacks.evaluation=null"),
    *("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4", "model.cycle_noise=0.01"),
    "model.pool.size=4",
]


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.syspath_prepend(TOY)


def state(folder):
    return torch.load(Path(folder, "checkpoints/last.ckpt"), weights_only=True)["state_dict"]


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run, toy):
    """The pools of earlier fakes and both averages are part of the checkpoint."""
    options = ["objective=relativistic", "regularizer=r1_r2", "wrapper=[diffaugment]"]
    assert run("train", *TRAIN, *options, "hydra.run.dir=part", "max_iterations=7").code == 0
    resumed = run("train", "--config-dir", str(TOY / "conf"), "resume=part", "max_iterations=12")
    assert resumed.code == 0, resumed.err
    assert run("train", *TRAIN, *options, "hydra.run.dir=whole", "max_iterations=12").code == 0
    part, whole = state("part"), state("whole")
    assert part.keys() == whole.keys()
    assert all(torch.equal(value, part[name]) for name, value in whole.items())
    assert whole["pool.filled"].all()
    assert any(name.startswith("backward_ema.") for name in whole)


@pytest.mark.slow
def test_two_processes_train_the_same_networks_and_resume_exactly(run, tmp_path):
    small = [argument for argument in TRAIN[2:] if argument != "data=domains"]
    both = [*small, "data=digit_outlines", "data.batch_size=4", "trainer=ddp_cpu", "regularizer=r1"]
    notes = "+callbacks.notes._target_=tests.parallel.Notes"

    def train(*arguments):
        result = run("train", *arguments)
        assert result.code == 0, result.err

    train(*both, notes, "hydra.run.dir=part", "max_iterations=3")
    train("resume=part", "max_iterations=6", "trust_code=[tests]")
    train(*both, notes, "hydra.run.dir=whole", "max_iterations=6")
    part, whole, second = (
        torch.load(tmp_path / file)["weights"] for file in ("part/notes_1.pt", "whole/notes_1.pt", "whole/notes_0.pt")
    )
    assert all(torch.equal(value, part[name]) for name, value in whole.items())
    networks = [name for name in whole if not name.startswith(("pool.", "backward_pool."))]
    assert all(torch.equal(whole[name], second[name]) for name in networks)


def test_images_are_translated_by_the_command(run, toy):
    assert run("train", *TRAIN, "max_iterations=2", "hydra.run.dir=run").code == 0
    generated = run("generate", "checkpoint=run", "trust_code=[domains]", "n=4", "format=arrays", "output=images.npz")
    assert generated.code == 0, generated.err
    with np.load("images.npz") as arrays:
        assert arrays["samples"].shape == (4, 3, 12, 12)
        assert arrays["condition"].shape == (4, 3, 12, 12)


@pytest.mark.slow
def test_experiment_trains_in_both_directions(run):
    small = ["model.generator.width=4", "model.discriminator.width=4", "callbacks.evaluation=null", "trainer=cpu"]
    result = run("train", "experiment=translate", "model=cyclegan", "~terms.patch_nce", *small, "max_iterations=1")
    assert result.code == 0, result.err
    assert "loss/cycle" in result.out
    assert "ema" not in result.out.splitlines()[0]


def test_data_of_one_domain_are_rejected(run):
    result = run("train", "data=digits", "model=cyclegan", "max_iterations=1")
    assert (result.code, result.err.count("\n")) == (2, 1)


class TestPool:
    def test_new_fakes_are_returned_until_places_are_filled(self):
        torch.manual_seed(0)
        pool = HistoryPool(8, [1])
        fakes = torch.arange(8.0).view(8, 1)
        assert torch.equal(pool(fakes), fakes)
        assert torch.equal(pool.fakes.sort(0).values, fakes)

    def test_half_of_the_returned_fakes_are_earlier_ones(self):
        """Every fake is returned once or is still in the pool, and about half wait there for a while."""
        torch.manual_seed(0)
        pool = HistoryPool(50, [1])
        returned = [pool(torch.arange(4.0 * i, 4 * i + 4).view(4, 1)) for i in range(500)]
        everything = torch.cat([*returned, pool.fakes]).flatten()
        assert set(range(2000)) <= set(everything.tolist())
        late = [(part < 4 * i).float().mean() for i, part in enumerate(returned)][50:]
        assert torch.stack(late).mean().item() == pytest.approx(0.5, abs=0.05)

    def test_batch_larger_than_the_pool(self):
        torch.manual_seed(0)
        pool = HistoryPool(2, [3, 4])
        for _ in range(2):
            fakes = torch.randn(5, 3, 4)
            returned = pool(fakes)
            assert returned.shape == fakes.shape
            assert torch.equal(returned[2:], fakes[2:])
