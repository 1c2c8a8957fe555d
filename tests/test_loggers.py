"""Loggers: what a run writes to them, and how a resumed run continues them."""

import csv
import importlib.util
import json
import math
import struct
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.callbacks.loggers import CSVLog, LogWriter, TensorBoardLog, writer_class
from gan_lightning.runs.checkpoints import read_last
from scripts.benchmarks import kills
from scripts.benchmarks.kills import read_scalars
from tests.conftest import FAST

BLOCK = 32 * 1024  # bytes
ALL = ["tensorboard", "csv", "mlflow", "wandb"]
OFTEN = [
    *FAST[:-1], "max_iterations=10", "callbacks.scalars.every_n_iterations=4", "callbacks.evaluation.n=50",
    "callbacks.collapse_alarm.every_n_iterations=5", "callbacks.collapse_alarm.n=50",
]  # fmt: skip
RUN = [*FAST, "callbacks.collapse_alarm=null", "callbacks.scalars.every_n_iterations=5"]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Keep Weights & Biases offline, and clear MLflow's cache of stores, whose paths are relative."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    if importlib.util.find_spec("mlflow"):
        forget_stores()


def forget_stores():
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    _tracking_store_registry._get_store_with_resolved_uri.cache_clear()


def csv_rows(folder):
    with (folder / "csv" / "metrics.csv").open(newline="") as file:
        return [
            {key: value for key, value in row.items() if not key.startswith("time/")} for row in csv.DictReader(file)
        ]


def csv_points(folder):
    found = {}
    for row in csv_rows(folder):
        for tag, value in row.items():
            if value and tag != "step":
                found.setdefault(tag, []).append((int(row["step"]), float(value)))
    return found


def mlflow_run(run_dir):
    """Return a client, and the one MLflow run of the folder."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient("file:outputs/mlflow")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (run,) = [one for one in client.search_runs(experiments) if Path(one.data.tags["run_dir"]).name == run_dir.name]
    return client, run


def mlflow_points(folder):
    client, run = mlflow_run(folder)
    tags = [tag for tag in run.data.metrics if not tag.startswith("time/")]
    return {
        tag: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, tag)] for tag in tags
    }


def wandb_records(folder):
    """Return the records that an upload would send, oldest file first; a file is a log of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    records = []
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        data, position, record = path.read_bytes(), 7, b""
        while position + 7 <= len(data):
            if (left := BLOCK - position % BLOCK) < 7:
                position += left
                continue
            length, part = struct.unpack_from("<HB", data, position + 4)
            record += data[position + 7 : position + 7 + length]
            position += 7 + length
            if part in (1, 4):  # whole, or the last part
                records.append(Record.FromString(record))
                record = b""
    return records


def wandb_history(folder):
    """Return the rows that were logged, by tag; for an image or a text, its file and size."""
    history = []
    for record in wandb_records(folder):
        if record.HasField("history"):
            logged = {}
            for item in record.history.item:
                tag, *part = item.nested_key
                value = json.loads(item.value_json)
                logged[tag] = logged.get(tag, {}) | {part[0]: value} if part else value
            history.append(logged)
    return history


def wandb_points(folder):
    found = {}
    for items in wandb_history(folder):
        for tag, value in items.items():
            if isinstance(value, int | float) and not tag.startswith(("time/", "_", "trainer/")):
                found.setdefault(tag, []).append((items["trainer/global_step"], value))
    return found


POINTS = {"tensorboard": read_scalars, "csv": csv_points, "mlflow": mlflow_points, "wandb": wandb_points}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for tag, expected_points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in expected_points], tag
        for (_, value), (_, expected_value) in zip(found[tag], expected_points, strict=True):
            assert value == pytest.approx(expected_value, rel=1e-6, nan_ok=True), tag


def names(folder):
    return {path.name for path in folder.iterdir() if path.is_dir()}


class TestAll:
    """A run with all loggers."""

    @pytest.fixture
    def folder(self, trained_once):
        pytest.importorskip("mlflow")
        pytest.importorskip("wandb")
        trained_once("all loggers", *OFTEN, f"logger=[{','.join(ALL)}]", "hydra.run.dir=run", "name=mine")
        return Path("run")

    def test_same_scalars(self, folder):
        expected = read_scalars(folder)
        assert {tag.partition("/")[0] for tag in expected} >= {
            "loss",
            "gradient_norm",
            "quality",
            "evaluation",
            "alarm",
        }
        for name in ALL[1:]:
            assert_same(POINTS[name](folder), expected)

    def test_samples(self, folder):
        client, run = mlflow_run(folder)
        images = [artifact.path for artifact in client.list_artifacts(run.info.run_id, "samples")]
        assert images == ["samples/iteration_0000008.png", "samples/iteration_0000010.png"]
        logged = [items["samples"] for items in wandb_history(folder) if "samples" in items]
        assert len(logged) == 2
        assert len(list(folder.glob("wandb/offline-run-*/files/media/images/samples_*.png"))) == 2

    def test_texts(self, folder):
        client, run = mlflow_run(folder)
        (text,) = client.list_artifacts(run.info.run_id, "evaluation")
        assert text.path == "evaluation/iteration_0000010.md"
        (html,) = folder.glob("wandb/offline-run-*/files/media/html/evaluation_*.html")
        assert "real ones" in html.read_text()

    def test_config(self, folder):
        expected = json.loads((folder / "manifest.json").read_text())["config"]
        _, run = mlflow_run(folder)
        (artifacts,) = Path("outputs/mlflow").glob(f"*/{run.info.run_id}/artifacts")
        assert yaml.safe_load((artifacts / "config.yaml").read_text()) == expected
        updates = [update for record in wandb_records(folder) for update in record.config.update]
        assert json.loads(next(one.value_json for one in updates if one.key == "model")) == expected["model"]

    def test_hyperparameters_beside_metrics(self, folder):
        metrics = json.loads((folder / "metrics.json").read_text())
        client, run = mlflow_run(folder)
        assert run.data.params["model.generator.latent_dim"] == "100"
        assert run.info.status == "FINISHED"
        assert client.get_experiment(run.info.experiment_id).name == "mine"
        for name in metrics.keys() - {"iteration", "epoch"}:
            value = run.data.metrics[name]
            assert value == pytest.approx(metrics[name]) or math.isnan(metrics[name])
        stored = yaml.safe_load((folder / "csv" / "hparams.yaml").read_text())
        assert stored["model/generator/latent_dim"] == 100


@pytest.mark.parametrize("name", ALL)
def test_alone(run, tmp_path, name):
    """Each logger leaves its own files, and none of them changes a result."""
    if name in ("mlflow", "wandb"):
        pytest.importorskip(name)
    short = [*RUN, "max_iterations=5"]
    assert run("train", *short, "hydra.run.dir=reference").code == 0
    result = run("train", *short, f"logger={name}", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert result.err == ""
    assert Path("run/metrics.json").read_bytes() == Path("reference/metrics.json").read_bytes()
    assert names(Path("run")) - {".hydra", "checkpoints", "samples"} == ({name} - {"mlflow"})
    assert ("tensorboard --logdir" in result.out) == (name == "tensorboard")
    where = {"tensorboard": "run/tensorboard", "csv": "run/csv/metrics.csv", "wandb": "run/wandb"}
    assert f"  logs        {where.get(name, 'outputs/mlflow')}\n" in result.out
    assert_same(POINTS[name](Path("run")), read_scalars(Path("reference")))


def test_none(run):
    result = run("train", *RUN, "max_iterations=5", "logger=[]", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert names(Path("run")) == {".hydra", "checkpoints", "samples"}
    assert "logs " not in result.out
    assert "dashboard" not in result.out


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_package_that_is_missing(run, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    result = run("train", *RUN, "max_iterations=5", f"logger=[csv,{name}]")
    assert (result.code, result.err) == (
        2,
        f"error: logger={name}: needs an extra: pip install 'gan-lightning[{name}]'\n",
    )
    assert not list(tmp_path.rglob("checkpoints"))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("logger=cvs", "did you mean 'csv'"),
        ("logger.tensorboard.nam=x", "logger.tensorboard.nam"),
        ("+logger.mine.save_dir=x", "logger.mine"),
    ],
)
def test_mistakes(run, override, expected):
    result = run("train", *RUN, override)
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert expected in result.err


def test_logger_that_is_not_known_gets_hyperparameters(tmp_path):
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
    from lightning.pytorch.loggers.logger import DummyLogger

    class Mine(CSVLogger):
        pass

    assert writer_class(DummyLogger) is LogWriter
    assert (writer_class(Mine), writer_class(TensorBoardLogger)) == (CSVLog, TensorBoardLog)
    written = {}
    logger = DummyLogger()
    logger.log_hyperparams = written.update
    LogWriter(logger).start({"seed": {"any": "node"}}, {"seed": 1})
    assert written == {"seed": 1}


class TestResumed:
    """The files of a resumed run equal those of a run that was never stopped."""

    BOTH = "logger=[tensorboard,csv]"

    @pytest.mark.slow
    def test_rows_after_the_checkpoint_are_dropped(self, run):
        """The first part logs its end, and a column that the uninterrupted run does not have there."""
        assert run("train", *RUN, self.BOTH, "max_iterations=20", "hydra.run.dir=whole").code == 0
        assert run("train", *RUN, self.BOTH, "max_iterations=12", "hydra.run.dir=run").code == 0
        file = Path("run/csv/metrics.csv")
        file.write_text(file.read_text().replace("\n", ",late\n", 1) + "1,2,3,4,5,6,15,8,9\n")
        assert csv_rows(Path("run"))[-1]["late"] == "9"
        result = run("train", "resume=run", "max_iterations=20")
        assert (result.code, result.err) == (0, "")
        assert csv_rows(Path("run")) == csv_rows(Path("whole"))
        assert read_scalars(Path("run")) == read_scalars(Path("whole"))

    @pytest.mark.slow
    def test_file_that_was_being_rewritten(self, run):
        """A process that is killed while it rewrites the file leaves a part of it, or no file."""
        assert run("train", *RUN, self.BOTH, "max_iterations=20", "hydra.run.dir=whole").code == 0
        assert run("train", *RUN, self.BOTH, "max_iterations=10", "hydra.run.dir=run").code == 0
        Path("run/csv/metrics.csv").unlink()
        assert run("train", "resume=run", "max_iterations=20").code == 0
        assert csv_rows(Path("run")) == csv_rows(Path("whole"))

    @pytest.mark.slow
    def test_checkpoint_before_the_last(self, run):
        more = [self.BOTH, "checkpoint.every_n_iterations=4"]
        assert run("train", *RUN, *more, "max_iterations=20", "hydra.run.dir=whole").code == 0
        assert run("train", *RUN, *more, "max_iterations=10", "hydra.run.dir=run").code == 0
        Path("run/checkpoints/last.ckpt").unlink()
        assert read_last(Path("run"))[1]["iteration"] == 8
        assert run("train", "resume=run", "max_iterations=20").code == 0
        assert csv_rows(Path("run")) == csv_rows(Path("whole"))
        assert read_scalars(Path("run")) == read_scalars(Path("whole"))

    @pytest.mark.slow
    def test_other_loggers(self, run):
        """Each logger keeps the parts of the run that it logged."""
        assert run("train", *RUN, "max_iterations=10", "hydra.run.dir=run").code == 0
        assert run("train", "resume=run", "logger=csv", "max_iterations=15").code == 0
        assert [row["step"] for row in csv_rows(Path("run"))] == ["15"]
        assert run("train", "resume=run", "max_iterations=20").code == 0  # with csv alone, as before
        assert [row["step"] for row in csv_rows(Path("run"))] == ["15", "20"]
        assert run("train", "resume=run", "logger=tensorboard", "max_iterations=25").code == 0
        assert [step for step, _ in read_scalars(Path("run"))["loss/generator"]] == [5, 10, 25]
        assert run("train", "resume=run", self.BOTH, "max_iterations=30").code == 0
        assert [row["step"] for row in csv_rows(Path("run"))] == ["15", "20", "30"]
        assert run("train", "reproduce=run", "logger=csv", "hydra.run.dir=again").code == 0

    def test_found_by_a_config_with_another_logger(self, run, tmp_path):
        assert run("train", *RUN, "max_iterations=5").code == 0
        result = run("train", *RUN, "max_iterations=5", "logger=csv", "resume=auto")
        assert "nothing is left to train" in result.out
        assert len(list(tmp_path.glob("outputs/*/*/manifest.json"))) == 1

    @pytest.mark.slow
    def test_run_of_an_earlier_version(self, run):
        """Runs of earlier versions had a single logger, without a name."""
        assert run("train", *RUN, "max_iterations=20", "hydra.run.dir=whole").code == 0
        assert run("train", *RUN, "max_iterations=10", "hydra.run.dir=run").code == 0
        path = Path("run/checkpoints/last.ckpt")
        content = torch.load(path, weights_only=True)
        content["config"]["logger"] = content["config"]["logger"]["tensorboard"]
        torch.save(content, path)
        assert run("generate", "checkpoint=run").code == 0
        assert run("evaluate", "checkpoint=run", "seeds=[0]", "n=32").code == 0
        assert run("train", "resume=run", "max_iterations=20").code == 0
        assert read_scalars(Path("run")) == read_scalars(Path("whole"))

    @pytest.mark.slow
    def test_same_run_elsewhere(self, run):
        """A resumed run continues the run of MLflow and of Weights & Biases that its first part started."""
        pytest.importorskip("mlflow")
        pytest.importorskip("wandb")
        more = ["logger=[tensorboard,mlflow,wandb]", "hydra.run.dir=run"]
        assert run("train", *RUN, *more, "max_iterations=5").code == 0
        result = run("train", "resume=run", "max_iterations=10")
        assert (result.code, result.err) == (0, "")
        for name in ("mlflow", "wandb"):
            assert_same(POINTS[name](Path("run")), read_scalars(Path("run")))
        assert mlflow_run(Path("run"))[1].info.status == "FINISHED"
        started = {record.run.run_id for record in wandb_records(Path("run")) if record.HasField("run")}
        assert len(started) == 1

    @pytest.mark.slow
    def test_folder_of_mlflow_that_is_gone(self, run):
        pytest.importorskip("mlflow")
        assert run("train", *RUN, "logger=mlflow", "hydra.run.dir=run", "max_iterations=5").code == 0
        Path("outputs/mlflow").rename("outputs/moved")
        forget_stores()
        result = run("train", "resume=run", "max_iterations=10")
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        assert result.err.startswith("error: logger.mlflow: ")
        assert run("train", "resume=run", "max_iterations=10", "logger.mlflow.save_dir=outputs/moved").code == 0


@pytest.mark.slow
def test_kills(tmp_path):
    """After kills at random moments, the log has each row once, and the columns of an uninterrupted run."""
    import random

    overrides = [*kills.COMMON, *kills.DENSE, "logger=[tensorboard,csv]"]
    kills.train(tmp_path / "whole", [*overrides, "hydra.run.dir=run"])
    deaths = list(kills.kill_and_resume(tmp_path, overrides, kills.MAX_KILLS_PER_RUN, random.Random(1)))
    assert any(death.signal == "SIGKILL" for death in deaths)
    assert kills.differences(tmp_path / "whole" / "run", tmp_path / "run") == []
    assert csv_rows(tmp_path / "run") == csv_rows(tmp_path / "whole" / "run")


@pytest.mark.slow
def test_processes_beside_the_first_log_nothing(run):
    pytest.importorskip("mlflow")
    result = run(
        "train", *RUN, "trainer=ddp_cpu", "logger=[tensorboard,csv,mlflow]", "max_iterations=5", "hydra.run.dir=run"
    )
    assert result.code == 0, result.err
    expected = read_scalars(Path("run"))
    assert [step for step, _ in expected["loss/generator"]] == [5]
    for name in ("csv", "mlflow"):
        assert_same(POINTS[name](Path("run")), expected)


@pytest.mark.slow
def test_sweep(run):
    """Jobs in one process have a run each."""
    pytest.importorskip("mlflow")
    pytest.importorskip("wandb")
    more = ["logger=[tensorboard,mlflow,wandb]", "hydra.sweep.dir=sweep", "max_iterations=5"]
    result = run("train", "-m", *RUN, *more, "seed=1,2")
    assert result.code == 0, result.err
    for job in ("sweep/0", "sweep/1"):
        for name in ("mlflow", "wandb"):
            assert_same(POINTS[name](Path(job)), read_scalars(Path(job)))
        events = EventAccumulator(f"{job}/tensorboard")
        events.Reload()
        assert "_hparams_/session_start_info" in events.summary_metadata
