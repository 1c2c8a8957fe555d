"""The replay of an iteration: its bookkeeping without a GPU, equal weights with one."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from gan_lightning.system.cuda_graph import WARM_UP, CapturedUpdate, make_capturable
from tests.conftest import FAST

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class OnGPU(torch.Tensor):
    """A tensor that says it is on a GPU."""

    device = SimpleNamespace(type="cuda")


def batch(value, n=4):
    return torch.full((n, 2), float(value)).as_subclass(OnGPU), torch.zeros(n)


@pytest.fixture
def recorded(monkeypatch):
    """In the place of CUDA's: a graph whose replay calls what was captured once more, with the tensors of then."""
    graphs = []

    class Graph:
        def replay(self):
            self.figures.copy_(torch.stack(list(self.update(self.batch).values())))

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


def test_replays_get_each_batch_and_keep_earlier_figures(recorded):
    def update(seen):
        return {"loss": seen[0].as_subclass(torch.Tensor).mean(), "count": torch.tensor(float(len(seen[0])))}

    captured = CapturedUpdate(update)
    figures = [captured(batch(value)) for value in range(WARM_UP)]
    assert not recorded
    first = batch(WARM_UP)
    original = CapturedUpdate._capture

    def capture(self, seen):
        original(self, seen)
        self._graph.update, self._graph.batch, self._graph.figures = update, self._batch, self._figures

    captured._capture = capture.__get__(captured)
    figures += [captured(first)] + [captured(batch(value)) for value in (7, 8)]
    assert len(recorded) == 1
    assert [figure["loss"].item() for figure in figures] == [0, 1, 2, 3, 7, 8]

    smaller = captured(batch(9, n=3))
    assert smaller["count"] == 3
    assert captured(batch(10))["count"] == 4
    assert len(recorded) == 1


def test_what_cannot_be_captured_goes_on_without(recorded, monkeypatch, caplog):
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
    assert len(calls) == WARM_UP + 3 + 1  # and once while it was captured, which runs nothing on a GPU
    assert [record.message for record in caplog.records] == [
        "model.cuda_graph=true: this model cannot be captured: operation not permitted when stream is capturing; "
        "going on without it"
    ]


def test_without_a_gpu_it_says_so_and_goes_on(run):
    result = run("train", *FAST, "max_iterations=5", "model.cuda_graph=true")
    assert result.code == 0
    assert "model.cuda_graph=true: needs a CUDA GPU, and this run is on cpu; going on without it" in result.out


def test_optimizers_elsewhere_stay_as_they_are():
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
def test_a_graph_gives_the_same_weights(run, tmp_path, overrides):
    common = [argument for argument in FAST if argument != "trainer=cpu"] + ["trainer=gpu", "max_iterations=20"]
    weights = []
    for graph in ("false", "true"):
        folder = tmp_path / graph
        result = run("train", *common, *overrides, f"model.cuda_graph={graph}", f"hydra.run.dir={folder}")
        assert result.code == 0
        assert "going on without" not in result.out
        weights.append(torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"])
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=0, msg=name)
