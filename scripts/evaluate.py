"""Evaluate samples of trained runs against real data: python scripts/evaluate.py checkpoint=<run folder or file>"""

from gan_lightning.commands.cli import evaluate

if __name__ == "__main__":
    evaluate()
