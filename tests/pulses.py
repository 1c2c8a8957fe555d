"""Modalities outside the package: waveforms in one file each, together in one file, and in WAV files."""

import hashlib
import math
import wave
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf

from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.modality import Modality

LENGTH = 64
MAGIC = b"WAVE"


class Pulses(Modality):
    """Modality of waveforms of 64 values; content: (n, 64) int16."""

    suffix = ".pulse"
    media_type = "application/x-pulse"
    content_dtype = torch.int16
    tolerance = 1

    def __init__(self):
        self.sample_shape = (LENGTH,)

    def encode(self, content):
        return content.float() / 32767

    def decode(self, sample):
        return (sample * 32767).round().to(torch.int16).cpu()

    def sheet(self, content, columns=None):
        columns = columns or math.ceil(math.sqrt(len(content)))
        return np.zeros((8 * math.ceil(len(content) / columns), LENGTH * columns, 3), np.uint8)

    def write(self, content, folder, start=0):
        paths = [folder / f"{start + i:06d}{self.suffix}" for i in range(len(content))]
        for path, values in zip(paths, content, strict=True):
            path.write_bytes(MAGIC + values.numpy().astype("<i2").tobytes())
        return paths

    def read_file(self, path):
        return torch.from_numpy(_values(path).reshape(-1, LENGTH).astype(np.int16))

    @classmethod
    def digest(cls, path):
        return hashlib.sha256(_values(path).tobytes()).hexdigest()


class PulseTable(Pulses):
    """Waveforms that are written to one file together."""

    suffix = ".pulses"

    def write(self, content, folder, start=0):
        path = folder / f"all{self.suffix}"
        with path.open("ab") as file:
            file.write((b"" if start else MAGIC) + content.numpy().astype("<i2").tobytes())
        return [path]


class Sounds(Pulses):
    """Waveforms in WAV files, which C2PA can sign."""

    suffix = ".sound.wav"
    media_type = "audio/wav"

    def write(self, content, folder, start=0):
        paths = [folder / f"{start + i:06d}{self.suffix}" for i in range(len(content))]
        for path, values in zip(paths, content, strict=True):
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(values.numpy().astype("<i2").tobytes())
        return paths

    def read_file(self, path):
        return torch.from_numpy(_frames(path)[None].astype(np.int16))

    @classmethod
    def digest(cls, path):
        return hashlib.sha256(_frames(path).tobytes()).hexdigest()


def _values(path):
    content = path.read_bytes()
    if not content.startswith(MAGIC) or (len(content) - len(MAGIC)) % (2 * LENGTH):
        raise UserError(f"{path}: no waveform")
    return np.frombuffer(content[len(MAGIC) :], "<i2")


def _frames(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


class WaveData(Data):
    """Data set of random waveforms."""

    source, licence = "noise", "CC0-1.0"

    def __init__(self, batch_size, seed, modality="Pulses"):
        super().__init__({"Pulses": Pulses, "PulseTable": PulseTable, "Sounds": Sounds}[modality](), batch_size, seed)

    def load(self):
        return Examples(torch.randint(-32768, 32767, (32, LENGTH)).to(torch.int16))


def write_checkpoint(run: Path, modality: str = "Pulses") -> None:
    """Write the last checkpoint of a run whose model was not trained."""
    shape = {"sample_shape": [LENGTH], "hidden_dims": [16]}
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.001}
    model = {
        "_target_": "gan_lightning.algorithms.gan.GAN",
        "prior": {"_target_": "gan_lightning.algorithms.priors.Normal", "shape": [8]},
        "generator": {"_target_": "gan_lightning.networks.mlp.Generator", "latent_dim": 8, **shape},
        "discriminator": {"_target_": "gan_lightning.networks.mlp.Discriminator", **shape},
        "objective": {"_target_": "gan_lightning.algorithms.objectives.NonSaturating"},
        "regularizer": {"_target_": "gan_lightning.algorithms.regularizers.NoPenalty"},
        "generator_optimizer": adam,
        "discriminator_optimizer": adam,
    }
    data = {"_target_": "tests.pulses.WaveData", "batch_size": 8, "seed": 0, "modality": modality}
    torch.manual_seed(0)
    weights = instantiate(OmegaConf.create(model), "model").state_dict()
    (run / "checkpoints").mkdir(parents=True)
    content = {"config": {"model": model, "data": data}, "state_dict": weights, "iteration": 0}
    torch.save(content | {"rollbacks": 0}, run / "checkpoints" / "last.ckpt")
