"""CUDA graphs: the bookkeeping of replays without a GPU, and equal weights with one."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from gan_lightning.system.cuda_graph import WARM_UP, CapturedUpdate, make_capturable
from tests.conftest import FAST

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class OnGPU(torch.Tensor):
    """Tensor on the CPU that reports a GPU as its device."""

    device = SimpleNamespace(type="cuda")


def batch(value, n=4):
    return torch.full((n, 2), float(value)).as_subclass(OnGPU), torch.zeros(n)


@pytest.fixture
def recorded(monkeypatch):
    """Replace CUDA graphs by ones whose replay calls the captured update with the captured tensors; return them all."""
    graphs = []

    class Graph:
        def replay(self):
            self.values.copy_(torch.stack(list(self.update(self.batch).values())))

    @contextmanager
    def capturing(graph):
        yield
        graphs.append(graph)

    @contextmanager
    def no_stream(stream):
        yield

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capturing)
    monkeypatch.setattr(torch.cuda, "stream", no_stream)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    return graphs


def test_replays_get_each_batch_and_keep_earlier_values(recorded):
    def update(seen):
        return {"loss": seen[0].as_subclass(torch.Tensor).mean(), "count": torch.tensor(float(len(seen[0])))}

    captured = CapturedUpdate(update)
    results = [captured(batch(value)) for value in range(WARM_UP)]
    assert not recorded
    first = batch(WARM_UP)
    original = CapturedUpdate._capture

    def capture(self, seen):
        original(self, seen)
        self._graph.update, self._graph.batch, self._graph.values = update, self._batch, self._values

    captured._capture = capture.__get__(captured)
    results += [captured(first)] + [captured(batch(value)) for value in (7, 8)]
    assert len(recorded) == 1
    assert [result["loss"].item() for result in results] == [0, 1, 2, 3, 7, 8]

    smaller = captured(batch(9, n=3))
    assert smaller["count"] == 3
    assert captured(batch(10))["count"] == 4
    assert len(recorded) == 1


def test_update_that_cannot_be_captured_runs_without_a_graph(recorded, monkeypatch, caplog):
    calls = []

    @contextmanager
    def refusing(graph):
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "graph", refusing)

    def update(seen):
        calls.append(1)
        return {"loss": torch.tensor(1.0)}

    captured = CapturedUpdate(update)
    for value in range(WARM_UP + 3):
        assert captured(batch(value))["loss"] == 1
    assert len(calls) == WARM_UP + 3 + 1  # and once in the capture, which computes nothing on a GPU
    assert [record.message for record in caplog.records] == [
        "model.cuda_graph=true: this model cannot be captured: operation not permitted when stream is capturing; "
        "continuing without it"
    ]


def test_run_without_a_gpu_warns_and_continues(run):
    result = run("train", *FAST, "max_iterations=5", "model.cuda_graph=true")
    assert result.code == 0
    assert "model.cuda_graph=true: needs a CUDA GPU, and this run is on cpu; continuing without it" in result.out


def test_optimizer_on_the_cpu_is_unchanged():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    make_capturable(optimizer, torch.device("cpu"))
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert not optimizer.param_groups[0]["capturable"]


@GPU
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["regularizer=r1_r2", "objective=relativistic"],
        ["trainer.precision=bf16-mixed"],
        ["+model.learning_rate_schedule._target_=gan_lightning.algorithms.schedules.Cosine",
         "+model.learning_rate_schedule.begin=1", "+model.learning_rate_schedule.end=0",
         "+model.learning_rate_schedule.iterations=20"],
    ],
)  # fmt: skip
def test_graph_gives_the_same_weights(run, tmp_path, overrides):
    common = [argument for argument in FAST if argument != "trainer=cpu"] + ["trainer=gpu", "max_iterations=20"]
    weights = []
    for graph in ("false", "true"):
        folder = tmp_path / graph
        result = run("train", *common, *overrides, f"model.cuda_graph={graph}", f"hydra.run.dir={folder}")
        assert result.code == 0
        assert "continuing without" not in result.out
        weights.append(torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"])
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=0, msg=name)
