"""Sweeps: every job is tried, and the table tells of all."""

import csv
import json
import statistics

from gan_lightning.sweep import summarize
from tests.conftest import FAST


def test_a_sweep_goes_on_past_a_failed_job(run, tmp_path):
    result = run("train", "-m", *FAST, "max_iterations=2,0", "seed=1,2")
    assert result.code == 1
    (sweep,) = tmp_path.glob("outputs/sweep/*")

    with (sweep / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["status"] for row in rows] == ["finished", "finished", "failed", "failed"]
    assert [row["seed"] for row in rows] == ["1", "2", "1", "2"]
    for job in (0, 1):
        metrics = json.loads((sweep / str(job) / "metrics.json").read_text())
        assert float(rows[job]["loss/generator"]) == metrics["loss/generator"]
        assert float(rows[job]["duration_seconds"]) > 0

    # Each job's own error, when it happens and at the end.
    for job in (2, 3):
        assert f"error: job {job}: max_iterations=0: must be greater than 0" in result.err
        assert f"job {job} failed: max_iterations=0" in result.out
    assert "Traceback" not in result.err

    values = [float(rows[job]["loss/generator"]) for job in (0, 1)]
    assert f"{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}" in result.out
    assert "| job " in result.out


def test_an_unexpected_error_ends_its_job_only(run, tmp_path, monkeypatch):
    from gan_lightning.gan import GAN

    step = GAN.training_step

    def broken_step(self, batch, batch_idx):
        if self.seed == 1:
            raise RuntimeError("out of luck")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", broken_step)
    result = run("train", "-m", *FAST, "max_iterations=1", "seed=1,2")
    assert result.code == 1
    assert "RuntimeError: out of luck" in result.err  # with its traceback: it is no error of use
    (sweep,) = tmp_path.glob("outputs/sweep/*")
    assert json.loads((sweep / "0" / "manifest.json").read_text())["error"] == "out of luck"
    assert json.loads((sweep / "1" / "manifest.json").read_text())["status"] == "finished"


def test_a_sweep_without_failures_exits_with_0(run):
    assert run("train", "-m", *FAST, "max_iterations=1", "model.latent_dim=2,3").code == 0


def test_an_unknown_option_is_refused_before_any_job(run, tmp_path):
    result = run("train", "-m", "data=digits", "model=mlp,mpl", "max_iterations=1")
    assert result.code == 2
    assert "did you mean 'mlp'" in result.err
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_is_not_written_over(run, tmp_path):
    arguments = ["-m", *FAST, "max_iterations=1", "seed=1,2", "hydra.sweep.dir=sweep"]
    assert run("train", *arguments).code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")}
    result = run("train", *arguments)
    assert result.code == 2
    assert "hydra.sweep.dir=sweep: holds runs already" in result.err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")} == before


def test_runs_that_log_different_figures_share_a_table(run, tmp_path):
    for seed, figure in ((1, "a"), (2, "b")):
        folder = tmp_path / "sweep" / str(seed)
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "overrides.yaml").write_text(f"- seed={seed}\n")
        (folder / "metrics.json").write_text(json.dumps({figure: 1.0, "c": seed}))
        (folder / "manifest.json").write_text(json.dumps({"status": "finished", "duration_seconds": 1.0}))
    assert summarize(tmp_path / "sweep") == 0
    assert (tmp_path / "sweep" / "summary.csv").read_text().splitlines()[1:] == [
        "1,1,1.0,1,,finished,1.0",
        "2,2,,2,1.0,finished,1.0",
    ]
