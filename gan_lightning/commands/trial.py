"""``python -m gan_lightning.commands.trial``: a run that stops, saved, when the search that has begun it is gone."""

import os
import signal
import threading

from gan_lightning.commands.cli import train


def follow() -> None:
    os.read(0, 1)  # returns when the other end of the pipe is closed, by whatever has happened there
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=follow, daemon=True).start()
    train()
