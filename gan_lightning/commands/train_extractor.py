"""Trains the classifier whose features evaluate images."""

import json
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_lightning.config.settings import ExtractorSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.images import LabelledImages
from gan_lightning.errors import UserError
from gan_lightning.metrics.classes import label_accuracy
from gan_lightning.metrics.extractors import BATCH, Classifier, ClassifierNetwork, save_classifier
from gan_lightning.metrics.images import cached_classifier
from gan_lightning.modalities.image import normalize
from gan_lightning.networks.augment import shift

TRAINING_BATCH, LEARNING_RATE, SHIFT = 128, 4e-3, 2
HELD_OUT = 10  # every tenth image, where there is no test split


def train_extractor(cfg: ExtractorSettings) -> str:
    """Write the classifier that ``conf/train_extractor.yaml`` describes, and return where it is and how good."""
    data = instantiate(cfg.data, "data")
    if not isinstance(data, LabelledImages):
        raise UserError(f"data: {type(data).__name__} has no images with labels")
    data.prepare_data()
    data.setup("test")
    classes = int(data.labels.max()) + 1
    if classes < 2:
        raise UserError("data: all images have the same label: a classifier needs at least two")
    path = Path(cfg.output) if cfg.output else cached_classifier(data)
    if path.exists():
        raise UserError(f"output={path}: exists already; metrics by another classifier cannot be compared with its")
    training, test = _splits(data)
    network = train(*training, classes, cfg.epochs, cfg.seed)
    facts = {
        "name": cfg.name or f"classifier-{data.describe()['sha256'][:8]}",
        "data": data.describe()["sha256"],
        "sample_shape": json.dumps(data.modality.sample_shape),
        "epochs": str(cfg.epochs),
        "seed": str(cfg.seed),
        "torch": torch.__version__,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_classifier(network, path, facts)
    found = Classifier(str(path)).extract(test[0]).labels  # of the weights as written, in float16
    assert found is not None
    accuracy = label_accuracy(found, test[1])
    save_classifier(network, path, facts | {"accuracy": f"{accuracy:.4f}"})
    return f"{path}: accuracy {accuracy:.2%} on {len(test[0]):,} images that it was not trained on"


def _splits(data: LabelledImages) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images with labels to train on, and others to test on."""
    images, labels = data.examples.content, data.labels
    assert isinstance(images, Tensor)
    if data.test_examples is not None:
        return (images, labels), cast(tuple[Tensor, Tensor], data.test_examples)
    held_out = torch.arange(len(images)) % HELD_OUT == 0
    return (images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


def train(images: Tensor, labels: Tensor, num_classes: int, epochs: int, seed: int) -> ClassifierNetwork:
    """Return a classifier of images (n, C, H, W) uint8, in evaluation mode."""
    torch.manual_seed(seed)
    network = ClassifierNetwork(images.shape[1:], num_classes)
    steps = max(epochs * len(images) // TRAINING_BATCH, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    order = torch.cat([torch.randperm(len(images)) for _ in range(epochs)])
    for batch in tqdm(order.split(TRAINING_BATCH)[:steps], "training", disable=None):
        real = normalize(shifted(images[batch]))
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.classify(network(real))
        loss = F.cross_entropy(logits.float(), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    network.standardize(normalize(images[: 20 * BATCH]))
    return network


def shifted(images: Tensor) -> Tensor:
    """Return each image (n, C, H, W) moved by up to SHIFT pixels both ways, black filling in."""
    rows, columns = (torch.randint(-SHIFT, SHIFT + 1, (len(images),)) for _ in range(2))
    return shift(images, rows, columns, fill=0)


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train_extractor()
