"""``python -m gan_lightning.commands.worker``: a further process of a run, told the config by the first one."""

import json
import logging
import os
import signal
import sys
import threading

from omegaconf import OmegaConf

from gan_lightning.commands.train import train_once
from gan_lightning.errors import PASSED_ON, Diverged, Interrupted, UserError, fail


def follow() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the first process is gone
    os._exit(1)


if __name__ == "__main__":
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=follow, daemon=True).start()
    for number in PASSED_ON:  # Slurm sends them to all processes of a job; the first one tells the others
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.ERROR)  # the first process tells the rest
    try:
        train_once(OmegaConf.create(job["config"]), job["rollbacks"])
    except Interrupted:
        pass
    except Diverged:
        raise SystemExit(2) from None  # the first process has seen the same
    except UserError as error:
        fail(UserError(f"process {os.environ['LOCAL_RANK']}: {error}"), debug=job["config"]["debug"])
