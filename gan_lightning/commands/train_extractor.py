"""Trains the classifier whose features the metrics use."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_lightning.config.settings import ExtractorSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import normalize
from gan_lightning.errors import UserError
from gan_lightning.metrics.choice import cached_classifier
from gan_lightning.metrics.extractors import BATCH, Classifier, ClassifierNetwork, save_classifier

TRAINING_BATCH, LEARNING_RATE, SHIFT = 128, 4e-3, 2
HELD_OUT = 10  # every tenth picture, where there is no test split


def train_extractor(cfg: ExtractorSettings) -> str:
    """Write the classifier that ``conf/train_extractor.yaml`` describes; returns where it is and how good."""
    data = instantiate(cfg.data, "data")
    data.prepare_data()
    data.setup("test")
    classes = int(data.labels.max()) + 1
    if classes < 2:
        raise UserError("data: all pictures have the same label: a classifier needs at least two")
    path = Path(cfg.output) if cfg.output else cached_classifier(data)
    if path.exists():
        raise UserError(f"output={path}: exists already; figures by another classifier cannot be compared with its")
    if data.test_images is None:
        held_out = torch.arange(len(data.images)) % HELD_OUT == 0
        training, test = (
            (data.images[~held_out], data.labels[~held_out]),
            (data.images[held_out], data.labels[held_out]),
        )
    else:
        training, test = (data.images, data.labels), (data.test_images, data.test_labels)

    network = train(*training, classes, cfg.epochs, cfg.seed)
    facts = {
        "name": cfg.name or f"classifier-{data.describe()['sha256'][:8]}",
        "data": data.describe()["sha256"],
        "sample_shape": json.dumps(data.sample_shape),
        "epochs": str(cfg.epochs),
        "seed": str(cfg.seed),
        "torch": torch.__version__,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_classifier(network, path, facts)
    labels = Classifier(path).judge(test[0]).labels  # rounded to float16 before it is judged
    accuracy = (labels == test[1]).double().mean().item()
    save_classifier(network, path, facts | {"accuracy": f"{accuracy:.4f}"})
    return f"{path}: accuracy {accuracy:.2%} on {len(test[0]):,} pictures that it was not trained on"


def train(pictures: Tensor, labels: Tensor, num_classes: int, epochs: int, seed: int) -> ClassifierNetwork:
    """A classifier of (n, C, H, W) uint8, in evaluation mode."""
    torch.manual_seed(seed)
    network = ClassifierNetwork(pictures.shape[1:], num_classes)
    steps = max(epochs * len(pictures) // TRAINING_BATCH, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    order = torch.cat([torch.randperm(len(pictures)) for _ in range(epochs)])
    for batch in tqdm(order.split(TRAINING_BATCH)[:steps], "training", disable=None):
        real = normalize(shifted(pictures[batch]))
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.classify(network(real))
        loss = F.cross_entropy(logits.float(), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    network.standardize(normalize(pictures[: 20 * BATCH]))
    return network


def shifted(pictures: Tensor) -> Tensor:
    """Each picture (n, C, H, W) moved by up to SHIFT pixels both ways, black filling in."""
    n, _, height, width = pictures.shape
    padded = F.pad(pictures, [SHIFT] * 4)
    rows = torch.randint(0, 2 * SHIFT + 1, (n, 1)) + torch.arange(height)
    columns = torch.randint(0, 2 * SHIFT + 1, (n, 1)) + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train_extractor()
