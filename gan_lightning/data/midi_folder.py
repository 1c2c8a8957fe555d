"""The data set of a user's own music: any folder of MIDI files."""

import logging
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Unpack

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.music import MusicData, MusicSettings, Split
from gan_lightning.data.transpositions import Transpose, transposed
from gan_lightning.errors import UserError, printable
from gan_lightning.marks import Location
from gan_lightning.modalities.music_codes import REST
from gan_lightning.paths import GENERATED
from gan_lightning.system.distributed import first_process

MAX_REASONS = 5  # that a message names

log = logging.getLogger(__name__)


class MidiFolder(MusicData):
    """MIDI files in a folder and its subfolders, as windows of a few bars that start with each bar.

    Files that do not fit are left out, and the log says how many and why: those without notes, of another metre, with
    more notes at once than voices, with pitches out of range, shorter than a window, or damaged. So are samples of
    this package, and windows in which nothing sounds.

    Args:
        root: the folder.
        transpose: how windows are transposed, see :func:`gan_lightning.data.transpositions.transposed`.
        test_share: share of the files that are the test set, at least one file; 0 for no test set.
        split_seed: seed of the choice of these files.
        licence: licence of the music, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
        settings: see :class:`MusicData`.
    """

    def __init__(
        self,
        root: Location[str],
        transpose: Transpose,
        test_share: Annotated[float, Field(ge=0, lt=1)],
        split_seed: NonNegativeInt,
        licence: str | None = None,
        **settings: Unpack[MusicSettings],
    ) -> None:
        super().__init__(**settings)
        self.root = Path(root).expanduser()
        self.transpose, self.test_share, self.split_seed = transpose, test_share, split_seed
        self.source, self.licence = self.root.name, licence

    def read(self) -> Split:
        pieces = self._pieces()
        if len(pieces) < 2 and self.test_share:
            raise UserError(
                f"data.root={self.root}: 1 file is left, and data.test_share needs two: add files, or set 0"
            )
        order = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(self.split_seed)).tolist()
        count = max(round(self.test_share * len(pieces)), 1) if self.test_share else 0
        held_out, kept = ([pieces[i] for i in sorted(part)] for part in (order[:count], order[count:]))
        training = self._transposed(kept, self.training_windows)
        if not len(training):
            raise UserError(f"data.transpose={self.transpose}: no window is within the pitches: data.transpose=none")
        return Split(training, self._transposed(held_out, self.test_windows, once=True) if count else None)

    def training_windows(self, piece: Tensor) -> Tensor:
        return _audible(super().training_windows(piece))

    def test_windows(self, piece: Tensor) -> Tensor:
        return _audible(super().test_windows(piece))

    def _transposed(self, pieces: list[Tensor], cut: Callable[[Tensor], Tensor], once: bool = False) -> Tensor:
        return transposed(pieces, cut, self.transpose, self.modality.blocks[0], self.modality.lowest, once)

    def _pieces(self) -> list[Tensor]:
        """Return the codes (T, voices) of the files that fit, and log which do not."""
        files = self._files()
        pieces, left_out = [], Counter[str]()
        for path in tqdm(files, "reading", disable=None, leave=False):
            try:
                piece = self.modality.read_piece(path).short()
                if not len(self.training_windows(piece)):
                    raise UserError(f"is shorter than {self.modality.length // self.modality.steps_per_bar} bars")
                pieces.append(piece)
            except UserError as error:
                left_out[_reason(error, path)] += 1
        reasons = "; ".join(f"{n:,} {reason}" for reason, n in left_out.most_common(MAX_REASONS))
        if len(left_out) > MAX_REASONS:
            reasons += f"; {sum(left_out.values()) - sum(n for _, n in left_out.most_common(MAX_REASONS)):,} others"
        if not pieces:
            raise UserError(
                f"data.root={self.root}: none of {len(files):,} MIDI files can be used: {printable(reasons)}"
            )
        if first_process():
            summary = f"data.root={self.root}: {len(pieces):,} of {len(files):,} MIDI files"
            log.log(
                logging.WARNING if left_out else logging.INFO,
                "%s", printable(f"{summary}; left out: {reasons}" if left_out else summary),
            )  # fmt: skip
        return pieces

    def _files(self) -> list[Path]:
        """Return the MIDI files of the folder, sorted, without samples of this package."""
        if not self.root.is_dir():
            raise UserError(f"data.root={self.root}: no such folder: name one with MIDI files")
        samples = {path.parent for path in self.root.rglob(GENERATED)}
        files = [
            path
            for path in sorted(self.root.rglob("*"))
            if self.modality.reads(path.name) and path.is_file() and not samples.intersection(path.parents)
        ]
        if not files:
            raise UserError(f"data.root={self.root}: no MIDI files (.mid, .midi) in it or below")
        return files


def _audible(windows: Tensor) -> Tensor:
    """Return the windows (n, length, voices) in which a note sounds."""
    return windows[(windows != REST).flatten(1).any(1)]


def _reason(error: UserError, path: Path) -> str:
    """Return why a file is left out, without what is particular to the file: its name, its numbers and the remedy."""
    reason = re.split(": |, and the| \\(", str(error).removeprefix(f"{path}: "))[0]
    reason = re.sub(r"^has \d+ notes at once.*", "with more notes at once than voices", reason)
    return re.sub(r"^has pitches .*", "with pitches out of range", reason)
