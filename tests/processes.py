"""Runs commands in processes of their own, which a test can kill."""

import os
import subprocess
import sys
import time

from tests.conftest import ROOT

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def started(folder, *arguments, torchrun=()):
    program = ["-m", "torch.distributed.run", *torchrun] if torchrun else []
    command = [sys.executable, *program, str(ROOT / "train.py"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process):
    """Wait for a process; return its exit code and its output."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out + err


def wait_for(path, process):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, ended(process)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid):
    """Return the ids of the processes that a process has started."""
    return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]
