"""Generate samples with a trained run: python scripts/generate.py checkpoint=<run folder or file> n=64 seed=0"""

from gan_lightning.commands.cli import generate

if __name__ == "__main__":
    generate()
