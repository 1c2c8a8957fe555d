"""``python -m gan_lightning.commands.worker``: another process of a run, which gets its config from the first one.

:class:`gan_lightning.system.distributed.DDP` starts it and writes the config to its standard input as a line of JSON.
"""

import argparse
import json
import logging
import os
import signal
import sys

from gan_lightning.errors import RERAISED_SIGNALS, Diverged, Interrupted, UserError, exit_with_error
from gan_lightning.system.parent_process import on_parent_exit


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    from gan_lightning.commands.train import train_once
    from gan_lightning.config.settings import TrainSettings

    job = json.loads(sys.stdin.readline())
    on_parent_exit(lambda: os._exit(1))
    for number in RERAISED_SIGNALS:  # Slurm signals all processes of a job; the first one stops the others
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.ERROR)  # the first process logs the rest
    try:
        train_once(TrainSettings.model_validate(job["config"]), job["rollbacks"])
    except Interrupted:
        pass
    except Diverged:
        raise SystemExit(2) from None  # the first process diverged too, and explains it
    except UserError as error:
        exit_with_error(UserError(f"process {os.environ['LOCAL_RANK']}: {error}"), debug=job["config"]["debug"])


if __name__ == "__main__":
    main()
