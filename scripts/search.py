"""Search hyperparameters: python scripts/search.py search=quickstart trials=20"""

from gan_lightning.commands.cli import search

if __name__ == "__main__":
    search()
