"""``python -m gan_lightning.commands.trial``: a run that saves and stops when the search that started it exits."""

import os
import signal

from gan_lightning.commands.cli import train
from gan_lightning.system.parent_process import on_parent_exit


def main() -> None:
    on_parent_exit(lambda: os.kill(os.getpid(), signal.SIGTERM))
    train()


if __name__ == "__main__":
    main()
