"""The extractor that reads the attributes of images."""

import json
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.marks import InputPath
from gan_lightning.metrics.extractors import (
    BATCH,
    Classifier,
    ClassifierNetwork,
    Extracted,
    LoadedClassifier,
    check_images,
    load_classifier,
)
from gan_lightning.modalities.image import normalize

HERE = Path(__file__).parent
KEY = "data.evaluator.reader.path"


class ReaderNetwork(ClassifierNetwork):
    """Classifier with four convolutions and 96 features, whose logits are those of all attributes.

    The first convolution has as many channels as its input has numbers in a kernel, for RGB images, so that its stride
    loses no detail of a single pixel.
    """

    num_features = 96
    widths = ((48, 4, 2), (64, 3, 2), (64, 3, 1), (32, 3, 2))


class Reader(Classifier):
    """Extractor that also reads the attributes of images, by a trained :class:`ReaderNetwork`.

    Args:
        path: a file written by scripts/train_extractor.py, or the name of a reader in the package: ``avatars-v1``.

    Raises:
        UserError: at the first use, if the file is missing or damaged, or does not hold a reader.
    """

    def __init__(self, path: InputPath[str]) -> None:
        shipped = HERE / f"{path}.safetensors"
        self.path = shipped if shipped.is_file() else Path(path)

    @cached_property
    def loaded(self) -> LoadedClassifier:
        return load_classifier(self.path, ReaderNetwork, KEY)

    @property
    def facts(self) -> dict[str, str]:  # type: ignore[override]
        return {name: fact for name, fact in self.loaded.facts.items() if name != "attributes"}

    @cached_property
    def attributes(self) -> dict[str, list[str]]:
        """Names of the values of each attribute that it reads, by the name of the attribute."""
        try:
            found = json.loads(self.loaded.facts["attributes"])
            values = {str(name): [str(one) for one in of_one] for name, of_one in found.items()}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UserError(f"{KEY}={self.path}: reads no attributes: train a reader of your data") from error
        if sum(map(len, values.values())) != self.loaded.network.head.out_features:
            raise UserError(f"{KEY}={self.path}: its weights do not fit its attributes: get the file again")
        return values

    def extract(self, images: Tensor) -> Extracted:
        return Extracted(super().extract(images).features)  # probabilities are of one attribute each

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """Return the most probable attributes (n, attributes) int64 of images (n, C, H, W) uint8."""
        check_images(images, self.sample_shape)
        network, sizes = self.loaded.network, [len(values) for values in self.attributes.values()]
        logits = torch.cat([network.classify(network(normalize(part))) for part in images.split(BATCH)])
        return torch.stack([of_one.argmax(1) for of_one in logits.split(sizes, 1)], 1)
