"""Export the generator of a trained run: python scripts/export.py checkpoint=<run folder or file> format=onnx"""

from gan_lightning.commands.cli import export

if __name__ == "__main__":
    export()
