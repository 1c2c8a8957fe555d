"""scripts/benchmark.py quality: turns on the same cores, training times, tables, and the whole command."""

import json
import sys
import time
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from scripts.benchmarks import quality
from scripts.benchmarks.quality import Checkpoint, Contestant
from tests.test_benchmark import run_benchmark

EIGHT_CHECKPOINTS = """
import pathlib, time
for i in range(8):
    time.sleep(.05)
    pathlib.Path({folder!r}, f"{{i}}.ckpt").touch()
"""


def contestant(folder: Path, code: str, limit: float = 60) -> Contestant:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code.format(folder=str(folder))]
    return Contestant(folder.name, command, folder, lambda path, n: n, limit)


@pytest.mark.slow
def test_pauses_do_not_count_as_training_time(tmp_path):
    one = contestant(tmp_path / "a", EIGHT_CHECKPOINTS)
    unfinished = True
    while unfinished:
        unfinished = one.run_for(0.1, threads=1)
        before = sorted(path.name for path in one.checkpoints.iterdir())
        time.sleep(0.3)
        assert sorted(path.name for path in one.checkpoints.iterdir()) == before
    assert len(before) == 8
    seconds = [one.seconds_at(path.stat().st_mtime) for path in sorted(one.checkpoints.iterdir())]
    assert seconds == sorted(seconds)
    assert seconds[-1] - seconds[0] < 1  # the pauses alone are longer
    assert 0 < one.seconds - seconds[-1] < 0.3


@pytest.mark.slow
def test_each_contestant_stops_at_its_limit(tmp_path, monkeypatch):
    limits = {"a": 1.0, "b": 0.15}
    contestants = [contestant(tmp_path / name, "import time; time.sleep(60)", limits[name]) for name in limits]
    monkeypatch.setattr(quality, "TURN_SECONDS", 0.1)
    quality.run_in_turns(contestants, threads=1)
    assert all(one.process.poll() is not None and one.limit <= one.seconds < 5 for one in contestants)
    assert contestants[0].seconds > contestants[1].seconds


def test_failure_of_one_contestant_stops_all(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "TURN_SECONDS", 0.1)
    contestants = [
        contestant(tmp_path / "a", "import time; time.sleep(60)"),
        contestant(tmp_path / "b", "raise SystemExit('error: seed=x: not a number')"),
    ]
    with pytest.raises(UserError, match="b: seed=x: not a number"):
        quality.run_in_turns(contestants, threads=1)
    assert contestants[0].process.poll() is not None


def test_duration_in_the_manifest_is_replaced(tmp_path):
    (tmp_path / "manifest.json").write_text('{"status": "finished", "duration_seconds": 3000.0}')
    quality.correct_duration(tmp_path, 281.0)
    assert json.loads((tmp_path / "manifest.json").read_text()) == {"status": "finished", "duration_seconds": 281.0}


def test_no_checkpoint_is_an_error(tmp_path):
    with pytest.raises(UserError, match="a: no checkpoint after 0:00: increase --minutes"):
        contestant(tmp_path / "a", "").evaluate_checkpoints(evaluator=None)


def test_table_has_the_newest_distance_of_each_interval():
    article = [Checkpoint(31, Path(), 150.0), Checkpoint(290, Path(), 83.0), Checkpoint(3000, Path(), 8.9)]
    ours = [
        Checkpoint(20, Path(), 14.0),
        Checkpoint(28, Path(), 9.9),
        Checkpoint(60, Path(), 6.0),
        Checkpoint(290, Path(), 2.0),
    ]
    rows = quality.table({"article": article, "ours": ours})
    assert rows == [
        {"": "after 0:30", "article": "", "ours": "9.9"},
        {"": "after 1:00", "article": "150", "ours": "6"},
        {"": "after 5:00", "article": "83", "ours": "2"},
        {"": "after 50:00", "article": "8.9", "ours": ""},
        {"": "time until 8.9", "article": "50:00, 1/1", "ours": "1:00, 1/50"},
    ]


@pytest.mark.slow
def test_quality_writes_distances_and_plots(tmp_path, real_mnist):
    recipe = "model=mlp_bn max_iterations=940 sample_every_n_epochs=100 callbacks.evaluation=null"
    result = run_benchmark(
        "quality", tmp_path, real_mnist, "--epochs", "1", "--seeds", "2", "--recipes", recipe, "--json", "all.json"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("|")
    written = {path.name for path in Path(tmp_path, "outputs/quality").iterdir() if path.is_file()}
    assert written == {"distance.png", "samples.png", "points.json"}
    rows = json.loads((tmp_path / "all.json").read_text())
    assert rows[-1][""].startswith("time until")
    (manifest,) = Path(tmp_path, "outputs/quality").rglob("manifest.json")
    seconds = [row["seconds"] for row in json.loads(Path(tmp_path, "outputs/quality/points.json").read_text())]
    assert json.loads(manifest.read_text())["duration_seconds"] >= seconds[-1]
    again = run_benchmark("quality", tmp_path, real_mnist)
    assert again.returncode == 2
    assert "exists already" in again.stderr.splitlines()[-1]
