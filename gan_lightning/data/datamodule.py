"""Pictures as one uint8 tensor, gathered, moved and normalized a batch at a time."""

import hashlib
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from PIL import Image
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.utils import make_grid

from gan_lightning.errors import UserError
from gan_lightning.marks import Serving
from gan_lightning.system.randomness import SHUFFLE, derived_seed

CPU = torch.device("cpu")
CELL = 56  # pixels: smaller pictures are enlarged in a grid until their height reaches it


class ImageData(L.LightningDataModule):
    """Pictures with labels, held as uint8 (N, C, H, W) and served as float (B, C, H, W) in [-1, 1].

    A new data set is a subclass with ``load``, one YAML in ``conf/data/``, one test. A set with a test split has
    ``load_test`` too. ``features`` names the extractor that judges its samples where the user names none, and
    ``evaluation_samples`` how many are judged; ``uniform_classes`` has their classes compared with equal shares instead
    of the data's. ``source`` says what the data are and ``licence`` on what terms (SPDX), in statements about samples.

    Args:
        batch_size: pictures per batch, of all processes together; the last batch of an epoch is smaller where it does
            not divide the set.
        sample_shape: (C, H, W).
        num_classes: how many labels there are; None where pictures have none.
        seed: the order of epoch e is a function of (seed, e).
    """

    features: str | None = None
    evaluation_samples = 10_000
    uniform_classes = False
    source: str | None = None
    licence: str | None = None

    images: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,) int64
    test_images: Tensor | None  # after setup("test"): what nobody trains on; None where there is no such split
    test_labels: Tensor | None

    def __init__(
        self,
        batch_size: Serving[PositiveInt],
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt | None,
        seed: Serving[NonNegativeInt],
    ) -> None:
        super().__init__()
        if len(sample_shape) != 3:
            raise UserError(f"data.sample_shape={list(sample_shape)}: must be [channels, height, width]")
        self.batch_size = batch_size
        self.sample_shape = tuple(sample_shape)
        self.num_classes = num_classes
        self.seed = seed
        self.batches_per_iteration = 1  # that the model takes at once
        self.processes = 1  # that share each batch

    @abstractmethod
    def load(self) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) uint8 and labels (N,) int64; a UserError where the data are missing or broken."""

    def load_test(self) -> tuple[Tensor, Tensor] | None:
        """The same of pictures that nobody trains on; None where the data have no such split."""
        return None

    def setup(self, stage: str) -> None:
        if not hasattr(self, "images"):
            self.images, self.labels = self._checked(*self.load())
            if self.batch_size > len(self.images):
                raise UserError(
                    f"data.batch_size={self.batch_size}: larger than the data set, "
                    f"which has {len(self.images):,} pictures: at most that many"
                )
        if stage == "test" and not hasattr(self, "test_images"):
            test = self.load_test()
            self.test_images, self.test_labels = (None, None) if test is None else self._checked(*test)

    def _checked(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if images.dtype != torch.uint8 or labels.dtype != torch.int64:
            raise UserError(
                f"data: load() gave {images.dtype} images and {labels.dtype} labels: "
                "images must be uint8 in 0…255, labels int64"
            )
        if images.shape[1:] != self.sample_shape:
            raise UserError(f"data.sample_shape={list(self.sample_shape)}: the pictures have {list(images.shape[1:])}")
        if self.num_classes is not None and labels.max() >= self.num_classes:
            raise UserError(f"data.num_classes={self.num_classes}: there are {labels.max() + 1} classes of pictures")
        return images, labels

    def train_dataloader(self) -> DataLoader:
        device = self._home()
        dataset = _GatheredPictures(self.images.to(device), self.labels.to(device))
        sampler = EpochBatches(
            len(self.images),
            self.batch_size * self.batches_per_iteration,
            self.seed,
            device,
            rank=self.trainer.global_rank if self.trainer else 0,
            processes=self.processes,
        )
        return DataLoader(dataset, sampler=sampler, batch_size=None)

    def _home(self) -> torch.device:
        """Where training pictures lie: on the GPU that trains, if they take less than half of its free memory."""
        device = self.trainer.strategy.root_device if self.trainer else CPU
        fits = device.type == "cuda" and 2 * self.images.numel() < torch.cuda.mem_get_info(device)[0]
        return device if fits else CPU

    def on_after_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        images, labels = batch
        return normalize(images), labels

    def describe(self) -> dict[str, Any]:
        """For the record: how many pictures, and the SHA-256 of all pictures and labels, whatever their files."""
        return {"pictures": len(self.images), "sha256": self._sha256}

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256(f"{tuple(self.images.shape)}".encode())
        for images in self.images.split(4096):  # in parts: the set may be larger than memory
            digest.update(images.numpy().data)
        digest.update(self.labels.numpy().data)
        return digest.hexdigest()

    def show(self, samples: Tensor, columns: int | None = None) -> np.ndarray:
        """A grid of samples (N, C, H, W) in [-1, 1] as one picture (H, W, 3) uint8, for people to look at.

        As many columns as rows if None.
        """
        pictures = to_uint8(samples)
        scale = math.ceil(CELL / pictures.shape[2])
        pictures = pictures.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        grid = make_grid(pictures, nrow=columns or math.ceil(math.sqrt(len(pictures))), padding=2 * scale)
        return grid.permute(1, 2, 0).numpy()

    def write(self, samples: Tensor, path: Path, format: str) -> None:
        """Samples (N, C, H, W) in [-1, 1] to files.

        Args:
            samples: what to write.
            path: of the file, or of the folder for ``png``.
            format: ``grid`` (one picture), ``png`` (a picture each), ``npz`` (``samples``, uint8, (N, C, H, W)).
        """
        pictures = to_uint8(samples)
        if format == "grid":
            Image.fromarray(self.show(samples)).save(path)
        elif format == "png":
            path.mkdir(parents=True, exist_ok=True)
            for i, picture in enumerate(pictures):
                to_picture(picture).save(path / f"{i:06d}.png")
        elif format == "npz":
            np.savez_compressed(path, samples=pictures.numpy())


class EpochBatches(Sampler[Tensor]):
    """Index tensors (B,), shuffled anew each epoch; the order is a function of (seed, epoch) alone.

    ``start`` skips that many batches of the next epoch only: a resumed run begins where it stopped.

    Of several processes each gets every ``processes``-th index of every batch, from its ``rank`` on. Where their number
    does not divide the set, an epoch leaves out the last few of its order, so that all have equally many.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, device: torch.device = CPU, rank: int = 0, processes: int = 1
    ) -> None:
        self.size = size
        self.shared = size - size % processes
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.rank = rank
        self.processes = processes
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.shared / self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, SHUFFLE, self.epoch))
        order = torch.randperm(self.size, generator=generator).to(self.device)
        batches = order[: self.shared].split(self.batch_size)
        start, self.start = self.start, 0
        for batch in batches[start:]:
            yield batch[self.rank :: self.processes]


class _GatheredPictures(Dataset[tuple[Tensor, Tensor]]):
    """A batch by one index tensor, so that no Python code runs per picture."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __getitem__(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        return self.images[indices], self.labels[indices]


def normalize(pictures: Tensor) -> Tensor:
    """uint8 0…255 to float32 in [-1, 1]."""
    return pictures.float().div_(127.5).sub_(1)


def to_uint8(samples: Tensor) -> Tensor:
    """[-1, 1] to uint8 0…255 on the CPU, rounded to the nearest."""
    return ((samples.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def to_picture(pixels: Tensor) -> Image.Image:
    """(C, H, W) uint8 to a picture: grey for one channel, RGB for three."""
    array = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
