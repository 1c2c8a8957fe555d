"""All metrics of one set of samples, and the same of real pictures: the floor.

Real pictures are drawn at random from their whole split: the first and the second half of MNIST's test set were
written by two populations, 1.27 apart where random halves are .08.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from gan_lightning.data.datamodule import Data as ImageData
from gan_lightning.errors import UserError
from gan_lightning.metrics.classes import class_kl, classifier_score, label_accuracy, modes, shares
from gan_lightning.metrics.distances import frechet_distance, kernel_distance
from gan_lightning.metrics.extractors import Extractor, RandomConvolutions
from gan_lightning.metrics.neighbours import Neighbourhoods, Overlap, copies, duplicate_rate, nearest, overlap
from gan_lightning.metrics.pixels import sharpness

Figures = dict[str, float]
Split = Literal["test", "train"]
NEIGHBOURS = 5  # k of precision, recall, density, coverage
PARTS = 5  # that `Reference.judge` yields
COMPARED_WITH_TRAINING = 1000  # samples whose nearest training pictures are looked for
QUICK = ("class_kl", "modes", "coverage", "duplicate_rate")


class View:
    """Pictures (n, C, H, W) uint8 as an extractor sees them.

    Args:
        pictures: to look at.
        extractor: that looks.
        wanted: labels (n,) that they were made for; None where they were made for none.
    """

    def __init__(self, pictures: Tensor, extractor: Extractor, wanted: Tensor | None = None) -> None:
        self.pictures = pictures
        self.wanted = wanted
        verdicts = extractor.judge(pictures)
        self.features, self.probabilities, self.labels = verdicts.features, verdicts.probabilities, verdicts.labels

    @cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        return Neighbourhoods(self.features, NEIGHBOURS)


class Reference:
    """Real pictures that samples are compared with, seen once for all of them.

    With a test split, samples are judged by their distance to it; without one by their distance to one half of the
    pictures, and the other half gives the floor.

    Args:
        data: after ``setup("test")``.
        extractor: the judge; if it is a classifier, its classes are counted too.
        n: samples to judge; fewer where there are not as many real pictures.
        seed: which real pictures, where there are more.
        split: what distances are measured to: ``train`` for whatever decides something about a run, so that figures
            to ``test`` stay unseen.

    Raises:
        UserError: for fewer samples than neighbours are counted.

    Attributes:
        n: how many samples can be judged beside as many real pictures.
        split: ``train`` too if there is no test split.
    """

    def __init__(self, data: ImageData, extractor: Extractor, n: int, seed: int = 0, split: Split = "test") -> None:
        self.training = data.images
        test = None if split == "train" else data.test_images
        self.split: Split = "train" if test is None else "test"
        self.n = min(n, len(self.training) // 2 if test is None else min(len(self.training), len(test)))
        if self.n <= NEIGHBOURS:
            raise UserError(f"{self.n} samples beside as many real pictures: at least {NEIGHBOURS + 1} are needed")
        generator = torch.Generator().manual_seed(seed)
        in_training = torch.randperm(len(self.training), generator=generator)
        if test is None:
            in_real, in_other = in_training[: 2 * self.n].split(self.n)
            self._real = self.training[in_real]
        else:
            self._real = test[torch.randperm(len(test), generator=generator)[: self.n]]
            in_other = in_training[: self.n]
        self._other, self._other_labels = self.training[in_other], data.labels[in_other]
        self.extractor = extractor
        self.data_classes = data.num_classes
        self.uniform_classes = data.uniform_classes
        self._untrained = RandomConvolutions(data.sample_shape[0])

    @cached_property
    def real(self) -> View:
        """What samples are compared with."""
        return View(self._real, self.extractor)

    @cached_property
    def other(self) -> View:
        """As many other real pictures, of the training set."""
        return View(self._other, self.extractor, self._other_labels)

    @property
    def num_classes(self) -> int:
        """Of the extractor; 1 if it knows none."""
        return 1 if self.real.probabilities is None else self.real.probabilities.shape[1]

    @cached_property
    def class_shares(self) -> Tensor:
        """Share of each class (classes,) that samples should have."""
        if self.uniform_classes or self.real.labels is None:
            return torch.full((self.num_classes,), 1 / self.num_classes, dtype=torch.float64)
        return shares(self.real.labels, self.num_classes)

    @cached_property
    def _untrained_features(self) -> Tensor:
        return self._untrained.judge(self._real).features

    @cached_property
    def _of_unseen(self) -> Tensor:
        """Distances to the nearest training picture; from training pictures, where there are no others, to the second
        nearest."""
        seen = self.split == "train"
        return nearest(_some(self._real), self.training.flatten(1), k=1 + seen).distances[:, -1]

    def overlap(self, samples: View) -> Overlap:
        return overlap(self.real.neighbourhoods, samples.neighbourhoods)

    def judge(self, samples: View) -> Iterator[Figures]:
        """All metrics of n samples, part by part."""
        yield self._distances(samples)
        yield self.classes(samples)
        yield self._neighbours(samples)
        yield self._pixels(samples)
        features = self._untrained.judge(samples.pictures).features
        yield {"frechet_random_conv": frechet_distance(features, self._untrained_features)}

    def quick(self, samples: View) -> Figures:
        """What tells a collapse, at little cost."""
        classes, neighbours = self.classes(samples), self._neighbours(samples)
        return {name: figure for name, figure in (classes | neighbours).items() if name in QUICK}

    def floor(self) -> Iterator[Figures]:
        """The same of n other real pictures: what a perfect model would have."""
        parts = self.judge(self.other)
        distances = next(parts)
        yield distances | ({"fcd_train": distances["fcd"]} if "fcd" in distances else {})
        yield next(parts)
        yield next(parts)
        yield next(parts) | {"neighbour_ratio": 1.0, "copy_rate": 0.01}  # by their definition, of unseen pictures
        yield next(parts)

    def _distances(self, samples: View) -> Figures:
        kernel = {"kernel_distance": kernel_distance(samples.features, self.real.features)}
        if isinstance(self.extractor, RandomConvolutions):  # then the last part has the Fréchet distance
            return kernel
        to_real = frechet_distance(samples.features, self.real.features)
        if self.split == "train":
            return {"fcd_train": to_real} | kernel
        return {"fcd": to_real, "fcd_train": frechet_distance(samples.features, self.other.features)} | kernel

    def classes(self, samples: View) -> Figures:
        """What the classes of samples tell; nothing if the extractor knows none."""
        if samples.labels is None or samples.probabilities is None:
            return {}
        figures: Figures = {
            "class_kl": class_kl(samples.labels, self.class_shares),
            "modes": modes(samples.labels),
            "modes_5": modes(samples.labels, at_least=5),
            "classifier_score": classifier_score(samples.probabilities),
        }
        if samples.wanted is not None and self.data_classes == self.num_classes:
            figures["label_accuracy"] = label_accuracy(samples.labels, samples.wanted)
        return figures

    def _neighbours(self, samples: View) -> Figures:
        found = self.overlap(samples)
        return {
            "precision": found.precision,
            "recall": found.recall,
            "density": found.density,
            "coverage": found.coverage,
            "duplicate_rate": duplicate_rate(samples.neighbourhoods, self.real.neighbourhoods),
        }

    def _pixels(self, samples: View) -> Figures:
        of_samples = nearest(_some(samples.pictures), self.training.flatten(1)).distances[:, 0]
        sharp = {"sharpness": sharpness(samples.pictures, self.real.pictures)}
        return copies(of_samples, self._of_unseen)._asdict() | sharp


def _some(pictures: Tensor) -> Tensor:
    """Pictures from all over the set, flat: files may be in the order of their classes."""
    chosen = torch.linspace(0, len(pictures) - 1, min(len(pictures), COMPARED_WITH_TRAINING)).long()
    return pictures[chosen].flatten(1)
