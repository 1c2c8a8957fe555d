"""GAN.update against an independent implementation of the article's algorithm, and models in general."""

import copy
from functools import partial

import lightning.pytorch as L
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader

from gan_lightning.algorithms.gan import GAN, frozen
from gan_lightning.algorithms.objectives import NonSaturating
from gan_lightning.algorithms.priors import Normal
from gan_lightning.algorithms.regularizers import R1
from gan_lightning.algorithms.vae import VAE
from gan_lightning.callbacks import trained_by
from gan_lightning.data.datamodule import Batch
from gan_lightning.networks import mlp


def article_networks():
    """The first article's networks as it writes them, with the sigmoid in the discriminator."""
    generator = nn.Sequential(
        nn.Linear(100, 256), nn.ReLU(),
        nn.Linear(256, 512), nn.ReLU(),
        nn.Linear(512, 1024), nn.ReLU(),
        nn.Linear(1024, 784), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(784, 1024), nn.LeakyReLU(0.2),
        nn.Linear(1024, 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 256), nn.LeakyReLU(0.2),
        nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip
    return generator, discriminator


def article_training(generator, discriminator, batches, noise):
    """Run the article's loop in plain PyTorch; return the losses of each step."""
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.0002)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.0002)
    losses = []
    for images, z in zip(batches, noise, strict=True):
        real = images.view(images.size(0), -1)
        ones, zeros = torch.ones(len(real), 1).to(real), torch.zeros(len(real), 1).to(real)
        fake = generator(z)

        d_loss = criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        g_loss = criterion(discriminator(fake), ones)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        losses.append((d_loss.item(), g_loss.item()))
    return losses


class LossRecorder(L.Callback):
    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append((outputs["loss/discriminator"].item(), outputs["loss/generator"].item()))


def weight_pairs(ours, theirs):
    """Return the weights of our networks, each with that of the same place in theirs."""
    return [
        pair
        for networks in zip(ours, theirs, strict=True)
        for pair in zip(*(network.parameters() for network in networks), strict=True)
    ]


def fit(model, batches, **settings):
    """Train a model for an iteration on each batch of images."""
    trainer = L.Trainer(
        max_epochs=1, accelerator="cpu", precision="64-true" if batches[0].dtype is torch.float64 else "32-true",
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, **settings,
    )  # fmt: skip
    trainer.fit(model, DataLoader([Batch(images) for images in batches], batch_size=None))


def trained_side_by_side(dtype, steps):
    """Return the losses of our training, those of the article's, and pairs of their weights."""
    torch.manual_seed(0)
    batches = [torch.rand(64, 1, 28, 28, dtype=dtype) * 2 - 1 for _ in range(steps)]
    noise = [torch.randn(64, 100, dtype=dtype) for _ in range(steps)]
    reference = [network.to(dtype) for network in article_networks()]

    remaining = iter(noise)
    adam = torch.optim.Adam
    gan = GAN(
        prior=lambda n, device: next(remaining),
        generator=mlp.Generator(100, [1, 28, 28], [256, 512, 1024]),
        discriminator=mlp.Discriminator([1, 28, 28], [1024, 512, 256]),
        objective=NonSaturating(),
        generator_optimizer=lambda parameters: adam(parameters, lr=2e-4),
        discriminator_optimizer=lambda parameters: adam(parameters, lr=2e-4),
    ).to(dtype)
    for ours, theirs in weight_pairs((gan.generator, gan.discriminator), reference):
        ours.data.copy_(theirs.data)

    expected = article_training(*reference, batches, noise)
    recorder = LossRecorder()
    fit(gan, batches, callbacks=[recorder])
    weights = weight_pairs((gan.generator, gan.discriminator), reference)
    return torch.tensor(recorder.losses), torch.tensor(expected), weights


@pytest.mark.slow
def test_parity_with_the_article_in_float64():
    losses, expected, weights = trained_side_by_side(torch.float64, steps=60)
    torch.testing.assert_close(losses, expected, rtol=0, atol=1e-9)
    for ours, theirs in weights:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_parity_with_the_article_in_float32():
    losses, expected, _ = trained_side_by_side(torch.float32, steps=50)
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=0)


class Size:
    """Term: the mean square of the samples."""

    @staticmethod
    def weight(iteration):
        return 0.3 * (iteration + 1)

    def __call__(self, model, seen):
        return seen.fake.square().mean()


def test_update_with_two_discriminator_steps_a_penalty_and_a_term():
    """All weights equal those of a loop in plain PyTorch; the weights of the penalty and of the term grow."""
    torch.manual_seed(0)
    generator, discriminator = mlp.Generator(8, [1, 4, 4], [16]).double(), mlp.Discriminator([1, 4, 4], [16]).double()
    copies = copy.deepcopy((generator, discriminator))
    reals, noise = torch.rand(4, 16, 1, 4, 4).double() * 2 - 1, torch.randn(8, 8, 8).double()
    remaining = iter(noise)
    sgd = partial(torch.optim.SGD, lr=0.1)
    gan = GAN(
        lambda n, device: next(remaining), generator, discriminator, NonSaturating(), sgd, sgd,
        R1(lambda iteration: 0.5 * (iteration + 1)), {"size": Size()}, discriminator_steps=2,
    )  # fmt: skip
    fit(gan, reals)

    generator, discriminator = copies
    optimizers = [sgd(one.parameters()) for one in copies]
    latents = iter(noise)
    for iteration, images in enumerate(reals):
        for real in images.chunk(2):
            real, z = real.clone().requires_grad_(), next(latents)
            logits = discriminator(real)
            slopes = torch.autograd.grad(logits.sum(), real, create_graph=True)[0].flatten(1)
            d_loss = softplus(-logits).mean() + softplus(discriminator(generator(z).detach())).mean()
            d_loss = d_loss + 0.5 * (iteration + 1) * slopes.square().sum(1).mean() / 2
            optimizers[1].zero_grad()
            d_loss.backward()
            optimizers[1].step()
        fake = generator(z)
        g_loss = softplus(-discriminator(fake)).mean() + 0.3 * (iteration + 1) * fake.square().mean()
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
    for ours, theirs in weight_pairs((gan.generator, gan.discriminator), copies):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.fixture
def small_gan():
    torch.manual_seed(0)
    adam = torch.optim.Adam
    return GAN(
        Normal([8]),
        mlp.Generator(8, [1, 4, 4], [16]),
        mlp.Discriminator([1, 4, 4], [16]),
        NonSaturating(),
        adam,
        adam,
    )


def test_samples_depend_on_the_seed_alone(small_gan):
    small_gan.generator.train()
    first = small_gan.sample(5, seed=3)
    assert first.shape == (5, 1, 4, 4)
    assert torch.equal(first, small_gan.sample(5, seed=3))
    assert not torch.equal(first, small_gan.sample(5, seed=4))
    assert small_gan.generator.training
    assert not first.requires_grad


def test_samples_are_the_same_in_parts(small_gan):
    parts = list(small_gan.sample_parts(100, seed=1, most=7))
    assert [len(part) for part in parts] == [7] * 14 + [2]
    torch.testing.assert_close(torch.cat(parts), small_gan.sample(100, seed=1))


def test_weights_frozen_by_the_user_stay_frozen(small_gan):
    layer = small_gan.discriminator.layers[1]
    layer.bias.requires_grad_(False)
    again = GAN(
        Normal([8]), small_gan.generator, small_gan.discriminator, NonSaturating(), torch.optim.Adam, torch.optim.Adam
    )
    with frozen(again.discriminator_weights):
        assert not any(weight.requires_grad for weight in again.discriminator.parameters())
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


def test_frozen_lets_gradients_through():
    layer, x = nn.Linear(3, 1), torch.randn(2, 3, requires_grad=True)
    with frozen(list(layer.parameters())):
        layer(x).sum().backward()
    assert layer.weight.grad is None
    assert torch.equal(x.grad, layer.weight.expand(2, 3))
    assert layer.weight.requires_grad


def test_all_groups_of_an_optimizer_count(small_gan):
    """Parameters are listed by network, even if one optimizer trains several networks."""
    hidden, last = small_gan.discriminator.layers, small_gan.discriminator.head
    generator = list(small_gan.generator.parameters())
    groups = [{"params": list(last.parameters())}, {"params": list(hidden.parameters())}, {"params": generator[:1]}]
    trained = trained_by(torch.optim.SGD(groups, lr=1), small_gan)
    assert list(trained) == ["generator", "discriminator"]
    assert trained["generator"] == generator[:1]
    expected = list(small_gan.discriminator.parameters())
    assert all(ours is theirs for ours, theirs in zip(trained["discriminator"], expected, strict=True))


def test_update_of_a_vae(monkeypatch):
    """All weights equal those of a loop in plain PyTorch with the distributions of its library."""
    torch.manual_seed(0)
    encoder, decoder = mlp.Encoder([1, 4, 4], 8, [16]), mlp.Generator(8, [1, 4, 4], [16])
    copies = copy.deepcopy((encoder, decoder))
    reals, noise = torch.rand(4, 16, 1, 4, 4) * 2 - 1, torch.randn(4, 16, 8)
    remaining = iter(noise)
    sgd = partial(torch.optim.SGD, lr=0.01)
    vae = VAE(Normal([8]), decoder, encoder, sgd, kl_weight=0.7)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "randn_like", lambda mean: next(remaining))
        fit(vae, reals)

    encoder, decoder = copies
    optimizer = sgd([*encoder.parameters(), *decoder.parameters()])
    for real, z in zip(reals, noise, strict=True):
        mean, log_variance = encoder(real, None).chunk(2, 1)
        posterior = torch.distributions.Normal(mean, log_variance.exp().sqrt())
        p, x = (decoder(posterior.mean + posterior.stddev * z, None) + 1) / 2, (real + 1) / 2
        loss = -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1).mean()
        standard = torch.distributions.Normal(0, 1)
        loss = loss + 0.7 * torch.distributions.kl_divergence(posterior, standard).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for ours, theirs in weight_pairs((vae.encoder, vae.generator), copies):
        torch.testing.assert_close(ours, theirs)


def test_checking_networks_changes_nothing():
    """Statistics of batch norms and modes of networks stay the same."""
    norm = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 16))
    encoder = nn.Module()
    encoder.norm, encoder.forward = norm, lambda sample, condition: norm(sample)
    vae = VAE(Normal([8]), mlp.Generator(8, [1, 4, 4], [16]), encoder, torch.optim.Adam)
    vae.generator.eval()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    assert vae.check_networks((1, 4, 4), None).shape == (2, 1, 4, 4)
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert (vae.encoder.training, vae.generator.training) == (True, False)
    with pytest.raises(ValueError, match="the data have"):
        vae.check_networks((1, 5, 5), None)
