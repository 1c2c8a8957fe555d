"""Trains a reader of the attributes of composed images."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.data.attributed_images import AttributedImages
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.files import write_atomically
from gan_lightning.metrics.attribute_reader import Reader, ReaderNetwork
from gan_lightning.metrics.classifier_training import fit, predict, split_examples
from gan_lightning.metrics.combinations import shuffle_attributes
from gan_lightning.metrics.extractors import BATCH, save_classifier
from gan_lightning.modalities.image import normalize

MAX_NOISE, MAX_BLUR = 0.1, 0.4  # standard deviation, and share of the blurred image; pixels lie in [-1, 1]
SHUFFLED = 0.5  # share of the training in which attributes are combined at random
MAX_BRIGHTNESS, MAX_CONTRAST = 0.015, 0.04


def train_reader(
    data: Data, path: Path, epochs: int, seed: int, name: str | None = None
) -> tuple[dict[str, float], int]:
    """Train a reader of the attributes of images and write it to a file.

    At first attributes are combined at random, so that the reader learns to see each of them, and not to infer it from
    others. Then they are combined as in the data: a value that cannot be seen is read as the one that the data have.

    Args:
        data: images with attributes, after ``setup("test")``.
        path: the .safetensors file to write.
        epochs: number of epochs.
        seed: seed of the initial weights and of all that is drawn at random.
        name: name of the reader in results; ``reader-<checksum of the data>`` if None.

    Returns:
        The accuracy of each attribute on held-out images, and their number.

    Raises:
        UserError: if the data have no images that are composed of attributes.
    """
    if not isinstance(data, AttributedImages):
        raise UserError(f"data: {type(data).__name__} has no images that are composed of attributes")
    (_, training), (images, attributes) = split_examples(data)
    facts = {
        "name": name or f"reader-{data.describe()['sha256'][:8]}",
        "data": data.describe()["sha256"],
        "sample_shape": json.dumps(data.modality.sample_shape),
        "attributes": json.dumps(data.attributes.names),
        "epochs": str(epochs),
        "seed": str(seed),
        "torch": torch.__version__,
    }
    network = train(data, training, epochs, seed)
    with write_atomically(path) as unfinished:
        save_classifier(network, unfinished, facts)
        read = Reader(str(unfinished)).read(images)  # by the weights in the file, in float16
        accuracy = dict(zip(data.attributes.names, (read == attributes).double().mean(0).tolist(), strict=True))
        rounded = {attribute: round(value, 4) for attribute, value in accuracy.items()}
        save_classifier(network, unfinished, facts | {"accuracy": json.dumps(rounded)})
    return accuracy, len(images)


def train(data: AttributedImages, attributes: Tensor, epochs: int, seed: int) -> ReaderNetwork:
    """Return a reader trained on the images that the data compose of attributes (n, attributes)."""
    torch.manual_seed(seed)
    sizes = data.attributes.sizes
    network = ReaderNetwork(data.modality.sample_shape, sum(sizes))

    def loss(index: Tensor, progress: float) -> Tensor:
        wanted = attributes[index] if progress > SHUFFLED else shuffle_attributes(attributes[index])
        images = disturb(normalize(data.compose(wanted)))
        logits = predict(network, images.contiguous(memory_format=torch.channels_last))
        parts = zip(logits.split(sizes, 1), wanted.T, strict=True)
        return torch.stack([F.cross_entropy(of_one, column) for of_one, column in parts]).sum()

    fit(network, loss, len(attributes), epochs)
    network.standardize(normalize(data.compose(attributes[: 20 * BATCH])))
    return network


def disturb(images: Tensor) -> Tensor:
    """Return images (n, C, H, W) in [-1, 1] with blur, other brightness and contrast, and noise, as samples have.

    Each image has its own strength of each.
    """
    strength = torch.rand(3, len(images), 1, 1, 1)
    blur = strength[0] * MAX_BLUR
    images = (1 - blur) * images + blur * F.avg_pool2d(F.pad(images, (1, 1, 1, 1), "replicate"), 3, 1)
    channels = torch.randn(len(images), images.shape[1], 1, 1) * MAX_BRIGHTNESS
    images = images * (1 + (2 * strength[1] - 1) * MAX_CONTRAST) + channels
    return images + strength[2] * MAX_NOISE * torch.randn_like(images)
