"""Evaluator and metrics of images that are composed of attributes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.attributed_images import AttributedImages
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import listed
from gan_lightning.metrics.attribute_metrics import (
    EXPECTED,
    AttributeReference,
    AttributeView,
    attribute_kl,
    condition_accuracy,
    few_unseen,
    few_valid,
    few_values,
    ignored_condition,
    missing_values,
    odd_pairs,
    pair_kl,
    recognized,
    uneven_values,
    unseen,
    unseen_of_real,
    valid,
    values_found,
    values_recognized,
    worst_attribute,
)
from gan_lightning.metrics.attribute_reader import Reader
from gan_lightning.metrics.combinations import shuffle_attributes
from gan_lightning.metrics.evaluator import alternate_rows, whole_rows
from gan_lightning.metrics.extractors import Extractor
from gan_lightning.metrics.images import ImageEvaluator, cached_classifier
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.plots import plot_attributes
from gan_lightning.metrics.reader_training import train_reader
from gan_lightning.metrics.reference import NotEvaluated, Split
from gan_lightning.modalities.samples import Content, Sample


class AttributeEvaluator(ImageEvaluator):
    """Evaluator of images that are composed of attributes, which a reader finds in the samples.

    A sample is valid if it looks like the image that the data compose of the attributes read in it: in every window of
    ``WINDOW`` × ``WINDOW`` pixels the root mean square difference is at most ``MAX_DIFFERENCE`` of 255. The confidence
    of the reader does not count, since a classifier may be confident about noise.

    A sample is recognized under a weaker condition: whatever single attribute were another, the composed image would be
    no nearer to the sample. Noise and blends of two images are neither valid nor recognized.

    The divergences are those of the attribute, or pair of attributes, with the largest: an average over all would hide
    a fault of one. They count all samples, valid or not, so that they can be compared with those of as many real ones.

    Args:
        reader: the reader of attributes; None for the one that scripts/train_extractor.py trained on the same data.
        features: the extractor of features; None for the reader, which is also an extractor.
        n: default number of samples to evaluate.
    """

    metrics = (
        Metric(
            "recognized",
            "share of samples that no other value of an attribute fits better than the one read",
            recognized,
            headline=True,
            better="higher",
        ),
        Metric(
            "valid",
            "share of samples that look like the image composed of their attributes",
            valid,
            quick=True,
            headline=True,
            warn=few_valid,
            better="higher",
        ),
        Metric(
            "values_found",
            "number of values of attributes among the valid samples",
            values_found,
            quick=True,
            headline=True,
            warn=few_values,
            better="higher",
        ),
        Metric(
            "values_recognized",
            "number of values of attributes of which a sample is recognized, whatever its other attributes look like",
            values_recognized,
            better="higher",
        ),
        Metric(
            "worst_attribute",
            "share of its values that valid samples have, of the worst attribute",
            worst_attribute,
            better="higher",
        ),
        Metric(
            "missing_values",
            f"number of values that no valid sample has, of those with {EXPECTED} real examples",
            missing_values,
            better="lower",
        ),
        Metric(
            "attribute_kl",
            "KL divergence of an attribute's values from the data's, in nats, of the worst attribute",
            attribute_kl,
            quick=True,
            headline=True,
            warn=uneven_values,
            better="lower",
        ),
        Metric(
            "pair_kl",
            "KL divergence of the values of two attributes from the data's, in nats, of the worst pair",
            pair_kl,
            headline=True,
            warn=odd_pairs,
            better="lower",
        ),
        Metric(
            "unseen",
            "share of valid samples with a combination of values that no training image has",
            unseen,
            baseline=unseen_of_real,
            warn=few_unseen,
            better="as real",
        ),
        Metric(
            "condition_accuracy",
            "share of the attributes asked for that are read in the samples",
            condition_accuracy,
            headline=True,
            warn=ignored_condition,
            better="higher",
        ),
        *ImageEvaluator.metrics,
    )

    captions: Mapping[str, str] = {
        **ImageEvaluator.captions,
        "read_back": "Rows of samples, each above a row of the images composed of the attributes read in them.",
        "attributes": "Share of each value of each attribute among the samples, and among real examples.",
        "independent attributes": "images composed of attributes that have the data's shares, but are independent",
    }

    reference: AttributeReference  # type: ignore[assignment]
    data: AttributedImages
    reader: Reader

    def __init__(
        self, reader: Reader | None = None, features: Extractor | None = None, n: PositiveInt = 10_000
    ) -> None:
        super().__init__(features, n)
        if reader is not None and not isinstance(reader, Reader):
            raise TypeError(f"reader: makes a {type(reader).__name__}: it must be a Reader")
        self.given_reader = reader

    @property
    def sizes(self) -> list[int]:
        """Number of values of each attribute."""
        return self.data.attributes.sizes

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data, AttributedImages):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates images composed of attributes, and the data are "
                f"{type(data).__name__}: choose another evaluator"
            )
        self.data, self.reader = data, self.given_reader or trained_reader(data)
        if self.reader.attributes != data.attributes.names:
            raise NotEvaluated(
                f"data.evaluator.reader: {self.reader.name} reads other attributes than the data have, or other values "
                f"({listed(list(self.reader.attributes))}): train a reader with scripts/train_extractor.py"
            )
        super().prepare(data, n, split, seed)

    def default_extractor(self, data: Data) -> Extractor:
        return self.reader

    def view(self, content: Content, condition: Sample | None = None) -> AttributeView:
        return AttributeView(self, content, condition)

    def baselines(self) -> dict[str, Content]:
        """Return images composed of attributes that each have the shares of the training set, but are independent."""
        training = self.data.examples.condition
        assert isinstance(training, Tensor)
        shuffled = shuffle_attributes(training, torch.Generator().manual_seed(0))
        return {"independent attributes": self.data.compose(shuffled[: self.reference.n])}

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        samples = self.view(content, condition)
        chosen, columns = whole_rows(content)
        composed = samples.composed[: len(chosen)]
        names = self.data.attributes.names
        return super().pictures(content, condition) | {
            "read_back": self.data.modality.sheet(alternate_rows(chosen, composed, columns), columns),
            "attributes": plot_attributes(names, samples.attributes, self.reference.real.attributes),
        }

    def train_extractor(self, data: Data, path: Path, epochs: int, seed: int, name: str | None = None) -> str:
        accuracy, n = train_reader(data, path, epochs, seed, name)
        shown = ", ".join(f"{attribute} {value:.2%}" for attribute, value in accuracy.items())
        return f"accuracy on {n:,} samples that it was not trained on: {shown}"

    def describe(self) -> dict[str, str]:
        return super().describe() | {"reader": self.reader.name, "reader_sha256": self.reader.sha256}


def trained_reader(data: Data) -> Reader:
    """Return the cached reader trained on the data; raise NotEvaluated if there is none."""
    path = cached_classifier(data)
    if not path.is_file():
        raise NotEvaluated("data.evaluator.reader=null: train a reader of these data with scripts/train_extractor.py")
    return Reader(str(path))
