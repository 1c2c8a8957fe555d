"""Ctrl-C and SIGTERM at any moment: one line, the exit code of the signal, no unfinished files."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.conftest import FAST, ROOT
from tests.processes import ENVIRONMENT

TRAIN = [str(ROOT / "train.py"), *FAST]
LONG = {  # commands that take longer than any moment below
    "train": [*TRAIN, "max_iterations=100000"],
    "sweep": [*TRAIN, "-m", "seed=1,2", "max_iterations=100000"],
    "module": ["-m", "gan_lightning.commands.train", *FAST, "max_iterations=100000"],
    "generate": [str(ROOT / "scripts" / "generate.py"), "checkpoint=run", "n=1000000", "format=files", "output=out"],
    "extractor": [str(ROOT / "scripts" / "train_extractor.py"), "data=digits", "epochs=10000", "output=x.safetensors"],
}
SHORT = {
    "help": [str(ROOT / "train.py"), "--help"],
    "verify": ["-m", "gan_lightning.commands.verify", "run/metrics.json"],
}
MOMENTS = {signal.SIGINT: (0.0, 0.2, 1.0, 2.3, 4.5), signal.SIGTERM: (0.05, 0.6, 1.6, 3.0)}  # they share handlers


def handles_signals(process):
    """Return True if the command has installed its handlers: the interpreter itself handles no SIGTERM."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        caught = next(line for line in status if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))


def interrupted(folder, arguments, number, moment):
    """Send a signal ``moment`` seconds after a command has started; return its stdout, stderr and exit code."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while not handles_signals(process) and process.poll() is None:
        time.sleep(0.002)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    process.send_signal(number)
    return (*process.communicate(timeout=120), process.returncode)


def check(folder, name, number, moment):
    out, err, code = interrupted(folder, (LONG | SHORT)[name], number, moment)
    has_ended = name in SHORT and code in (0, 1)
    assert has_ended or code == 128 + number, (moment, code, out, err)
    assert err in ("", "interrupted\n"), (moment, err)
    assert has_ended or err or f"stopped by {number.name}" in out, (moment, out)
    left = [path for path in folder.rglob("*") if path.name.endswith(".tmp") or path.parent.name == "out"]
    assert not left, (moment, left)


@pytest.mark.parametrize(
    ("name", "number", "moment"),
    [
        ("train", signal.SIGINT, 0.0),
        ("train", signal.SIGTERM, 1.0),
        ("train", signal.SIGINT, 2.0),
        ("module", signal.SIGINT, 0.5),
        ("sweep", signal.SIGINT, 1.5),
        ("help", signal.SIGINT, 0.2),
        ("verify", signal.SIGTERM, 0.5),
    ],
)
def test_command_ends_in_good_order(tmp_path, name, number, moment):
    check(tmp_path, name, number, moment)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LONG, *SHORT])
@pytest.mark.parametrize("number", MOMENTS, ids=lambda number: number.name)
def test_command_ends_in_good_order_at_every_moment(run, tmp_path, name, number):
    if name in ("generate", "verify"):
        run("train", *FAST, "max_iterations=2", "callbacks.sample_grid=null", "hydra.run.dir=run")
    for moment in MOMENTS[number]:
        check(tmp_path, name, number, moment)


@pytest.mark.slow
def test_run_that_did_not_start_leaves_no_folder(tmp_path):
    for moment in (0.3, 1.2):
        interrupted(tmp_path, LONG["train"], signal.SIGINT, moment)
    assert not [path for path in (tmp_path / "outputs").glob("*/*") if not (path / "manifest.json").exists()]


def test_signal_during_an_import_waits_for_its_end(tmp_path):
    """KeyboardInterrupt is raised after the import, where cleanup works."""
    (tmp_path / "heavy.py").write_text("import time; print('importing', flush=True); time.sleep(0.5)", encoding="utf-8")
    (tmp_path / "program.py").write_text(
        "from gan_lightning.commands.entry import command\n"
        "from gan_lightning.system import interrupts\n"
        "@command\n"
        "def main():\n"
        "    interrupts.raise_on_signals()\n"
        "    try:\n"
        "        import heavy\n"
        "        print('imported', flush=True)\n"
        "        import time; time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaned up')\n"
        "main()\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=os.environ | ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("imported\ncleaned up\n", "interrupted\n")
    assert process.returncode == 130


def test_ignored_signal_stays_ignored():
    code = (
        "import os, signal; from gan_lightning.system import interrupts\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN); interrupts.exit_on_signals(); interrupts.raise_on_signals()\n"
        "os.kill(os.getpid(), signal.SIGINT); print('continues')"
    )
    result = subprocess.run([sys.executable, "-c", code], env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "continues\n")
