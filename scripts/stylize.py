"""Give an image the style of another one: python scripts/stylize.py content=photo.jpg style=painting.jpg"""

from gan_lightning.commands.cli import stylize

if __name__ == "__main__":
    stylize()
