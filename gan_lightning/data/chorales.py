"""Chorales: 382 of Johann Sebastian Bach's, in four voices."""

from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from gan_lightning.data.downloads import fetch, reading_json
from gan_lightning.data.music import MusicData, MusicSettings, Split
from gan_lightning.data.transpositions import Transpose, transposed
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.music_codes import FIRST_PITCH, REST, tie

REPOSITORY = "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset"
FILE = "Jsb16thSeparated.json"
URL = f"{REPOSITORY}/9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/{FILE}"
TEST_PARTS = ("valid", "test")
STEPS = 4  # of a quarter in the file


class Chorales(MusicData):
    """The chorales of JSB-Chorales-dataset, as windows of a few bars.

    The file has a pitch for each voice and sixteenth, and does not say if equal neighbours are one note: here they are.
    It has no metre either: bars are counted from the start of each chorale, as if all were in 4/4. Windows start with
    each bar of a training chorale; those of test chorales do not overlap. The official split has 229 chorales for
    training, 76 for validation and 77 for a test; here the test set is made of the last two.

    Args:
        root: folder that holds the file.
        download: if True, the file is downloaded if it is missing.
        sha256: SHA-256 that the file must have; None for any.
        transpose: how windows are transposed, see :func:`gan_lightning.data.transpositions.transposed`.
        settings: see :class:`MusicData`.
    """

    source = "chorales of J. S. Bach, https://github.com/czhuang/JSB-Chorales-dataset"
    licence = "LicenseRef-Public-Domain"

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        sha256: WithoutEffect[str | None],
        transpose: Transpose,
        **settings: Unpack[MusicSettings],
    ) -> None:
        super().__init__(**settings)
        if self.modality.voices != 4:
            raise UserError(f"data.voices={self.modality.voices}: chorales have data.voices=4")
        if self.modality.steps_per_quarter not in (1, 2, 4):
            raise UserError(f"data.steps_per_quarter={self.modality.steps_per_quarter}: chorales have 1, 2 or 4")
        self.path = Path(root).expanduser() / FILE
        self.download, self.sha256, self.transpose = download, sha256, transpose

    def prepare_data(self) -> None:
        fetch(self.path, URL, self.sha256, self.download, f"jsb_chorales/{FILE}")

    def read(self) -> Split:
        pieces = read_chorales(self.path, self.sha256)
        training = [self._codes(piece) for piece in pieces["train"]]
        test = [self._codes(piece) for part in TEST_PARTS for piece in pieces[part]]
        values = self.modality.blocks[0]
        windows = transposed(training, self.training_windows, self.transpose, values, self.modality.lowest)
        if not len(windows):
            raise UserError(f"data.bars: no chorale has {self.modality.length} steps within the pitches: fewer bars")
        apart = transposed(test, self.test_windows, self.transpose, values, self.modality.lowest, once=True)
        return Split(windows, apart)

    def _codes(self, piece: np.ndarray) -> Tensor:
        """Return the codes (T, 4) of a piece, int16, since pitches may lie beyond the range."""
        pitches = torch.from_numpy(piece[:: STEPS // self.modality.steps_per_quarter])
        notes = torch.where(pitches < 0, REST, pitches - self.modality.lowest + FIRST_PITCH)
        return tie(notes[None])[0].short()


def read_chorales(path: Path, sha256: str | None = None) -> dict[str, list[np.ndarray]]:
    """Return the pieces of each part of the split, (sixteenths, 4) MIDI pitches, −1 for a rest.

    Raises:
        UserError: if the file is missing or damaged, or has another SHA-256.
    """
    with reading_json(path, sha256, "the chorales") as content:
        return {
            part: [np.array(piece, dtype=np.int64).reshape(-1, 4) for piece in content[part]]
            for part in ("train", *TEST_PARTS)
        }
