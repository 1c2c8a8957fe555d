"""Runs in several processes."""

import json
import os
import signal
import socket
import time

import pytest
import torch

from gan_lightning.data.batches import EpochBatches
from gan_lightning.runs import processes
from gan_lightning.system import distributed
from gan_lightning.system.randomness import ITERATION, derived_seed
from tests.conftest import FAST
from tests.processes import children, ended, started, wait_for

TWO = [*FAST, "trainer=ddp_cpu", "+callbacks.notes._target_=tests.parallel.Notes"]
SGD = [
    key
    for network in ("generator", "discriminator")
    for key in (
        f"model.{network}_optimizer={{_target_:torch.optim.SGD,_partial_:true,lr:0.1}}",
        f"~model.{network}_optimizer.betas",
        f"~model.{network}_optimizer.fused",
    )
]
LATENTS = [
    "model.generator.latent_dim=8",
    "model.prior._target_=tests.parallel.SameLatents",
]
NEVER = "max_iterations=1000000"


@pytest.fixture
def train(run):
    """Return a function that trains in this process, which starts the others, and returns the output."""

    def call(*arguments):
        result = run("train", *arguments)
        assert result.code == 0, result.err
        return result.out + result.err

    return call


def notes(run, rank):
    return torch.load(run / f"notes_{rank}.pt")


def manifest(run):
    return json.loads((run / "manifest.json").read_text())


@pytest.mark.parametrize(("size", "batch_size", "processes"), [(64, 16, 2), (61, 16, 4), (33, 16, 2)])
def test_every_index_is_in_one_process(size, batch_size, processes):
    def order(generator):
        indices = torch.randperm(size, generator=generator)
        return indices, indices

    def batches(**shared):
        return [content for content, _ in EpochBatches(order, size, batch_size, 1, **shared)]

    alone = batches()
    shares = [batches(rank=i, processes=processes) for i in range(processes)]
    assert {len(share) for share in shares} == {len(EpochBatches(order, size, batch_size, 1, processes=processes))}
    for batch, *parts in zip(alone, *shares, strict=False):
        assert {len(part) for part in parts} == {len(batch) // processes}
        together = torch.cat(parts)
        assert len(together.unique()) == len(together)
        assert set(together.tolist()) == set(batch[: len(batch) // processes * processes].tolist())
    left_out = size - sum(len(part) for share in shares for part in share)
    assert left_out == size % processes


@pytest.mark.slow
def test_two_processes_equal_one_with_the_whole_batch(train, tmp_path):
    """Weights agree to 1e-6 after seven steps of SGD in float32, with a penalty on gradients."""
    evaluated = [one for one in TWO if one != "callbacks.evaluation=null"]
    same = [
        *evaluated,
        *SGD,
        *LATENTS,
        "regularizer=r1",
        "max_iterations=7",
    ]  # seven of the eight batches of an epoch, all full
    one, two = tmp_path / "one", tmp_path / "two"
    train(*same, "trainer=cpu", f"hydra.run.dir={one}")
    train(*same, f"hydra.run.dir={two}")

    alone, first, second = notes(one, 0), notes(two, 0), notes(two, 1)
    for name, weight in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        torch.testing.assert_close(first["weights"][name], weight, rtol=0, atol=1e-6)
    for whole, *halves in zip(alone["images"], first["images"], second["images"], strict=True):
        assert torch.equal(whole.sort().values, torch.cat(halves).sort().values)
    assert set(first["seeds"]).isdisjoint(second["seeds"])

    metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, two)]
    assert metrics[0].keys() == metrics[1].keys()
    assert "evaluation/fcd_train" in metrics[0]
    for name, value in metrics[0].items():
        relative = 1e-5 if name.startswith("evaluation/") else 0
        assert metrics[1][name] == pytest.approx(value, rel=relative, abs=1e-5), name
    names = [sorted(path.name.partition(".")[0] for path in run.rglob("*") if path.is_file()) for run in (one, two)]
    assert [name for name in names[1] if name != "notes_1"] == names[0]  # each file once
    assert manifest(two)["processes"] == 2


@pytest.mark.slow
def test_killed_run_resumes_to_equal_weights(train, tmp_path):
    """A killed and resumed run of two processes ends with the weights of an uninterrupted one."""
    process = started(tmp_path, *TWO, NEVER, "hydra.run.dir=part", "checkpoint.every_n_iterations=3")
    wait_for(tmp_path / "part" / "checkpoints" / "last.ckpt.earlier", process)
    process.kill()
    process.wait()
    time.sleep(2)  # until the other process has exited
    iteration = torch.load(tmp_path / "part" / "checkpoints" / "last.ckpt", weights_only=True)["iteration"]
    goal = f"max_iterations={iteration + 5}"
    train("resume=part", goal, "trust_code=[tests]")
    train(*TWO, goal, "hydra.run.dir=straight")
    resumed, straight = (notes(tmp_path / run, 1)["weights"] for run in ("part", "straight"))
    assert all(torch.equal(resumed[name], weight) for name, weight in straight.items())


@pytest.mark.slow
def test_signal_stops_all_processes(tmp_path):
    process = started(tmp_path, *TWO, NEVER, "hydra.run.dir=run")
    wait_for(tmp_path / "run" / "samples" / "iteration_0000008.png", process)
    os.kill(process.pid, signal.SIGTERM)
    code, said = ended(process)
    assert code == 128 + signal.SIGTERM, said
    assert manifest(tmp_path / "run")["status"] == "interrupted"
    assert (tmp_path / "run" / "notes_1.pt").exists()  # the other process finished its callbacks
    assert "\n  resume " in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_killed_process_ends_the_run_with_one_line(tmp_path):
    process = started(tmp_path, *TWO, NEVER, "hydra.run.dir=run", "checkpoint.every_n_iterations=3")
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", process)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    code, said = ended(process)
    assert code == 2
    assert [line for line in said.splitlines() if line.startswith("error")] == [
        "error: another process of the run has ended: correct this, then resume=run continues from the last checkpoint"
    ]
    assert "Traceback" not in said
    assert manifest(tmp_path / "run")["status"] == "failed"


@pytest.mark.slow
def test_all_processes_roll_back_together(train, tmp_path):
    """Only the second process gets a bad image; both roll back."""
    options = ["on_divergence=rollback", "checkpoint.every_n_iterations=2", "max_iterations=6"]
    said = train(*TWO, *options, "+callbacks.bad._target_=tests.parallel.BadLoss", "hydra.run.dir=run")
    assert "continuing from iteration 4" in said
    assert len(manifest(tmp_path / "run")["segments"]) == 2


@pytest.mark.slow
def test_jobs_of_a_sweep_train_their_own_config(train, tmp_path, monkeypatch):
    """The environment is that of a Slurm job of one task, which starts the processes."""
    for name, value in {"NTASKS": "1", "NTASKS_PER_NODE": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    train("-m", *TWO, "max_iterations=3", "seed=1,2", "hydra.sweep.dir=sweep")
    for job, seed in (("0", 1), ("1", 2)):
        first, second = (notes(tmp_path / "sweep" / job, rank) for rank in (0, 1))
        for rank, found in enumerate((first, second)):
            assert found["seeds"] == [derived_seed(seed, ITERATION, i, rank) for i in range(3)]
        assert all(torch.equal(second["weights"][name], weight) for name, weight in first["weights"].items())


@pytest.mark.slow
def test_torchrun_on_one_and_two_nodes_gives_equal_weights(tmp_path):
    same = [*TWO, "max_iterations=3"]
    code, said = ended(started(tmp_path, *same, "name=one", torchrun=["--standalone", "--nproc-per-node=2"]))
    assert code == 0, said
    results = [ended(node) for node in two_nodes(tmp_path, [*same, "name=two"], [*same, "name=two"])]
    assert [code for code, _ in results] == [0, 0], results
    (one,), (two,) = (list(tmp_path.glob(f"outputs/{name}/*")) for name in ("one", "two"))  # a folder each
    assert [manifest(run)["processes"] for run in (one, two)] == [2, 2]
    assert len(list(one.glob("tensorboard/*"))) == len(list(two.glob("tensorboard/*"))) == 3
    for rank in (0, 1):
        expected, found = notes(one, rank), notes(two, rank)
        assert found["seeds"] == expected["seeds"] == [derived_seed(1, ITERATION, i, rank) for i in range(3)]
        assert all(torch.equal(found["weights"][name], weight) for name, weight in expected["weights"].items())


def two_nodes(folder, *commands, restarts=0):
    """Start torchrun's agents of two nodes on this machine, each with one process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    node = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=test"]
    return [started(folder, *command, torchrun=[*node, f"--max-restarts={restarts}"]) for command in commands]


@pytest.mark.slow
def test_processes_with_different_configs_are_rejected(tmp_path):
    same = [*TWO, "max_iterations=3"]
    nodes = two_nodes(tmp_path, [*same, "seed=1"], [*same, "seed=2"])
    for code, said in map(ended, nodes):
        assert code != 0
        assert "error: process 1 has " in said
        assert "start all with the same command" in said
    assert not list(tmp_path.glob("outputs/*/*"))


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_killed_worker_is_recovered(tmp_path, nodes):
    """torchrun restarts the command, and the run resumes in its folder from its last checkpoint."""
    command = [*TWO, "max_iterations=800", "checkpoint.every_n_iterations=50"]
    if nodes == 1:
        agents = [started(tmp_path, *command, torchrun=["--standalone", "--nproc-per-node=2", "--max-restarts=1"])]
    else:
        agents = two_nodes(tmp_path, command, command, restarts=3)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("outputs/mlp/*/checkpoints/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(children(agents[-1].pid)[-1], signal.SIGKILL)
    for code, said in map(ended, agents):
        assert code == 0, said
    (run,) = tmp_path.glob("outputs/mlp/*")
    assert manifest(run)["status"] == "finished"
    assert len(manifest(run)["segments"]) == 2
    assert len(notes(run, 0)["seeds"]) < 800  # resumed, not started again
    first, second = (notes(run, rank)["weights"] for rank in (0, 1))
    assert all(torch.equal(second[name], weight) for name, weight in first.items())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trainer=ddp_cpu", "trainer.devices=999"], "trainer.devices=999: this machine has"),
        (["trainer=ddp_cpu", "data.batch_size=255"], "data.batch_size=255: cannot be divided among 2 processes"),
        (["trainer=ddp_cpu", "pack=4", "data.batch_size=12"], "with pack=4: choose a multiple of 8"),
        (["trainer=ddp_cpu", "trainer.num_nodes=2"], "trainer.num_nodes=2: start the processes with torchrun"),
        (["trainer=ddp_cpu", "model.cuda_graph=true"], "model.cuda_graph=true"),
        (["trainer=cpu", "trainer.devices=2"], "trainer.devices=2: several processes need trainer=ddp"),
        (["trainer=cpu", "+trainer.strategy=ddp"], "trainer.strategy=ddp: several processes need trainer=ddp"),
        (["trainer=ddp_cpu", "trainer.devices=0"], "trainer.devices=0: must be"),
    ],
)
def test_settings_that_do_not_fit_processes_are_rejected(run, tmp_path, arguments, expected):
    result = run("train", *FAST, *arguments)
    assert result.code == 2
    (line,) = result.err.strip().splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert not (tmp_path / "outputs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize("argument", ["trainer=ddp", "trainer=gpu", "trainer.accelerator=cuda"])
def test_missing_gpu_is_named(run, tmp_path, argument):
    result = run("train", *FAST, argument)
    assert result.code == 2
    (line,) = result.err.splitlines()
    assert "trainer.accelerator=" in line
    assert "no GPU is found" in line
    assert line.endswith("trainer=cpu")
    assert not (tmp_path / "outputs").exists()


def test_slurm_job_of_several_tasks_is_rejected(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    result = run("train", *FAST, "trainer=ddp_cpu")
    assert result.code == 2
    assert "srun started 2 tasks: --ntasks=1" in result.err
    assert not (tmp_path / "outputs").exists()


def test_torchrun_without_a_strategy_is_rejected(run, monkeypatch):
    for module in (distributed, processes):
        monkeypatch.setattr(module, "launched_by_torchrun", lambda: True)
    monkeypatch.setattr(distributed, "join", lambda: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    result = run("train", *FAST)
    assert result.code == 2
    assert "torchrun started 2 processes: trainer=ddp" in result.err
