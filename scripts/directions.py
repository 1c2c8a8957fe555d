"""Find directions of edits: python scripts/directions.py checkpoint=<run folder or file> method=sefa"""

from gan_lightning.commands.cli import directions

if __name__ == "__main__":
    directions()
