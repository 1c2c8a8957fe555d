"""Train the digit classifier whose features the metrics use.

    python scripts/train_extractor.py --root data --output gan_lightning/metrics/digits-v1.safetensors

8 epochs on MNIST's 60,000 training pictures, shifted by up to 2 pixels; prints the accuracy on the test pictures.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torchvision.datasets import MNIST
from tqdm import tqdm

from gan_lightning.data.images import normalize
from gan_lightning.metrics.extractors import DigitClassifier, DigitNetwork, save_classifier

EPOCHS, BATCH, LEARNING_RATE, SHIFT, SEED = 8, 128, 4e-3, 2, 1


def shifted(pictures: torch.Tensor) -> torch.Tensor:
    """Each picture (n, 1, 28, 28) moved by up to SHIFT pixels both ways, black filling in."""
    n, _, height, width = pictures.shape
    padded = F.pad(pictures, [SHIFT] * 4)
    rows = torch.randint(0, 2 * SHIFT + 1, (n, 1)) + torch.arange(height)
    columns = torch.randint(0, 2 * SHIFT + 1, (n, 1)) + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def train(pictures: torch.Tensor, labels: torch.Tensor) -> DigitNetwork:
    torch.manual_seed(SEED)
    network = DigitNetwork()
    steps = EPOCHS * len(pictures) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    order = torch.cat([torch.randperm(len(pictures)) for _ in range(EPOCHS)])
    for batch in tqdm(order.split(BATCH)[:steps], "training"):
        real = normalize(shifted(pictures[batch]))
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.classify(network(real))
        loss = F.cross_entropy(logits.float(), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    network.standardize(normalize(pictures[:10_000]))
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="data", help="folder that holds MNIST/raw; downloaded if missing")
    parser.add_argument("--output", type=Path, required=True, help="the .safetensors file to write")
    arguments = parser.parse_args()

    training, test = (MNIST(arguments.root, train=part, download=True) for part in (True, False))
    network = train(training.data.unsqueeze(1), training.targets)
    save_classifier(network, arguments.output, "digits-v1", 0.0, {})  # rounded to float16 before it is judged
    verdicts = DigitClassifier(arguments.output).judge(test.data.unsqueeze(1))
    accuracy = (verdicts.probabilities.argmax(1) == test.targets).double().mean().item()
    facts = {"data": "MNIST train", "epochs": str(EPOCHS), "seed": str(SEED), "torch": torch.__version__}
    save_classifier(network, arguments.output, "digits-v1", accuracy, facts)
    print(f"{arguments.output}: accuracy {accuracy:.2%} on {len(test.targets):,} test pictures")


if __name__ == "__main__":
    main()
