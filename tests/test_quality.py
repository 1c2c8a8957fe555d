"""The article's code beside ours: turns, clocks, and the whole command."""

import json
import sys
import time
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from scripts.benchmarks import quality
from scripts.benchmarks.quality import Contestant, Point
from tests.test_benchmark import benchmark

TICK = """
import pathlib, time
for i in range(8):
    time.sleep(.05)
    pathlib.Path({folder!r}, f"{{i}}.ckpt").touch()
"""


def contestant(folder: Path, code: str, limit: float = 60) -> Contestant:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code.format(folder=str(folder))]
    return Contestant(folder.name, command, folder, lambda path, n: n, limit)


def test_its_clock_stands_while_others_have_their_turn(tmp_path):
    one = contestant(tmp_path / "a", TICK)
    more = True
    while more:
        more = one.take_turn(0.1, threads=1)
        before = sorted(path.name for path in one.checkpoints.iterdir())
        time.sleep(0.3)
        assert sorted(path.name for path in one.checkpoints.iterdir()) == before
    assert len(before) == 8
    moments = [one.seconds_at(path.stat().st_mtime) for path in sorted(one.checkpoints.iterdir())]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] < 1  # the pauses alone were longer
    assert 0 < one.seconds - moments[-1] < 0.3


def test_each_ends_at_its_limit(tmp_path, monkeypatch):
    limits = {"a": 1.0, "b": 0.15}
    contestants = [contestant(tmp_path / name, "import time; time.sleep(60)", limits[name]) for name in limits]
    monkeypatch.setattr(quality, "TURN", 0.1)
    quality.compete(contestants, threads=1)
    assert all(one.process.poll() is not None and one.limit <= one.seconds < 5 for one in contestants)
    assert contestants[0].seconds > contestants[1].seconds


def test_what_fails_ends_all_with_its_last_line(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "TURN", 0.1)
    contestants = [
        contestant(tmp_path / "a", "import time; time.sleep(60)"),
        contestant(tmp_path / "b", "raise SystemExit('error: seed=x: not a number')"),
    ]
    with pytest.raises(UserError, match="b: seed=x: not a number"):
        quality.compete(contestants, threads=1)
    assert contestants[0].process.poll() is not None


def test_a_run_s_time_is_that_of_its_turns(tmp_path):
    (tmp_path / "manifest.json").write_text('{"status": "finished", "duration_seconds": 3000.0}')
    quality.leave_out_pauses(tmp_path, 281.0)
    assert json.loads((tmp_path / "manifest.json").read_text()) == {"status": "finished", "duration_seconds": 281.0}


def test_a_time_too_short_for_any_checkpoint(tmp_path):
    with pytest.raises(UserError, match="a: no checkpoint after 0:00: it needs more --minutes"):
        contestant(tmp_path / "a", "").points(evaluator=None)


def test_table():
    article = [Point(31, Path(), 150.0), Point(290, Path(), 83.0), Point(3000, Path(), 8.9)]
    ours = [Point(20, Path(), 14.0), Point(28, Path(), 9.9), Point(60, Path(), 6.0), Point(290, Path(), 2.0)]
    rows = quality.table({"article": article, "ours": ours})
    assert rows == [
        {"": "after 0:30", "article": "", "ours": "9.9"},
        {"": "after 1:00", "article": "150", "ours": "6"},
        {"": "after 5:00", "article": "83", "ours": "2"},
        {"": "after 50:00", "article": "8.9", "ours": ""},
        {"": "time until 8.9", "article": "50:00, 1/1", "ours": "1:00, 1/50"},
    ]


@pytest.mark.slow
def test_the_article_s_code_beside_ours(tmp_path, real_data):
    recipe = "model=mlp_bn max_iterations=940 sample_every_n_epochs=100 callbacks.evaluation=null"
    result = benchmark(
        "quality", tmp_path, real_data, "--epochs", "1", "--seeds", "2", "--recipes", recipe, "--json", "all.json"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("|")
    written = {path.name for path in Path(tmp_path, "outputs/quality").iterdir() if path.is_file()}
    assert written == {"distance.png", "samples.png", "points.json"}
    rows = json.loads((tmp_path / "all.json").read_text())
    assert rows[-1][""].startswith("time until")
    (manifest,) = Path(tmp_path, "outputs/quality").rglob("manifest.json")
    clocks = [row["seconds"] for row in json.loads(Path(tmp_path, "outputs/quality/points.json").read_text())]
    assert json.loads(manifest.read_text())["duration_seconds"] >= clocks[-1]
    again = benchmark("quality", tmp_path, real_data)
    assert again.returncode == 2
    assert "exists already" in again.stderr.splitlines()[-1]
