"""The commands that have a config. What they do is in :mod:`gan_lightning.commands.hydra_run` and below.

Nothing is imported here, so that signals are heeded from the first moment on.
"""

from gan_lightning.commands.entry import command


@command
def train() -> None:
    """``python train.py`` and ``gan-train``."""
    from gan_lightning.commands import hydra_run

    hydra_run.run("train", hydra_run.TrainSettings, hydra_run.train_job)


@command
def generate() -> None:
    """``python scripts/generate.py`` and ``gan-generate``."""
    from gan_lightning.commands import hydra_run

    hydra_run.run("generate", hydra_run.GenerateSettings, hydra_run.printed)


@command
def evaluate() -> None:
    """``python scripts/evaluate.py`` and ``gan-evaluate``."""
    from gan_lightning.commands import hydra_run

    hydra_run.run("evaluate", hydra_run.EvaluateSettings, hydra_run.printed)


@command
def train_extractor() -> None:
    """``python scripts/train_extractor.py`` and ``gan-train-extractor``."""
    from gan_lightning.commands import hydra_run

    hydra_run.run("train_extractor", hydra_run.ExtractorSettings, hydra_run.printed)


@command
def search() -> None:
    """``python scripts/search.py`` and ``gan-search``."""
    from gan_lightning.commands import hydra_run

    hydra_run.run("search", hydra_run.SearchSettings, hydra_run.printed)
