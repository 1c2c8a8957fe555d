"""``python -m gan_lightning.commands.trial``: a run that stops, saved, when the search that has begun it is gone."""

import os
import signal

from gan_lightning.commands.cli import train
from gan_lightning.system.follow import when_parent_is_gone


def main() -> None:
    when_parent_is_gone(lambda: os.kill(os.getpid(), signal.SIGTERM))
    train()


if __name__ == "__main__":
    main()
