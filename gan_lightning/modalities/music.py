"""The modality of music: one or four voices on a grid of steps."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.modalities.audio import Audio
from gan_lightning.modalities.midi import TICKS, Note, digest_midi, read_midi, write_midi
from gan_lightning.modalities.music_codes import FIRST_PITCH, REST, canonical
from gan_lightning.modalities.music_sheet import draw_music
from gan_lightning.modalities.rendering import Rendering
from gan_lightning.modalities.samples import Content, take
from gan_lightning.modalities.sequence import TokenSequence
from gan_lightning.modalities.synthesis import RATE, duration, play
from gan_lightning.modalities.voices import to_codes, to_notes

if TYPE_CHECKING:  # slow to import
    from torch.utils.tensorboard import SummaryWriter

NAMES = {1: ("Melody",), 4: ("Soprano", "Alto", "Tenor", "Bass")}


class Music(TokenSequence):
    """Music: content (n, length, voices) uint8, samples (n, length, voices · values) float.

    Content holds the codes of :mod:`~gan_lightning.modalities.music_codes`: hold, rest, or the start of a note. The
    voices are in the order of their files, the highest first in a choir. Where nothing can be held, ``from_codes``
    writes a rest, so that equal music is equal content.

    A sample is a MIDI file (``NNNNNN.mid``) with a track and a channel for each voice. Files of other programs are
    read too: their notes are moved to the nearest step, as :func:`~gan_lightning.modalities.voices.to_codes` says.

    Args:
        voices: number of voices, 1 or 4.
        length: number of steps.
        steps_per_quarter: number of steps of a quarter note; 2 for eighths.
        metre: number of quarter notes in a bar.
        lowest: lowest MIDI pitch.
        highest: highest MIDI pitch.
    """

    suffix = ".mid"
    media_type = "audio/midi"
    content_dtype = torch.uint8

    def __init__(
        self,
        voices: Literal[1, 4],
        length: PositiveInt,
        steps_per_quarter: PositiveInt = 2,
        metre: PositiveInt = 4,
        lowest: int = 36,
        highest: int = 81,
    ) -> None:
        if voices not in NAMES:
            raise UserError(f"voices={voices}: must be 1 or 4")
        if not 0 <= lowest <= highest <= 127:
            raise UserError(f"lowest={lowest}, highest={highest}: must be MIDI pitches, 0 to 127, the lowest first")
        if TICKS % steps_per_quarter:
            raise UserError(f"steps_per_quarter={steps_per_quarter}: must divide {TICKS}, such as 1, 2 or 4")
        self.voices, self.length = voices, length
        self.steps_per_quarter, self.metre = steps_per_quarter, metre
        self.lowest, self.highest = lowest, highest
        self.blocks = [highest - lowest + 1 + FIRST_PITCH] * voices

    @property
    def content_shape(self) -> tuple[int, int]:
        return self.length, self.voices

    @property
    def steps_per_bar(self) -> int:
        return self.steps_per_quarter * self.metre

    def codes(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return content.long()

    def from_codes(self, codes: Tensor) -> Tensor:
        return canonical(codes).to(torch.uint8)

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        if (largest := int(content.max())) >= self.blocks[0]:
            raise UserError(
                f"{where}: has the value {largest}: the values of a voice are 0 (hold), 1 (rest) and 2 to "
                f"{self.blocks[0] - 1} (MIDI pitches {self.lowest} to {self.highest})"
            )
        if not torch.equal(canonical(content), content):
            raise UserError(f"{where}: holds a note (0) where none sounds: write rests (1) there")
        return content

    @property
    def quarters(self) -> Fraction:
        """Duration of a sample in quarter notes."""
        return Fraction(self.length, self.steps_per_quarter)

    def notes(self, content: Tensor) -> list[list[Note]]:
        """Return the notes of each voice of one sample (length, voices)."""
        return to_notes(content.numpy(), self.steps_per_quarter, self.lowest)

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        return draw_music(content, self.blocks[0], self.steps_per_bar, columns)

    @property
    def audio(self) -> Audio:
        """Modality of the sound of the music."""
        return Audio(duration(float(self.quarters)), RATE)

    @property
    def renderings(self) -> Mapping[str, Rendering]:
        return {"audio": Rendering(self.audio, self.sound)}

    def sound(self, content: Content) -> Tensor:
        """Return content as sound, content (n, values) int16 of :attr:`audio`."""
        assert isinstance(content, Tensor)
        sounds = [play(self.notes(one), float(self.quarters)) for one in content]
        return torch.from_numpy(np.stack(sounds))

    def log(self, writer: "SummaryWriter", tag: str, content: Content, step: int, columns: int | None = None) -> None:
        """Write the sheet of all samples and the sound of the first one to TensorBoard."""
        super().log(writer, tag, content, step, columns)
        self.audio.log_sound(writer, tag, self.sound(take(content, slice(1))), step)

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        paths = [folder / f"{start + i:06d}{self.suffix}" for i in range(len(content))]
        for path, one in zip(paths, content, strict=True):
            write_midi(path, self.notes(one), NAMES[self.voices], self.metre, self.quarters)
        return paths

    @classmethod
    def reads(cls, name: str) -> bool:
        return name.lower().endswith((".mid", ".midi")) and not name.startswith(".")

    def read_file(self, path: Path) -> Tensor:
        """Return the music of a MIDI file that is at most as long as a sample; rests follow a shorter one."""
        piece = self.read_piece(path)
        silent = (piece[self.length :] == REST).all()
        if not silent:
            bars = len(piece) / self.steps_per_bar
            raise UserError(
                f"{path}: is {bars:.3g} bars long, and a sample has {self.length / self.steps_per_bar:.3g}: cut it"
            )
        content = torch.full((1, self.length, self.voices), REST, dtype=torch.uint8)
        content[0, : len(piece)] = piece[: self.length]
        return content

    def read_piece(self, path: Path) -> Tensor:
        """Return the codes (T, voices) uint8 of a MIDI file of any length.

        Raises:
            UserError: if the file is damaged, has another metre, or does not fit the voices and pitches.
        """
        score = read_midi(path)
        others = [f"{upper}/{lower}" for upper, lower in score.metres if 4 * upper != self.metre * lower]
        if others:
            raise UserError(f"{path}: is in {', '.join(others)} time, and the data in {self.metre}/4: leave it out")
        try:
            codes = to_codes(score, self.voices, self.steps_per_quarter, self.lowest, self.highest)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        return torch.from_numpy(codes)

    @classmethod
    def digest(cls, path: Path) -> str:
        return digest_midi(path)
