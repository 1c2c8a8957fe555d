"""Chinese quatrains: poems of four verses with five characters each."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Unpack

from torch import Tensor

from gan_lightning.data.downloads import Source, SourceFiles
from gan_lightning.data.pronunciation import find_sounds
from gan_lightning.data.texts import Lines, TextData, TextSettings
from gan_lightning.errors import UserError, listed, missing_extra
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.text import read_lines
from gan_lightning.modalities.tokenizers import Verses
from gan_lightning.system.distributed import first_process

VERSES = 4
LENGTHS = (5, 7)  # characters of a verse
HELD_OUT = 10  # one of so many poems of Texygen's is a test poem
SHI = Source(
    "shi.txt",
    "https://raw.githubusercontent.com/geek-ai/Texygen/3104e22ac75f3cc2070da2bf5e2da6d2bef149ad/data/shi.txt",
    "ac03c5fbb07776f0e43cb1ccfc74732f5313ab3d832df81c8e0db327df35e666",
    "shi.txt",
)

log = logging.getLogger(__name__)


class Poems(TextData):
    """Chinese quatrains, of the Tang dynasty and the Song dynasty, in simplified characters.

    ``split=poems``: the 16,394 quatrains of Texygen (Zhu et al., 2018), of which every tenth, chosen by a hash, is a
    test poem. ``split=poets``: the quatrains of chinese-poetry, https://github.com/chinese-poetry/chinese-poetry, in
    files with one poem a line, which you prepare: ``tang_train.txt``, ``song_train.txt``, ``tang_test.txt`` and
    ``song_test.txt``, with no poet in both a training file and a test file. Punctuation and blanks in the files do not
    count, poems of another form are left out, and so are copies.

    Args:
        root: folder that holds the files.
        download: if True, a missing file of ``split=poems`` is downloaded.
        split: ``poems`` or ``poets``.
        settings: see :class:`TextData`; ``length`` is 4 × 5 or 4 × 7 characters.
    """

    source, licence = "Tang and Song quatrains", "LicenseRef-public-domain"

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        split: Literal["poems", "poets"],
        **settings: Unpack[TextSettings],
    ) -> None:
        length = settings["length"]
        if length not in [VERSES * one for one in LENGTHS]:
            raise UserError(
                f"data.length={length}: a quatrain has {VERSES * LENGTHS[0]} or {VERSES * LENGTHS[1]} characters"
            )
        super().__init__(Verses(VERSES, length // VERSES), **settings)
        self.split = split
        self.files = SourceFiles(root, download, [SHI])

    def prepare_data(self) -> None:
        if self.split == "poems":
            self.files.prepare()

    def read(self) -> Lines:
        if self.split == "poets":
            return Lines(*(self._poems([self.files.root / f"{one}_{part}.txt" for one in ("tang", "song")])
                           for part in ("train", "test")))  # fmt: skip
        poems = self._poems(self.files.paths())
        held_out = [hashlib.sha256(poem.encode()).digest()[0] % HELD_OUT == 0 for poem in poems]
        training = [poem for poem, out in zip(poems, held_out, strict=True) if not out]
        return Lines(training, [poem for poem, out in zip(poems, held_out, strict=True) if out])

    def sounds(self) -> Tensor:
        """Return the number of the sound of each character of the vocabulary (vocabulary,); 0 for none."""
        try:
            return find_sounds(self.modality.vocabulary)
        except ImportError as error:
            raise missing_extra("sounds of characters", "poems") from error

    def _poems(self, paths: Sequence[Path]) -> list[str]:
        """Return the distinct poems of files that are in form; the log says how many are left out."""
        for path in paths:
            if not path.exists():
                raise UserError(
                    f"data.root={self.files.root}: {path.name} is not there: prepare it as "
                    "gan_lightning.data.poems.Poems documents, or data.split=poems"
                )
        tokenizer = self.modality.tokenizer
        lines = [line for path in paths for line in read_lines(path)]
        poems = dict.fromkeys("".join(tokenizer.split(line)) for line in lines)
        in_form = [poem for poem in poems if len(poem) == self.modality.length]
        if not in_form:
            raise UserError(
                f"data.length={self.modality.length}: {listed([path.name for path in paths])}: no line is a quatrain "
                f"of {self.modality.length} characters: another length, or other files in data.root"
            )
        if len(in_form) < len(lines) and first_process():
            log.info("data: of %s lines, %s are copies and %s are no quatrains of %d characters, and are left out",
                     f"{len(lines):,}", f"{len(lines) - len(poems):,}", f"{len(poems) - len(in_form):,}",
                     self.modality.length)  # fmt: skip
        return in_form
