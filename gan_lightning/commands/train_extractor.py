"""Trains the classifier whose features evaluate samples."""

from pathlib import Path

from gan_lightning.config.settings import TrainExtractorSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.metrics.classifier_training import train_classifier
from gan_lightning.metrics.images import cached_classifier
from gan_lightning.runs.folders import take


def train_extractor(cfg: TrainExtractorSettings) -> str:
    """Write the classifier that ``conf/train_extractor.yaml`` describes, and return where it is and how good."""
    data = instantiate(cfg.data, "data")
    data.prepare_data()
    data.setup("test")
    path = Path(cfg.output) if cfg.output else cached_classifier(data)
    with os_errors_as_user_errors(f"output={path}" if cfg.output else "XDG_CACHE_HOME"):
        if path.exists():
            raise UserError(f"output={path}: exists already; metrics by another classifier cannot be compared with its")
        undo = take(str(path.parent))
        try:
            accuracy, n = train_classifier(data, path, cfg.epochs, cfg.seed, cfg.name)
        except BaseException:
            undo()
            raise
    return f"{path}: accuracy {accuracy:.2%} on {n:,} samples that it was not trained on"


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train_extractor()
