"""Searches for hyperparameters."""

import sys

from gan_lightning.commands.overrides import as_typed
from gan_lightning.config.settings import SearchSettings, TrainSettings
from gan_lightning.config.text import Keys
from gan_lightning.errors import Interrupted, missing_extra


def search(settings: SearchSettings) -> str:
    """Run the search that ``conf/search.yaml`` describes and return the table of its trials."""
    try:
        from gan_lightning.search.study import search as run_trials
    except ImportError as error:
        raise missing_extra("search", "search") from error
    typed = settings.search.overrides
    keys = Keys("train", TrainSettings, typed)
    space = settings.search.model_copy(update={"overrides": [as_typed(one, keys.text) for one in typed]})
    try:
        return run_trials(settings.model_copy(update={"search": space}))
    except Interrupted as interruption:
        print(f"{interruption}: run the same command again to continue", file=sys.stderr)
        interruption.exit_process()


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.search()
