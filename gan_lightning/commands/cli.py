"""The commands that have a config. What they do is in :mod:`gan_lightning.commands.hydra_run` and below.

Nothing is imported here, so that signals are heeded from the first moment on.
"""

from gan_lightning.commands.entry import command


@command
def train() -> None:
    """``python train.py`` and ``gan-train``."""
    from gan_lightning.commands.hydra_run import run, train_job
    from gan_lightning.config.settings import TrainSettings

    run("train", TrainSettings, train_job)


@command
def generate() -> None:
    """``python scripts/generate.py`` and ``gan-generate``."""
    from gan_lightning.commands.hydra_run import printed, run
    from gan_lightning.config.settings import GenerateSettings

    run("generate", GenerateSettings, printed)


@command
def evaluate() -> None:
    """``python scripts/evaluate.py`` and ``gan-evaluate``."""
    from gan_lightning.commands.hydra_run import printed, run
    from gan_lightning.config.settings import EvaluateSettings

    run("evaluate", EvaluateSettings, printed)


@command
def train_extractor() -> None:
    """``python scripts/train_extractor.py`` and ``gan-train-extractor``."""
    from gan_lightning.commands.hydra_run import printed, run
    from gan_lightning.config.settings import ExtractorSettings

    run("train_extractor", ExtractorSettings, printed)


@command
def search() -> None:
    """``python scripts/search.py`` and ``gan-search``."""
    from gan_lightning.commands.hydra_run import printed, run
    from gan_lightning.config.settings import SearchSettings

    run("search", SearchSettings, printed)
