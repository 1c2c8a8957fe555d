"""Runs as the library of the studio finds and describes them."""

import json
import os
import subprocess
import sys
import time

import pytest

from gan_lightning.runs.manifest import Manifest
from gan_lightning.studio.library import Library
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.run_metrics import describe_metrics
from tests.conftest import FAST
from tests.studio.run_folders import add_results, make_run


def test_runs_are_found_at_all_depths_and_the_newest_is_first(tmp_path):
    make_run(tmp_path / "first", started=1000)
    make_run(tmp_path / "sweep" / "2026-01-01" / "lr=0.1,seed=2", started=3000)
    make_run(tmp_path / "图" / "a b", started=2000)
    make_run(tmp_path / "first" / "inside", started=4000)  # below a run there are no runs
    make_run(tmp_path / ".hidden", started=5000)
    make_run(tmp_path / "studio" / "x", started=6000)
    runs = Library(tmp_path, without=[tmp_path / "studio"]).runs()
    assert [run.folder for run in runs] == ["sweep/2026-01-01/lr=0.1,seed=2", "图/a b", "first"]
    assert runs[2].id == "first"
    assert runs[0].id.startswith("sweep~2026-01-01~lr=0.1-seed=2~")
    assert all("/" not in run.id for run in runs)


def test_folder_of_one_run(tmp_path):
    (run,) = Library(make_run(tmp_path / "only")).runs()
    assert (run.id, run.folder) == ("only", "only")


def test_links_lead_nowhere(tmp_path):
    outside, inside = make_run(tmp_path / "outside" / "run"), tmp_path / "runs"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "linked manifest").mkdir()
    (inside / "linked manifest" / "manifest.json").symlink_to(outside / "manifest.json")
    assert Library(inside).runs() == []

    (outside / "secret.md").write_text("# secret")
    run = make_run(inside / "run")
    (run / "README.md").symlink_to(outside / "secret.md")
    (run / "samples").symlink_to(outside)
    (outside / "iteration_0000001.png").write_bytes(b"secret")
    (found,) = Library(inside).runs()
    assert (found.files.card, found.files.sheets) == (None, [])


def test_description_of_a_run(tmp_path):
    add_results(make_run(tmp_path / "a", evaluation={"floor": {"coverage": 0.95}}, started=7.0))
    (run,) = Library(tmp_path).runs()
    assert run.describe() == {
        "id": "a",
        "name": "small",
        "folder": "a",
        "status": "finished",
        "error": None,
        "started": 7.0,
        "seconds": 12.5,
        "data": "Digits",
        "model": None,
        "generator": None,
        "modality": "Images",
        "media_type": "image/png",
        "iterations": 90,
        "max_iterations": 100,
        "checkpoint": False,
        "conditional": True,
        "headline": {"name": "coverage", "value": 0.5, "real": 0.95},
        "baseline": {"name": "training examples", "value": 0.97},
        "sheet": "/api/runs/a/sheets/iteration_0000090.png",
    }
    coverage, density, recall = describe_metrics(run.files)
    assert coverage == {
        "name": "coverage",
        "meaning": "share of real examples | with _a_ sample nearby",
        "value": 0.5,
        "real": 0.95,
        "baselines": {"training examples": 0.97},
        "headline": True,
    }
    assert (density["value"], density["real"], recall["headline"], recall["real"]) == (0.7, 1.0, True, None)


def test_status_of_a_run_follows_its_lock(tmp_path):
    folder = make_run(tmp_path / "a", status="running")
    library = Library(tmp_path)
    (run,) = library.runs()
    assert run.status == "interrupted"  # its process was killed
    manifest = Manifest(folder, {"data": {}})
    (run,) = library.runs()
    assert run.status == "running"
    before = run.seconds
    time.sleep(0.02)
    assert run.seconds > before
    manifest.update("diverged")
    (run,) = library.runs()
    assert run.status == "diverged"
    Manifest(folder, {"data": {}}).update("finished")  # the library leaves no lock behind


def test_changes_are_seen(tmp_path):
    folder = make_run(tmp_path / "a")
    library = Library(tmp_path)
    assert describe_metrics(library.find("a").files) == []
    add_results(folder)
    assert len(describe_metrics(library.find("a").files)) == 3
    collapses = [{"since": 5, "until": 10, "why": "x"}, {"since": 20, "until": None, "why": "samples\nrepeat"}]
    make_run(tmp_path / "a", collapses=collapses)
    assert library.find("a").alarm == "collapsed from iteration 20 on: samples�repeat"
    make_run(tmp_path / "b")
    assert library.find("b").name == "small"
    (folder / "manifest.json").unlink()
    with pytest.raises(Refusal) as refusal:
        library.find("a")
    assert (refusal.value.status, refusal.value.code) == (404, "unknown_run")


DAMAGED = {
    "no JSON": "{",
    "a list": "[]",
    "no segments": '{"status": "finished"}',
    "deep": '{"status": "finished", "segments": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "status of another type": '{"status": 3, "segments": []}',
}
ODD = {
    "no segments at all": {"segments": []},
    "segments of numbers": {"segments": [1]},
    "no time": {"segments": [{"started": "yesterday"}]},
    "a number as config": {"config": 3},
    "lists in the config": {"config": {"name": ["x"], "data": [], "model": {"_target_": 3}, "max_iterations": "many"}},
    "unknown status": {"status": "dancing"},
    "duration in words": {"duration_seconds": "long"},
    "infinite duration": {"duration_seconds": float("inf")},
    "large integer": {"duration_seconds": 10**400},
    "collapses of another type": {"collapses": {"since": 3}},
    "floor of another type": {"evaluation": {"floor": [1]}},
    "control characters": {"config": {"name": "\x1b[31m<script>"}, "error": "a\nb"},
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_folder_with_a_damaged_manifest_is_no_run(tmp_path, text):
    make_run(tmp_path / "good")
    (make_run(tmp_path / "bad") / "manifest.json").write_text(text)
    assert [run.id for run in Library(tmp_path).runs()] == ["good"]


@pytest.mark.parametrize("entries", ODD.values(), ids=ODD)
def test_odd_manifest_is_described(tmp_path, entries):
    make_run(tmp_path / "a", **entries)
    (run,) = Library(tmp_path).runs()
    text = json.dumps([run.describe(), describe_metrics(run.files), run.alarm], allow_nan=False, ensure_ascii=False)
    assert "\x1b" not in text.encode().decode()
    assert run.describe()["status"] in ("finished", "failed")


def test_odd_results_are_described(tmp_path):
    folder = make_run(tmp_path / "a")
    (folder / "metrics.json").write_text(
        '{"evaluation/a": NaN, "evaluation/b": "x", "evaluation/c": 1, "iteration": []}'
    )
    (folder / "evaluation" / "x").mkdir(parents=True)
    evaluation = {"generators": {"ema": {"d": 3, "e": {"mean": None}}}, "floor": 3, "baselines": {"x": []}, "sha256": 1}
    (folder / "evaluation" / "x" / "metrics.json").write_text(json.dumps(evaluation))
    (folder / "README.md").write_bytes(b"\xff\xfe")
    (run,) = Library(tmp_path).runs()
    assert [one["name"] for one in describe_metrics(run.files)] == ["c"]
    assert run.checkpoint_digest is None


def test_pipe_in_place_of_a_file_is_left_out(tmp_path):
    os.mkfifo(make_run(tmp_path / "a") / "metrics.json")
    (run,) = Library(tmp_path).runs()
    assert run.files.metrics == {}


def test_all_runs_of_many_folders_are_listed(tmp_path):
    for i in range(200):
        add_results(make_run(tmp_path / f"sweep{i % 10}" / str(i)))
    assert len({run.describe()["id"] for run in Library(tmp_path).runs()}) == 200


def test_library_needs_no_torch():
    code = "import sys, gan_lightning.studio.watch, gan_lightning.studio.gallery, gan_lightning.studio.verifying\n"
    code += "assert not {'torch', 'tensorflow', 'lightning'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_trained_run(run, tmp_path):
    """The library reads the folder that training and evaluation have written."""
    evaluated = [one for one in FAST if not one.startswith("callbacks.evaluation")]
    result = run("train", *evaluated, "callbacks.evaluation.n=100", "max_iterations=9", "hydra.run.dir=runs/a")
    assert result.code == 0, result.err
    result = run("evaluate", "checkpoint=runs/a", "n=50", "seeds=[0]")
    assert result.code == 0, result.err
    (found,) = Library(tmp_path / "runs").runs()
    described, metrics = found.describe(), {one["name"]: one for one in describe_metrics(found.files)}
    assert (described["status"], described["iterations"], described["checkpoint"]) == ("finished", 9, True)
    assert (described["data"], described["model"], described["generator"]) == ("Digits", "GAN", "mlp")
    assert (described["modality"], described["conditional"]) == ("Images", False)
    assert described["headline"]["name"] == "fcd_train"
    saved = json.loads((tmp_path / "runs" / "a" / "metrics.json").read_text())
    assert metrics["coverage"]["value"] == saved["evaluation/coverage"]
    assert metrics["coverage"]["real"] > 0.5
    assert metrics["coverage"]["meaning"] == "share of real examples with a sample nearby"
    assert metrics["coverage"]["headline"]
    assert described["baseline"] is None  # images have no simple generator to compare with
    assert found.files.sheets == [8, 9]
    assert found.checkpoint_digest == found.files.evaluation["sha256"]
