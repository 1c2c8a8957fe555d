"""The modality of sound with one channel."""

import hashlib
import math
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.modalities.modality import AmbiguousContent, Modality
from gan_lightning.modalities.samples import Content, Sample

if TYPE_CHECKING:  # slow to import
    from torch.utils.tensorboard import SummaryWriter

SCALE = 2**15  # of the values of content, for samples in [-1, 1]
WIDTH, HEIGHT = 192, 64  # pixels of a sound in a sheet
BLOCK = 2**20  # frames that are hashed at once


class Audio(Modality):
    """Sound with one channel: content (n, length) int16, samples (n, 1, length) float in [-1, 1].

    A sample is a WAV file (``NNNNNN.wav``).

    Args:
        length: number of values of a sound.
        rate: number of values a second.
    """

    suffix = ".wav"
    media_type = "audio/wav"
    content_dtype = torch.int16
    tolerance = 1

    def __init__(self, length: PositiveInt, rate: PositiveInt) -> None:
        self.length, self.rate = length, rate
        self.sample_shape = (1, length)

    @property
    def content_shape(self) -> tuple[int]:
        return (self.length,)

    def encode(self, content: Content) -> Sample:
        assert isinstance(content, Tensor)
        return content[:, None].float() / SCALE

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return (sample[:, 0] * SCALE).round().clamp(-SCALE, SCALE - 1).to(torch.int16).cpu()

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        """Return an image of the waveforms of all sounds, in a grid."""
        assert isinstance(content, Tensor)
        columns = columns or math.ceil(math.sqrt(len(content)))
        sheet = np.full((math.ceil(len(content) / columns) * HEIGHT, columns * WIDTH, 3), 255, np.uint8)
        starts = np.arange(WIDTH) * self.length // WIDTH
        values = content.numpy().astype(np.int64)
        highest, lowest = (one.reduceat(values, starts, axis=1) for one in (np.maximum, np.minimum))
        top, bottom = ((SCALE - 1 - one) * HEIGHT // (2 * SCALE) for one in (highest, lowest))
        rows = np.arange(HEIGHT)[:, None]
        for i in range(len(values)):
            y, x = i // columns * HEIGHT, i % columns * WIDTH
            sheet[y : y + HEIGHT, x : x + WIDTH][(top[i] <= rows) & (rows <= bottom[i])] = 0
        return sheet

    def log(self, writer: "SummaryWriter", tag: str, content: Content, step: int, columns: int | None = None) -> None:
        """Write the sheet of all sounds and the first sound to TensorBoard."""
        super().log(writer, tag, content, step, columns)
        self.log_sound(writer, tag, content, step)

    def log_sound(self, writer: "SummaryWriter", tag: str, content: Content, step: int) -> None:
        """Write the first sound to TensorBoard."""
        first = self.encode(content)
        assert isinstance(first, Tensor)
        writer.add_audio(tag, first[0], step, self.rate)

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        paths = [folder / f"{start + i:06d}{self.suffix}" for i in range(len(content))]
        for path, one in zip(paths, content, strict=True):
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(self.rate)
                file.writeframes(one.numpy().astype("<i2").tobytes())
        return paths

    def read_file(self, path: Path) -> Tensor:
        with _open(path) as file:
            found = file.getnchannels(), 8 * file.getsampwidth(), file.getframerate()
            if found != (1, 16, self.rate):
                channels, bits, rate = found
                raise UserError(
                    f"{path}: channels={channels}, bits={bits}, rate={rate:,}: must be channels=1, bits=16, "
                    f"rate={self.rate:,}"
                )
            frames = file.readframes(file.getnframes())
        return torch.from_numpy(np.frombuffer(frames, "<i2").astype(np.int16)[None])

    @classmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256 of the line ``channels bits rate`` and of the frames in a WAV file.

        Raises:
            UserError: if the file is no WAV file, or damaged; AmbiguousContent if it does not hold plain integers, so
                that what is heard depends on the decoder.
        """
        with _open(path) as file:
            header = f"{file.getnchannels()} {8 * file.getsampwidth()} {file.getframerate()}\n"
            hashed, size = hashlib.sha256(header.encode()), 0
            while frames := file.readframes(BLOCK):
                hashed.update(frames)
                size += len(frames)
            if size != file.getnframes() * file.getnchannels() * file.getsampwidth():
                raise UserError(f"{path}: ends before its sound does: copy it again")
        return hashed.hexdigest()


def _open(path: Path) -> wave.Wave_read:
    check_regular(path)
    try:
        return wave.open(str(path), "rb")
    except (wave.Error, EOFError) as error:
        if str(error).startswith("unknown"):  # format of the frames
            raise AmbiguousContent(f"{path}: does not hold plain integers ({error}): save it as 16-bit PCM") from error
        reason = str(error) or "it ends too early"
        raise UserError(f"{path}: not a readable WAV file ({reason}): save it as 16-bit PCM") from error
