"""A modality defined outside the package, with its evaluator, a data set and networks.

A wave is 64 values of 16 bits. The YAML files are in ``conf/`` beside this file.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metric
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.label import Labels
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample, take

LENGTH = 64
MAGIC = b"WAVE"
CLASSES = 4  # frequencies


# The modality ---------------------------------------------------------------------------------------------------------


class Waves(Modality):
    """Waves of 64 values: content (n, 1, 64) int16, samples (n, 1, 64) float in [-1, 1], files of 4 + 128 bytes."""

    suffix = ".wave"
    media_type = "application/x-wave"
    content_dtype = torch.int16
    tolerance = 1

    def __init__(self) -> None:
        self.sample_shape = (1, LENGTH)

    def encode(self, content: Content) -> Sample:
        return content / 32767

    def decode(self, sample: Sample) -> Content:
        return (sample.clamp(-1, 1) * 32767).round().to(torch.int16).cpu()

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        columns = columns or math.ceil(math.sqrt(len(content)))
        rows = math.ceil(len(content) / columns)
        figure = Figure((columns, rows), dpi=50)
        for axes, wave in zip(figure.subplots(rows, columns, squeeze=False).flat, content, strict=False):
            axes.plot(wave[0])
            axes.set_ylim(-32768, 32767)
            axes.axis("off")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        paths = [folder / f"{i:06d}.wave" for i in range(start, start + len(content))]
        for path, wave in zip(paths, content, strict=True):
            path.write_bytes(MAGIC + wave.numpy().astype("<i2").tobytes())
        return paths

    def read_file(self, path: Path) -> Content:
        return torch.from_numpy(np.frombuffer(_body(path), "<i2").astype(np.int16)).view(1, 1, LENGTH)

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256(_body(path)).hexdigest()


def _body(path: Path) -> bytes:
    """Return the bytes of a wave file after the magic number; raise UserError for any other file."""
    data = path.read_bytes()
    if not data.startswith(MAGIC) or len(data) != len(MAGIC) + 2 * LENGTH:
        raise UserError(f"{path}: no wave of {LENGTH} values")
    return data[len(MAGIC) :]


# The evaluator --------------------------------------------------------------------------------------------------------


def loudness(content: Tensor) -> float:
    """Root mean square of waves (n, 1, 64)."""
    return content.double().square().mean().sqrt().item()


class WaveEvaluator(Evaluator):
    """Evaluator of waves, with their spectra as features."""

    metrics = (
        *Evaluator.metrics,
        Metric(
            "loudness",
            "root mean square of samples divided by that of real waves; 1 at best",
            lambda reference, generated: loudness(generated.content) / loudness(reference.real.content),
            headline=True,
            warn=lambda value, real: f"loudness: {value:.2g} of that of real waves" if value < 0.5 else None,
        ),
    )

    def features(self, content: Content) -> Tensor:
        return torch.fft.rfft(content[:, 0].float() / 32767).abs()


# The data -------------------------------------------------------------------------------------------------------------


class Sines(Data):
    """Sines of four frequencies with random phase and amplitude; the frequency is the label."""

    def __init__(self, batch_size: int, seed: int, size: int, conditional: bool, evaluator: Any = None) -> None:
        super().__init__(Waves(), batch_size, seed, Labels(CLASSES) if conditional else None, evaluator)
        self.size = size

    def load(self) -> Examples:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(self.size) % CLASSES
        phase, amplitude = torch.rand(2, self.size, 1, generator=generator)
        time = torch.arange(LENGTH) / LENGTH
        waves = (0.5 + amplitude / 2) * torch.sin(2 * math.pi * ((labels[:, None] + 1) * time + phase))
        return Examples((waves * 32767).short().unsqueeze(1), labels)


# The networks ---------------------------------------------------------------------------------------------------------


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to samples (B, 1, 64)."""

    def __init__(self, latent_dim: int, num_classes: int | None = None) -> None:
        super().__init__()
        self.embedding = None if num_classes is None else nn.Embedding(num_classes, latent_dim)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, 16 * 16),
            nn.ReLU(),
            nn.Unflatten(1, (16, 16)),
            nn.ConvTranspose1d(16, 8, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose1d(8, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(latent if self.embedding is None else latent + self.embedding(condition))


class Discriminator(nn.Module):
    """Maps samples (B, 1, 64) to logits (B, 1)."""

    def __init__(self, num_classes: int | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv1d(8, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten()
        )
        self.head = nn.Linear(256, 1)
        self.embedding = None if num_classes is None else nn.Embedding(num_classes, 256)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        features = self.layers(sample)
        logits = self.head(features)
        return (
            logits if self.embedding is None else logits + (self.embedding(condition) * features).sum(1, keepdim=True)
        )


# Joint content: an image and a wave -----------------------------------------------------------------------------------


class ImageAndWave(Modality):
    """Grey images of 8×8 pixels, each with a wave: a dict of both, in one .iw file for each sample."""

    suffix = ".iw"
    media_type = "application/x-image-and-wave"

    def __init__(self) -> None:
        self.parts: dict[str, Modality] = {"image": Images(1, 8, 8), "wave": Waves()}
        self.sample_shape = {name: part.sample_shape for name, part in self.parts.items()}

    def encode(self, content: Content) -> Sample:
        return {name: part.encode(content[name]) for name, part in self.parts.items()}

    def decode(self, sample: Sample) -> Content:
        return {name: part.decode(sample[name]) for name, part in self.parts.items()}

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        return self.parts["image"].sheet(content["image"], columns)

    def check(self, content: Content, where: object = "content") -> Content:
        return {name: part.check(content[name], f"{where}: {name}") for name, part in self.parts.items()}

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        paths = [folder / f"{i:06d}.iw" for i in range(start, start + len(content["image"]))]
        for i, path in enumerate(paths):
            path.write_bytes(content["image"][i].numpy().tobytes() + content["wave"][i].numpy().tobytes())
        return paths

    def read_file(self, path: Path) -> Content:
        data = path.read_bytes()
        image, wave = np.frombuffer(data[:64], np.uint8), np.frombuffer(data[64:], np.int16)
        content = {"image": torch.from_numpy(image.copy()), "wave": torch.from_numpy(wave.copy())}
        return {name: one.view(1, *self.sample_shape[name]) for name, one in content.items()}

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()


class Stripes(Data):
    """Images of stripes, each with a wave; the label of the wave sets the width of the stripes."""

    def __init__(self, batch_size: int, seed: int) -> None:
        super().__init__(ImageAndWave(), batch_size, seed)

    def load(self) -> Examples:
        content, labels = Sines(self.batch_size, self.seed, 64, False).load()
        rows = torch.arange(8)[None, :, None].expand(64, 8, 8)
        image = (rows // (1 + labels[:, None, None]) % 2 * 255).to(torch.uint8)
        return Examples({"image": image.unsqueeze(1), "wave": content})


class JointGenerator(nn.Module):
    """Maps latents (B, latent_dim) to images (B, 1, 8, 8) and waves (B, 1, 64)."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(latent_dim, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
        self.wave = Generator(latent_dim)

    def forward(self, latent: Tensor, condition: None = None) -> dict[str, Tensor]:
        return {"image": self.image(latent), "wave": self.wave(latent)}


class JointDiscriminator(nn.Module):
    """Maps images and waves to logits (B, 2), one for each part."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
        self.wave = Discriminator()

    def forward(self, sample: dict[str, Tensor], condition: None = None) -> Tensor:
        return torch.cat([self.image(sample["image"]), self.wave(sample["wave"])], 1)


# A condition that is content: a wave at an eighth of its rate ---------------------------------------------------------


class CoarseWaves(Waves):
    """Waves of 8 values: every eighth value of a wave."""

    suffix = ".coarse"

    def __init__(self) -> None:
        self.sample_shape = (1, 8)

    def read_file(self, path: Path) -> Content:
        return take(super().read_file(path), slice(None))[..., ::8]


class Refinable(Sines):
    """Sines whose condition is the same wave at an eighth of its rate, as in super-resolution."""

    def __init__(self, batch_size: int, seed: int, size: int) -> None:
        super().__init__(batch_size, seed, size, conditional=False)
        self.condition = CoarseWaves()

    def load(self) -> Examples:
        content, _ = super().load()
        return Examples(content, content[..., ::8].clone())


class Refiner(nn.Module):
    """Maps coarse waves (B, 1, 8) to waves (B, 1, 64), without a latent."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(8, LENGTH), nn.Tanh(), nn.Unflatten(1, (1, LENGTH)))

    def forward(self, latent: None, condition: Tensor) -> Tensor:
        return self.layers(condition)


class RefinementDiscriminator(nn.Module):
    """Maps waves and the coarse waves they were generated from to logits (B, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Linear(LENGTH + 8, 1)

    def forward(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.layers(torch.cat([sample.flatten(1), condition.flatten(1)], 1))
