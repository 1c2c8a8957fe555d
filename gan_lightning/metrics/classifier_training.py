"""Trains a classifier whose features are used to evaluate images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.datamodule import Data
from gan_lightning.data.images import LabelledImages
from gan_lightning.errors import UserError
from gan_lightning.files import write_atomically
from gan_lightning.metrics.classes import label_accuracy
from gan_lightning.metrics.extractors import BATCH, Classifier, ClassifierNetwork, save_classifier
from gan_lightning.modalities.image import normalize
from gan_lightning.networks.augment import shift

TRAINING_BATCH, LEARNING_RATE = 128, 4e-3
MAX_SHIFT = 2  # pixels
HELD_OUT = 10  # without a test split, one of so many images is held out


def train_classifier(data: Data, path: Path, epochs: int, seed: int, name: str | None = None) -> tuple[float, int]:
    """Train a classifier of labelled images and write it to a file.

    Args:
        data: labelled images, after ``setup("test")``.
        path: the .safetensors file to write.
        epochs: number of epochs.
        seed: seed of the initial weights and of the order of the images.
        name: name of the extractor in results; ``classifier-<checksum of the data>`` if None.

    Returns:
        The accuracy on held-out images, and their number.

    Raises:
        UserError: if the data have no images with labels, or fewer than two labels to learn.
    """
    if not isinstance(data, LabelledImages):
        raise UserError(f"data: {type(data).__name__} has no images with labels")
    classes = int(data.labels.max()) + 1
    if classes < 2:
        raise UserError("data: all images have the same label: a classifier needs at least two")
    training, test = split_examples(data)
    if len(training[1].unique()) < 2:
        raise UserError(f"data: {len(data.labels)} images are too few: those that are not held out have one label only")
    network = train(*training, classes, epochs, seed)
    facts = {
        "name": name or f"classifier-{data.describe()['sha256'][:8]}",
        "data": data.describe()["sha256"],
        "sample_shape": json.dumps(data.modality.sample_shape),
        "epochs": str(epochs),
        "seed": str(seed),
        "torch": torch.__version__,
    }
    with write_atomically(path) as unfinished:
        save_classifier(network, unfinished, facts)
        predicted = Classifier(str(unfinished)).extract(test[0]).labels  # by the weights in the file, in float16
        assert predicted is not None
        accuracy = label_accuracy(predicted, test[1])
        save_classifier(network, unfinished, facts | {"accuracy": f"{accuracy:.4f}"})
    return accuracy, len(test[0])


def split_examples(data: Data) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return (images, labels) to train on, and others to test on; attributes in place of labels if the data have them.

    Without a test split, one of ``HELD_OUT`` images is held out.
    """
    images, labels = cast(tuple[Tensor, Tensor], data.examples)
    if data.test_examples is not None:
        return (images, labels), cast(tuple[Tensor, Tensor], data.test_examples)
    held_out = torch.arange(len(images)) % HELD_OUT == 0
    return (images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


def train(images: Tensor, labels: Tensor, num_classes: int, epochs: int, seed: int) -> ClassifierNetwork:
    """Return a classifier trained on images (n, C, H, W) uint8 with labels (n,), in evaluation mode."""
    torch.manual_seed(seed)
    network = ClassifierNetwork(images.shape[1:], num_classes)

    def loss(index: Tensor) -> Tensor:
        return F.cross_entropy(predict(network, normalize(shift_randomly(images[index]))), labels[index])

    fit(network, loss, len(images), epochs)
    network.standardize(normalize(images[: 20 * BATCH]))
    return network


def fit(network: ClassifierNetwork, loss: Callable[[Tensor], Tensor], n: int, epochs: int) -> None:
    """Train a classifier, and set it to evaluation mode.

    Args:
        network: the classifier to train, in place.
        loss: function from the indices (b,) of the images of a batch to their loss.
        n: number of images.
        epochs: number of epochs.
    """
    steps = max(epochs * n // TRAINING_BATCH, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    order = torch.cat([torch.randperm(n) for _ in range(epochs)])
    for batch in tqdm(order.split(TRAINING_BATCH)[:steps], "training", disable=None):
        value = loss(batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    network.eval()


def predict(network: ClassifierNetwork, images: Tensor) -> Tensor:
    """Return logits (n, classes) of images (n, C, H, W) in [-1, 1], computed in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        return network.classify(network(images)).float()


def shift_randomly(images: Tensor) -> Tensor:
    """Return images (n, C, H, W), each moved by up to ``MAX_SHIFT`` pixels in both directions over black."""
    rows, columns = (torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (len(images),)) for _ in range(2))
    return shift(images, rows, columns, fill=0)
