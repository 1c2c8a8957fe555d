"""Searches for hyperparameters: the trials are real runs in child processes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import optuna
import pytest
from PIL import Image

from gan_lightning.search import study as searching
from gan_lightning.search.report import experiment
from gan_lightning.search.space import format_override
from tests.conftest import FAST, ROOT

EVALUATED = [one for one in FAST if one != "callbacks.evaluation=null"]
LR = "model.generator_optimizer.lr"


def arguments(folder, *others, iterations=4, overrides=(), space=None):
    """Write a search config to the folder and return the command line that runs it."""
    path = folder / "own" / "search" / "mine.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    tried = space or {LR: {"low": 1e-4, "high": 1e-2, "log": True}}
    path.write_text(json.dumps({"overrides": [*EVALUATED, f"max_iterations={iterations}", *overrides], "space": tried}))
    return ["--config-dir", str(path.parents[1]), "search=mine", "name=s", "heartbeat_seconds=1", *others]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def examples():
    """Return the manifest entry of the data of fake runs; a test may change its digest."""
    return {"sha256": "one"}


@pytest.fixture
def faked(monkeypatch, examples):
    """Replace runs by two files each; the list returned holds their metrics, or errors they raise."""
    values = []

    def train(overrides, run):
        value = values.pop(0)
        if isinstance(value, Exception):
            raise value
        run.mkdir(parents=True)
        (run / "metrics.json").write_text(json.dumps({"evaluation/fcd_train": value}))
        (run / "manifest.json").write_text(json.dumps({"data": {"sha256": examples["sha256"]}}))

    monkeypatch.setattr(searching, "_train_run", train)
    return values


def rows(folder):
    with (folder / "outputs" / "search" / "s" / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_best_trial_runs_as_an_experiment(run, tmp_path, monkeypatch):
    result = run("search", *arguments(tmp_path, "trials=1", "seeds=[1,2]"))
    assert result.code == 0, result.err
    (row,) = rows(tmp_path)
    assert row["status"] == "complete"
    values = []
    for seed in (1, 2):
        folder = tmp_path / row["folder"] / f"seed_{seed}"
        assert json.loads((folder / "manifest.json").read_text())["seed"] == seed
        values.append(json.loads((folder / "metrics.json").read_text())["evaluation/fcd_train"])
    assert float(row["value"]) == pytest.approx(sum(values) / 2)
    out = tmp_path / "outputs" / "search" / "s"
    for name in ("history.png", "best.png"):
        with Image.open(out / name) as picture:
            assert picture.width >= 400

    # The best trial runs as an experiment.
    own = tmp_path / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "found.yaml").write_text((out / "best.yaml").read_text())
    result = run("train", "--config-dir", "own", "experiment=found", "hydra.run.dir=again", "seed=1")
    assert result.code == 0, result.err
    first = json.loads((tmp_path / row["folder"] / "seed_1" / "metrics.json").read_text())
    assert json.loads((tmp_path / "again" / "metrics.json").read_text()) == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["model.discriminator_optimizer.lr=1e38"], "iteration "),
        # The samples of a generator that does not learn are all alike: the alarm reports it at its second check.
        (["model.generator_optimizer.lr=0.0", "callbacks.collapse_alarm.every_n_iterations=2"], "collapsed: "),
    ],
    ids=["diverged", "collapsed"],
)
def test_lost_trials_are_pruned(run, tmp_path, overrides, why):
    space = {"seed": {"choices": [1]}}
    result = run("search", *arguments(tmp_path, "trials=1", iterations=50, overrides=overrides, space=space))
    assert (result.code, "no trial has finished" in result.out) == (0, True), result.err
    (row,) = rows(tmp_path)
    assert row["status"] == "pruned"
    assert why in row["why"]
    manifest = json.loads((tmp_path / row["folder"] / "seed_1" / "manifest.json").read_text())
    assert (manifest["status"], manifest["segments"][0]["duration_seconds"] > 0) == ("diverged", True)


def test_search_continues_its_study(run, tmp_path, faked, examples):
    faked += [3.0, 1.0, 2.0, 4.0]
    assert run("search", *arguments(tmp_path, "trials=2")).code == 0
    assert len(faked) == 2
    assert run("search", *arguments(tmp_path, "trials=2")).code == 0
    assert run("search", *arguments(tmp_path, "trials=3")).code == 0
    assert [float(row["value"]) for row in rows(tmp_path)] == [1.0, 2.0, 3.0]
    result = run("search", *arguments(tmp_path, "trials=4", "seeds=[7]"))
    assert (result.code, "error: name=s: this study was started with other" in result.err) == (2, True)
    examples["sha256"] = "another"
    result = run("search", *arguments(tmp_path, "trials=4"))
    assert (result.code, "error: name=s: the data have changed since this study" in result.err) == (2, True)


def test_search_ends_after_three_failed_trials(run, tmp_path, faked):
    faked += [1.0, *(searching.TrialFailed("out of luck") for _ in range(3))]
    result = run("search", *arguments(tmp_path, "trials=9"))
    assert (result.code, result.err.startswith("error: 3 trials have failed: see ")) == (2, True)


NEVER = "callbacks.collapse_alarm.every_n_iterations=1000000"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def started(folder, *others, iterations=4):
    command = [
        sys.executable,
        str(ROOT / "scripts" / "search.py"),
        *arguments(folder, *others, iterations=iterations, overrides=[NEVER]),
    ]
    return subprocess.Popen(
        command, cwd=folder, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def trials(folder):
    storage = f"sqlite:///{folder / 'outputs' / 'search' / 's' / 'study.db'}"
    return optuna.load_study(study_name="s", storage=storage).get_trials()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_search_continues(run, tmp_path, number):
    """The run saves and stops with the search; the next search resumes it in a new trial."""
    many = 1000
    first = started(tmp_path, "trials=1", iterations=many)
    sample = tmp_path / "outputs/search/s/trial_0000/seed_1/samples/iteration_0000008.png"
    deadline = time.monotonic() + 120
    while not sample.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if number == signal.SIGINT:
        os.killpg(first.pid, number)  # as a terminal sends it
    else:
        first.send_signal(number)
    first.communicate()
    assert first.returncode == (-number if number == signal.SIGKILL else 128 + number)
    manifest = tmp_path / "outputs/search/s/trial_0000/seed_1/manifest.json"
    while json.loads(manifest.read_text())["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert json.loads(manifest.read_text())["status"] == "interrupted"
    if number == signal.SIGKILL:
        time.sleep(4)  # until Optuna considers the trial dead

    second = run("search", *arguments(tmp_path, "trials=1", iterations=many, overrides=[NEVER]))
    assert second.code == 0, second.err
    found = trials(tmp_path)
    assert sum(trial.state.name == "COMPLETE" for trial in found) == 1
    assert found[1].params == found[0].params  # queued again
    assert len(json.loads(manifest.read_text())["segments"]) == 2


@pytest.mark.slow
def test_two_searches_share_a_study(tmp_path):
    both = [started(tmp_path, "trials=2") for _ in range(2)]
    said = [one.communicate() for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    complete = [trial for trial in trials(tmp_path) if trial.state.name == "COMPLETE"]
    assert 2 <= len(complete) <= 3  # the last two may start at the same time
    assert len({trial.params[LR] for trial in complete}) == len(complete)


@pytest.mark.parametrize(
    ("given", "space", "expected"),
    [
        (["search=min"], None, "search=min: no such option"),
        (["trials=0"], None, "trials=0"),
        (["metric=fcd"], None, "metric=fcd: not in"),
        (["storage=nonsense"], None, "storage=nonsense: "),
        (["storage=sqlite:////nowhere/s.db"], None, "storage=sqlite:////nowhere/s.db: unable to open database file"),
        (["storage=postgresql://me:secret@host/db"], None, "storage=postgresql://me:***@host/db: "),
        (["storage=mssql+pyodbc://me:secret@host/db"], None, "storage=mssql+pyodbc://me:***@host/db: No module named "),
        ([], {"ema_decay": {"low": 0.5}}, "search.space.ema_decay"),
        ([], {"ema_decay": {"low": 3, "high": 1}}, "search.space.ema_decay={'low': 3, 'high': 1}: "),
        ([], {"ema_decay": {"low": 0.0, "high": 1.0, "log": True}}, "search.space.ema_decay="),
        pytest.param([], {"ema_decoy": {"choices": [0.5]}}, "ema_decoy: unknown key", marks=pytest.mark.slow),
        pytest.param([], {"ema_decay": {"choices": [7]}}, "ema_decay=7", marks=pytest.mark.slow),
    ],
)
def test_bad_input(run, tmp_path, request, given, space, expected):
    if "metric=fcd" in given:
        request.getfixturevalue("faked").append(1.0)
    result = run("search", *arguments(tmp_path, *given, space=space))
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert expected in result.err
    assert result.err.count("\n") == 1


@pytest.mark.slow
def test_locked_storage_is_one_line(run, tmp_path, faked):
    import sqlite3

    faked += [1.0, 2.0]
    assert run("search", *arguments(tmp_path, "trials=1")).code == 0
    with sqlite3.connect(tmp_path / "outputs/search/s/study.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = run("search", *arguments(tmp_path, "trials=2"))
    assert (result.code, "storage=sqlite:///outputs/search/s/study.db: " in result.err) == (2, True)
    assert "database is locked" in result.err


def test_deleted_storage_is_one_line(run, tmp_path, faked, monkeypatch):
    train = searching._train_run

    def remove(overrides, folder):
        (tmp_path / "outputs/search/s/study.db").unlink()
        train(overrides, folder)

    faked += [1.0]
    monkeypatch.setattr(searching, "_train_run", remove)
    result = run("search", *arguments(tmp_path, "trials=2"))
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert result.err.startswith("error: storage=sqlite:///outputs/search/s/study.db: ")


def test_missing_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.search.study", None)
    result = run("search")
    assert (result.code, result.err) == (2, "error: search: needs an extra: pip install 'gan-lightning[search]'\n")


def test_text_that_looks_like_a_number_stays_text():
    values = {"name": "1e3", "model": "mlp", "seed": 3, "trust_code": None}
    chosen = [format_override(key, value) for key, value in values.items()]
    assert experiment(chosen) == {
        "defaults": [{"override /model": "mlp"}, "_self_"],
        "name": "1e3",
        "seed": 3,
        "trust_code": None,
    }
