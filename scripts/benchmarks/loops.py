"""Training loops without a framework: the first article's as published, and others as fast as plain PyTorch gets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from gan_lightning.modalities.image import normalize
from gan_lightning.networks.styles import StyledGenerator

Batches = Iterator[Tensor]
Step = Callable[[], None]  # runs one iteration
Pair = tuple[nn.Sequential, nn.Sequential]  # generator, discriminator

LATENT_DIM = 100


def networks() -> Pair:
    """Return the article's generator and discriminator; the discriminator returns logits, without its sigmoid."""
    generator = nn.Sequential(
        nn.Linear(LATENT_DIM, 256), nn.ReLU(),
        nn.Linear(256, 512), nn.ReLU(),
        nn.Linear(512, 1024), nn.ReLU(),
        nn.Linear(1024, 784), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(784, 1024), nn.LeakyReLU(0.2),
        nn.Linear(1024, 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 256), nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
    )  # fmt: skip
    return generator, discriminator


def published_batches(root: Path, batch_size: int, device: torch.device) -> Batches:
    """Yield batches (B, 784) in [-1, 1] as the article does: each image is converted and normalized by itself."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    loader = DataLoader(datasets.MNIST(str(root), transform=transform), batch_size, shuffle=True, drop_last=True)
    while True:
        for images, _ in loader:
            yield images.view(len(images), -1).to(device)


def batches_from_memory(images: Tensor, batch_size: int) -> Batches:
    """Yield shuffled batches (B, …) in [-1, 1] of uint8 images (N, …), on the device of the images."""
    while True:
        for indices in torch.randperm(len(images)).to(images.device).split(batch_size):
            if len(indices) == batch_size:
                yield normalize(images[indices])


def article_loop(pair: Pair, batches: Batches, device: torch.device) -> Step:
    """Return the article's iteration: Sigmoid and BCELoss, two passes of the discriminator, default Adam."""
    generator, discriminator = (network.to(device) for network in pair)
    discriminator.append(nn.Sigmoid().to(device))
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.0002)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.0002)

    def step() -> None:
        real = next(batches)
        ones, zeros = torch.ones(len(real), 1, device=device), torch.zeros(len(real), 1, device=device)
        fake = generator(torch.randn(len(real), LATENT_DIM, device=device))
        d_optimizer.zero_grad()
        d_loss = criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)
        d_loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        g_loss = criterion(discriminator(fake), ones)
        g_loss.backward()
        g_optimizer.step()

    return step


def fast_loop(batches: Batches, device: torch.device, matmul_precision: str = "highest", averaged: bool = True) -> Step:
    """Return an iteration with the computations of ``model=mlp``, without a framework.

    Args:
        batches: real images (B, 784) in [-1, 1].
        device: device of the networks and the batches.
        matmul_precision: argument of ``torch.set_float32_matmul_precision``.
        averaged: True to average the generator's weights.
    """
    generator, discriminator = (network.to(device) for network in networks())
    g_parameters: list[Tensor] = list(generator.parameters())
    d_parameters: list[Tensor] = list(discriminator.parameters())
    average = [parameter.detach().clone() for parameter in g_parameters]
    g_optimizer = torch.optim.Adam(g_parameters, lr=2e-4, fused=True)
    d_optimizer = torch.optim.Adam(d_parameters, lr=2e-4, fused=True)

    def step() -> None:
        torch.set_float32_matmul_precision(matmul_precision)
        real = next(batches)
        fake = generator(torch.randn(len(real), LATENT_DIM, device=device))
        real_logits, fake_logits = discriminator(torch.cat([real, fake.detach()])).chunk(2)
        d_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        d_loss.backward()
        d_optimizer.step()
        d_optimizer.zero_grad()
        for parameter in d_parameters:
            parameter.requires_grad_(False)
        g_loss = F.softplus(-discriminator(fake)).mean()
        for parameter in d_parameters:
            parameter.requires_grad_(True)
        g_loss.backward()
        g_optimizer.step()
        g_optimizer.zero_grad()
        if averaged:
            with torch.no_grad():
                torch._foreach_lerp_(average, g_parameters, 0.001)
        torch.set_float32_matmul_precision("highest")

    return step


def penalized_loop(
    generator: StyledGenerator, discriminator: nn.Module, batches: Batches, device: torch.device, mixed: bool
) -> Step:
    """Return an iteration with the computations of ``objective=relativistic regularizer=r1_r2``, without a framework.

    Args:
        generator: network that maps latents (B, latent_dim) to images.
        discriminator: network that maps images to logits (B, 1).
        batches: real images (B, C, H, W) in [-1, 1].
        device: device of the networks and the batches.
        mixed: True to compute in bfloat16 where autocast does.
    """
    generator.to(device), discriminator.to(device)
    g_parameters: list[Tensor] = list(generator.parameters())
    d_parameters: list[Tensor] = list(discriminator.parameters())
    average = [parameter.detach().clone() for parameter in g_parameters]
    g_optimizer = torch.optim.Adam(g_parameters, lr=2e-3, betas=(0.0, 0.99), fused=True)
    d_optimizer = torch.optim.Adam(d_parameters, lr=2e-4, betas=(0.0, 0.99), fused=True)

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=mixed)

    def step() -> None:
        real = next(batches)
        with autocast():
            fake = generator(torch.randn(len(real), generator.latent_dim, device=device))
            seen = torch.cat([real, fake.detach()]).requires_grad_()
            logits = discriminator(seen).float()
        (slopes,) = torch.autograd.grad(logits.sum(), seen, create_graph=True)
        real_logits, fake_logits = logits.chunk(2)
        penalty = slopes.square().sum((1, 2, 3)).sum() / (2 * len(real))  # R1 + R2, from one pass
        (F.softplus(fake_logits - real_logits).mean() + penalty).backward()
        d_optimizer.step()
        d_optimizer.zero_grad()
        for parameter in d_parameters:
            parameter.requires_grad_(False)
        with autocast():
            real_logits, fake_logits = discriminator(real).float(), discriminator(fake).float()
        for parameter in d_parameters:
            parameter.requires_grad_(True)
        F.softplus(real_logits - fake_logits).mean().backward()
        g_optimizer.step()
        g_optimizer.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(average, g_parameters, 0.001)

    return step
