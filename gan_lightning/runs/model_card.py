"""Writes the model card of a finished run: README.md in its folder, as hubs for models show it.

A card is Markdown below a block of YAML metadata in the format of Hugging Face,
https://github.com/huggingface/hub-docs/blob/main/modelcard.md. Its values come from manifest.json, metrics.json, the
model and the data module; the rest is the same text for every run.
"""

import hashlib
from pathlib import Path

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data
from gan_lightning.files import read_json, write_text_file
from gan_lightning.paths import CARD, MANIFEST, METRICS
from gan_lightning.runs import card_sections as sections
from gan_lightning.runs.card import Card, Commands
from gan_lightning.runs.card_metadata import metadata_block
from gan_lightning.runs.markdown import escape, section

KEPT_ASIDE = "README.generated.md"  # where the card goes if README.md is a person's
MARK = "\n<!-- Written by GAN Lightning, which overwrites no card that was edited. SHA-256 of the text above: {} -->\n"


def write_card(run_dir: Path, model: GenerativeModel, data: Data, commands: Commands) -> Path:
    """Write the model card of a run that has finished, and return its path.

    The last line of a card has the digest of the text above it. A README.md without that line, or with another digest,
    was written or edited by a person. It is kept, and the new card goes to README.generated.md, over an earlier one.

    Args:
        run_dir: the folder of the run, with manifest.json and metrics.json.
        model: the trained model.
        data: the data module, after ``setup``.
        commands: command lines of the commands that the card names.
    """
    path = run_dir / CARD
    if path.exists() and not _is_generated(path):
        path = run_dir / KEPT_ASIDE
    card = Card(run_dir, read_json(run_dir / MANIFEST), read_json(run_dir / METRICS), model, data, commands)
    write_text_file(path, _marked(card_text(card)))
    return path


def card_text(card: Card) -> str:
    """Return the metadata and all sections."""
    parts = [
        f"# {escape(card.config['name'])}",
        sections.introduction(card),
        section("Model", sections.model(card)),
        section("Uses", sections.DIRECT_USE, "### Out of scope", sections.OUT_OF_SCOPE),
        section("Limits, risks and biases", *sections.limits(card)),
        section("Generate samples", *sections.generate(card)),
        section("Training data", *sections.training_data(card)),
        section("Training", sections.training(card)),
        section("Evaluation", *sections.evaluation(card)),
        section("Environment", sections.environment(card)),
        section("Provenance", sections.provenance(card)),
        section("Train it again", *sections.train_again(card)),
        section("Ethics", sections.ETHICS),
    ]
    return metadata_block(card) + "\n\n".join(parts) + "\n"


def _marked(text: str) -> str:
    """Return the text with its digest below."""
    return text + MARK.format(hashlib.sha256(text.encode()).hexdigest())


def _is_generated(path: Path) -> bool:
    """Return True if the file is a card that nobody has edited."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return text == _marked(text[: text.rfind(MARK.partition("{}")[0])])
