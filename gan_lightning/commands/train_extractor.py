"""Trains a classifier whose features are used to evaluate samples."""

from pathlib import Path

from gan_lightning.config.settings import TrainExtractorSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.metrics.evaluator import evaluator_of
from gan_lightning.metrics.images import cached_classifier
from gan_lightning.runs.folders import prepare_folder


def train_extractor(settings: TrainExtractorSettings) -> str:
    """Train the classifier that ``conf/train_extractor.yaml`` describes; return a line with its path and accuracy."""
    data = instantiate(settings.data, "data")
    data.prepare_data()
    data.setup("test")
    path = Path(settings.output) if settings.output else cached_classifier(data)
    with os_errors_as_user_errors(f"output={path}" if settings.output else "XDG_CACHE_HOME"):
        if path.exists():
            raise UserError(
                f"output={path}: exists already: choose another name (metrics of two classifiers are not comparable)"
            )
        undo = prepare_folder(str(path.parent))
        try:
            accuracy = evaluator_of(data).train_extractor(data, path, settings.epochs, settings.seed, settings.name)
        except BaseException:
            undo()
            raise
    return f"{path}: {accuracy}"


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train_extractor()
