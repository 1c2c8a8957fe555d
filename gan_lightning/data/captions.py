"""Captions of photos of COCO, as the literature on GANs of text uses them."""

from typing import Literal, Unpack

import torch
from pydantic import NonNegativeInt

from gan_lightning.data.downloads import Source, SourceFiles
from gan_lightning.data.texts import Lines, TextData, TextSettings
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.text import read_lines
from gan_lightning.modalities.tokenizers import Words

TEXYGEN = "https://raw.githubusercontent.com/geek-ai/Texygen/3104e22ac75f3cc2070da2bf5e2da6d2bef149ad/data"
SOURCES = (
    Source(
        "image_coco.txt",
        f"{TEXYGEN}/image_coco.txt",
        "2c0fd1f0f43aac6a9dc3926a535516ccf395de535e15ac1fd17cd569420736f5",
        "image_coco.txt",
    ),
    Source(
        "test_coco.txt",
        f"{TEXYGEN}/testdata/test_coco.txt",
        "72e25c9fb4d2cd43182ac602c92f6ffc377762147f9709572943b0b09174bcae",
        "test_coco.txt",
    ),
)


class Captions(TextData):
    """20,000 captions of photos of COCO (Chen et al., 2015, arXiv:1504.00325), as Texygen (Zhu et al., 2018) has them.

    Texygen's test captions are about other things than its training captions: these are full of bathrooms, those of
    zebras. A linear classifier of single words tells them apart with an AUC of .97. Therefore ``split=pooled`` draws
    both halves at random from the distinct captions of both files. ``split=texygen`` is for figures of the literature.

    Args:
        root: folder that holds ``image_coco.txt`` and ``test_coco.txt``.
        download: if True, missing files are downloaded.
        split: ``pooled`` or ``texygen``.
        split_seed: seed of the halves of ``pooled``, independent of the seed of a run.
        settings: see :class:`TextData`; ``tokenizer`` is :class:`Words`.
    """

    source, licence = "COCO captions of Texygen, https://github.com/geek-ai/Texygen", "CC-BY-4.0"

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        split: Literal["pooled", "texygen"],
        split_seed: NonNegativeInt,
        **settings: Unpack[TextSettings],
    ) -> None:
        super().__init__(Words(), **settings)
        self.files = SourceFiles(root, download, SOURCES)
        self.split, self.split_seed = split, split_seed

    def prepare_data(self) -> None:
        self.files.prepare()

    def read(self) -> Lines:
        training, test = map(read_lines, self.files.paths())
        return Lines(training, test) if self.split == "texygen" else halves([*training, *test], self.split_seed)


def halves(lines: list[str], seed: int) -> Lines:
    """Return two random halves of the distinct lines, each in their order; blanks at the ends do not count."""
    distinct = list(dict.fromkeys(line.strip() for line in lines))
    order = torch.randperm(len(distinct), generator=torch.Generator().manual_seed(seed))
    parts = (order[: len(distinct) // 2], order[len(distinct) // 2 :])
    training, test = ([distinct[i] for i in sorted(part.tolist())] for part in parts)
    return Lines(training, test)
