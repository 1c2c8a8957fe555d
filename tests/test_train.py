"""The train command: the files of a run, its limits, signals, and resuming."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.algorithms.gan import GAN
from gan_lightning.runs.folders import create_new_folder
from scripts.benchmarks.kills import STATE_KEYS, equal
from tests.conftest import FAST, ROOT


def load(run_dir, name="last"):
    return torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)


def board(run_dir):
    accumulator = EventAccumulator(str(run_dir / "tensorboard"))
    accumulator.Reload()
    return accumulator


def test_run_writes_these_files(run, only_run):
    result = run(
        "train",
        *FAST,
        "trainer.max_epochs=12",
        "checkpoint.every_n_epochs=5",
        "checkpoint.after_epochs=[2]",
        "name=all",
    )
    assert result.code == 0, result.err
    folder = only_run()
    assert folder.parent.name == "all"

    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        ".hydra/config.yaml", ".hydra/overrides.yaml", "metrics.json", "manifest.json",
        "checkpoints/last.ckpt", "checkpoints/epoch_0002.ckpt", "checkpoints/epoch_0005.ckpt",
        "checkpoints/epoch_0010.ckpt",
        "samples/iteration_0000008.png", "samples/iteration_0000080.png", "samples/iteration_0000096.png",
    } <= names  # fmt: skip
    assert sum(name.startswith("samples/") for name in names) == 3  # epochs 1, 10, 12
    assert sum(name.startswith("checkpoints/") for name in names) == 4
    assert Image.open(folder / "samples" / "iteration_0000096.png").size == (484, 484)

    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics.keys() == {
        "iteration", "epoch", "loss/discriminator", "loss/generator", "probability/real", "probability/fake",
        "gradient_norm/discriminator", "gradient_norm/generator",
    }  # fmt: skip
    assert (metrics["iteration"], metrics["epoch"]) == (96, 12)

    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["seed"] == 1
    assert manifest["config"]["model"]["generator"]["sample_shape"] == [1, 28, 28]
    assert manifest["data"]["examples"] == 1797
    assert len(manifest["data"]["sha256"]) == 64
    assert manifest["packages"]["torch"] == torch.__version__
    assert manifest["hardware"]["cores"] == os.cpu_count()
    assert manifest["device"] == "cpu"
    assert manifest["segments"][0]["command"] == sys.orig_argv

    # The closing summary.
    assert "finished after 12 epochs, 96 iterations" in result.out
    for text in ("loss/discriminator", "last.ckpt", "metrics.json", "samples", "tensorboard --logdir outputs/all"):
        assert text in result.out


def test_watchers_can_be_dropped(run, only_run):
    result = run("train", *FAST, "max_iterations=4", "~callbacks.scalars", "callbacks.sample_grid=null")
    assert result.code == 0, result.err
    assert json.loads((only_run() / "metrics.json").read_text()) == {"iteration": 4, "epoch": 0.5}
    assert not (only_run() / "samples").exists()


def test_progress_tells_the_speed_once_it_is_known(run, monkeypatch):
    monkeypatch.setattr("gan_lightning.callbacks.progress.SECONDS_BETWEEN_LINES", -1)
    result = run("train", *FAST, "max_iterations=3", "callbacks.scalars.every_n_iterations=2")
    lines = [line for line in result.out.splitlines() if line.startswith("iteration ")]
    assert lines[0] == "iteration 1/3, epoch 1"
    assert re.fullmatch(r"iteration 3/3, epoch 1, discriminator .*, generator .*, [\d,]+ samples/s", lines[2])


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path):
    wanted = str(tmp_path / "a" / "run")
    assert [create_new_folder(wanted)[0] for _ in range(3)] == [wanted, f"{wanted}_2", f"{wanted}_3"]


def test_dashboard_has_one_axis(run, only_run):
    run("train", *FAST, "trainer.max_epochs=2", "callbacks.scalars.every_n_iterations=3")
    events = board(only_run())
    steps = [3, 6, 9, 12, 15, 16]
    for tag in ("loss/discriminator", "loss/generator", "probability/real", "time/samples_per_second"):
        assert [event.step for event in events.Scalars(tag)] == steps
    assert [event.step for event in events.Scalars("gradient_norm/generator")] == steps[:-1]  # measured every third
    assert [event.step for event in events.Images("samples")] == [8, 16]
    assert b"hidden_dims" in events.Tensors("config/text_summary")[0].tensor_proto.string_val[0]


def test_scalars_are_means_of_their_window(run, only_run, tmp_path):
    run("train", *FAST, "max_iterations=6", "callbacks.scalars.every_n_iterations=1", "name=single")
    single = [event.value for event in board(only_run()).Scalars("loss/generator")]
    run("train", *FAST, "max_iterations=6", "callbacks.scalars.every_n_iterations=3", "name=windows")
    (folder,) = tmp_path.glob("outputs/windows/*")
    windows = [event.value for event in board(folder).Scalars("loss/generator")]
    assert windows == pytest.approx([sum(single[:3]) / 3, sum(single[3:]) / 3], rel=1e-6)


def test_hparams_with_final_metrics(run, only_run):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    run("train", *FAST, "max_iterations=4")
    folder = only_run()
    events = board(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert events.Scalars("loss/generator")[-1].value == pytest.approx(metrics["loss/generator"])
    experiment = HParamsPluginData.FromString(events.summary_metadata["_hparams_/experiment"].plugin_data.content)
    columns = {info.name.tag for info in experiment.experiment.metric_infos}
    assert columns == {name for name in metrics if "/" in name} <= set(events.Tags()["scalars"])
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["data/batch_size"].number_value == 256
    assert hparams["model/generator/latent_dim"].number_value == 100
    assert hparams["model/objective"].string_value == "algorithms.objectives.NonSaturating"
    assert not {"data/root", "model/seed", "model/generator/sample_shape"} & set(hparams)


def test_iterations_mean_generator_updates(run, only_run):
    run("train", *FAST, "max_iterations=11", "trainer.max_epochs=1")
    checkpoint = load(only_run())
    assert checkpoint["iteration"] == 11
    steps = {
        state["step"].item() for optimizer in checkpoint["optimizer_states"] for state in optimizer["state"].values()
    }
    assert steps == {11}


def test_limit_of_cpu_time(run, only_run):
    result = run("train", *FAST, "max_cpu_minutes=0.01", "trainer.max_epochs=1000000")
    assert result.code == 0, result.err
    assert 1 < json.loads((only_run() / "metrics.json").read_text())["iteration"] < 5000


def test_checkpoint_contains_the_config(run, only_run):
    run("train", *FAST, "max_iterations=1")
    config = load(only_run())["config"]
    assert config["model"]["generator"]["hidden_dims"] == [16]
    assert config["data"]["_target_"] == "gan_lightning.data.digits.Digits"
    assert "${" not in json.dumps(config)


def test_equal_runs_have_equal_results(run, tmp_path):
    for name in ("one", "two"):
        run("train", *FAST, "trainer.max_epochs=2", f"hydra.run.dir={name}")
    assert equal(*(load(tmp_path / name)["state_dict"] for name in ("one", "two")))
    assert (tmp_path / "one" / "metrics.json").read_bytes() == (tmp_path / "two" / "metrics.json").read_bytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("model", ["mlp", "dcgan", "resnet", "stylegan"])
def test_equal_runs_have_equal_results_on_a_gpu(run, tmp_path, model):
    settings = ["data=digits", f"model={model}", "regularizer=r1_r2", "deterministic=true", "max_iterations=20"]
    for name in ("first", "second"):
        assert run("train", *settings, "callbacks.evaluation=null", f"hydra.run.dir={name}").code == 0
    assert equal(*(load(tmp_path / name)["state_dict"] for name in ("first", "second")))


def test_operation_without_deterministic_implementation(run, only_run, monkeypatch):
    def update(self, batch):
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))

    monkeypatch.setattr("gan_lightning.algorithms.gan.GAN.update", update)
    result = run("train", *FAST, "max_iterations=1", "deterministic=true")
    assert (result.code, result.err.count("error: ")) == (2, 1)
    assert "deterministic=true: torch has no such put_ on cpu: deterministic=false" in result.err
    assert json.loads((only_run() / "manifest.json").read_text())["status"] == "failed"


def test_another_seed_gives_another_result(run, tmp_path):
    for seed in (1, 2):
        run("train", *FAST, "max_iterations=3", f"seed={seed}", f"hydra.run.dir=seed{seed}")
    assert not equal(*(load(tmp_path / name)["state_dict"] for name in ("seed1", "seed2")))


def test_bf16(run, only_run):
    assert run("train", *FAST, "max_iterations=3", "trainer.precision=bf16-mixed").code == 0
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert 0 < metrics["loss/generator"] < 3
    assert all(weight.dtype == torch.float32 for weight in load(only_run())["state_dict"].values())


def test_matrix_products_in_bfloat16_only_in_updates(run, tmp_path, monkeypatch):
    seen = set()
    update, sample = GAN.update, GAN.sample

    def watched_update(self, batch):
        seen.add(("update", torch.get_float32_matmul_precision()))
        return update(self, batch)

    def watched_sample(self, *arguments, **options):
        seen.add(("sample", torch.get_float32_matmul_precision()))
        return sample(self, *arguments, **options)

    monkeypatch.setattr(GAN, "update", watched_update)
    monkeypatch.setattr(GAN, "sample", watched_sample)
    assert run("train", *FAST, "max_iterations=3", "matmul_precision=medium").code == 0
    assert seen == {("update", "medium"), ("sample", "highest")}
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("first", [5, 8, 11], ids=["mid-epoch", "end of epoch", "second epoch"])
def test_resumed_equals_uninterrupted(run, tmp_path, first):
    every = "callbacks.scalars.every_n_iterations=4"
    run("train", *FAST, every, "max_iterations=20", "hydra.run.dir=whole")
    run("train", *FAST, every, f"max_iterations={first}", "hydra.run.dir=parts")
    result = run("train", "resume=parts", "max_iterations=20")
    assert result.code == 0, result.err
    whole, parts = load(tmp_path / "whole"), load(tmp_path / "parts")
    for key in STATE_KEYS:
        assert equal(whole[key], parts[key]), key
    assert (tmp_path / "whole" / "metrics.json").read_bytes() == (tmp_path / "parts" / "metrics.json").read_bytes()
    segments = json.loads((tmp_path / "parts" / "manifest.json").read_text())["segments"]
    assert [segment["status"] for segment in segments] == ["finished", "finished"]


@pytest.mark.parametrize("precision", ["trainer.precision=bf16-mixed", "matmul_precision=medium"])
def test_convolutions_penalties_and_averages_resume_exactly(run, tmp_path, precision):
    widths = ["model.generator.width=4", "model.discriminator.width=4"]
    family = ["model=dcgan", *widths, "objective=relativistic", "regularizer=r1_r2", precision]
    common = ["data=digits", "trainer=cpu", "data.batch_size=32", "callbacks.evaluation=null", *family]
    run("train", *common, "max_iterations=6", "hydra.run.dir=whole")
    run("train", *common, "max_iterations=3", "hydra.run.dir=parts")
    result = run("train", "resume=parts", "max_iterations=6")
    assert result.code == 0, result.err
    whole, parts = load(tmp_path / "whole"), load(tmp_path / "parts")
    for key in STATE_KEYS:
        assert equal(whole[key], parts[key]), key


def test_resume_auto_continues_the_newest_equal_run(run, tmp_path):
    arguments = [*FAST, "trainer.max_epochs=2", "resume=auto"]
    assert run("train", *arguments).code == 0  # no run exists: a new run
    assert run("train", *arguments, "seed=2").code == 0  # another config: a new run
    before = sorted(tmp_path.glob("outputs/mlp/*"))
    assert len(before) == 2
    result = run("train", *arguments)
    assert result.code == 0, result.err
    assert sorted(tmp_path.glob("outputs/mlp/*")) == before
    assert "finished after 2 epochs" in result.out


def test_resume_auto_starts_a_new_run_without_a_checkpoint(run, tmp_path):
    arguments = [*FAST, "trainer.max_epochs=1", "resume=auto"]
    run("train", *arguments)
    (first,) = tmp_path.glob("outputs/mlp/*")
    (first / "checkpoints" / "last.ckpt").unlink()
    assert run("train", *arguments).code == 0
    assert len(list(tmp_path.glob("outputs/mlp/*"))) == 2


@pytest.mark.slow
def test_refused_resume_changes_nothing(run, tmp_path):
    run("train", *FAST, "trainer.max_epochs=2", "hydra.run.dir=run")
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file() and path.suffix != ".log"}
    for mistake, expected in [
        ("trainer.max_epochs=1", "has done 2 epochs"),
        ("max_iterations=3", "has done 16 iterations"),
        ("seed=-1", "seed=-1"),
        ("model.generator.latent_dim=7", "model.generator.latent_dim=7, but the run was started with 100"),
        ("model.generator_optimizer.lr=0.5", "started with 0.0002"),
        ("data.batch_size=128", "data.batch_size=128, but the run was started with 256"),
        ("seed=2", "seed=2"),
        ("hydra.run.dir=elsewhere", "leave out hydra.run.dir"),
        ("data.batch_size=3000", "1,797"),
    ]:
        result = run("train", "resume=run", mistake)
        assert result.code == 2
        assert expected in result.err
        assert before == {path: path.read_bytes() for path in before}
    with Path("run", ".lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run("train", "resume=run", "trainer.max_epochs=3")
    assert (result.code, "another process trains there" in result.err) == (2, True)
    assert before == {path: path.read_bytes() for path in before}
    assert run("train", "resume=run", "trainer.max_epochs=3").code == 0


def test_run_is_not_overwritten(run, tmp_path):
    run("train", *FAST, "max_iterations=1", "hydra.run.dir=run")
    before = load(tmp_path / "run")
    result = run("train", *FAST, "max_iterations=2", "hydra.run.dir=run")
    assert result.code == 2
    assert "hydra.run.dir=run" in result.err
    assert equal(load(tmp_path / "run"), before)


def test_log_is_quiet_without_a_terminal(run):
    result = run("train", *FAST, "trainer.max_epochs=3")
    assert "it/s" not in result.err
    assert len(result.out.splitlines()) < 12


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_stop_a_run_cleanly(tmp_path, number, code):
    command = [sys.executable, str(ROOT / "train.py"), *FAST, "max_iterations=1000000", "hydra.run.dir=run"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sample = tmp_path / "run" / "samples" / "iteration_0000008.png"
    deadline = time.monotonic() + 60
    while not sample.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == code, output
    assert f"stopped by {number.name}" in output
    assert "resume=run" in output
    assert "Traceback" not in output
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"
    iteration = load(tmp_path / "run")["iteration"]
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["iteration"] == iteration >= 8


@pytest.mark.slow
def test_real_mnist(run, only_run, real_mnist):
    """The discriminator tells real digits from generated ones after 200 iterations."""
    result = run("train", f"data.root={real_mnist}", "data=mnist", "model=mlp", "max_iterations=200", "trainer=cpu")
    assert result.code == 0, result.err
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert metrics["epoch"] == pytest.approx(200 / 938)
    assert metrics["probability/real"] > metrics["probability/fake"]
