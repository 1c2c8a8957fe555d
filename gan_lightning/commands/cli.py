"""The entry points of the commands that have a config; :mod:`gan_lightning.commands.hydra_run` runs them.

Each function imports what it needs when it is called, so that signals are handled before the slow imports.
"""

from gan_lightning.commands.entry import command


@command
def train() -> None:
    """Run ``gan-train``, or ``python train.py``."""
    from gan_lightning.commands.hydra_run import run, train_job
    from gan_lightning.config.settings import TrainSettings

    run("train", TrainSettings, train_job)


@command
def generate() -> None:
    """Run ``gan-generate``, or ``python scripts/generate.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import GenerateSettings

    run("generate", GenerateSettings, print_result)


@command
def export() -> None:
    """Run ``gan-export``, or ``python scripts/export.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import ExportSettings

    run("export", ExportSettings, print_result)


@command
def directions() -> None:
    """Run ``gan-directions``, or ``python scripts/directions.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import DirectionsSettings

    run("directions", DirectionsSettings, print_result)


@command
def evaluate() -> None:
    """Run ``gan-evaluate``, or ``python scripts/evaluate.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import EvaluateSettings

    run("evaluate", EvaluateSettings, print_result)


@command
def train_extractor() -> None:
    """Run ``gan-train-extractor``, or ``python scripts/train_extractor.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import TrainExtractorSettings

    run("train_extractor", TrainExtractorSettings, print_result)


@command
def search() -> None:
    """Run ``gan-search``, or ``python scripts/search.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import SearchSettings

    run("search", SearchSettings, print_result)


@command
def stylize() -> None:
    """Run ``gan-stylize``, or ``python scripts/stylize.py``."""
    from gan_lightning.commands.hydra_run import print_result, run
    from gan_lightning.config.settings import StylizeSettings

    run("stylize", StylizeSettings, print_result)
