"""Train a classifier that evaluates samples of your data: python scripts/train_extractor.py data=fashion_mnist"""

from gan_lightning.commands.cli import train_extractor

if __name__ == "__main__":
    train_extractor()
