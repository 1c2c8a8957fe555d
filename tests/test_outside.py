"""An objective, a network and a data set outside the repository can be used, as the README shows."""

import json
import re

from tests.conftest import ROOT

MINE = """
import torch
from torch import nn
from gan_lightning.data.datamodule import Examples
from gan_lightning.data.images import LabelledImages


class PearsonChi2:
    def discriminator_loss(self, real_logits, fake_logits):
        return (fake_logits**2 / 4 + fake_logits).mean() - real_logits.mean()

    def generator_loss(self, fake_logits, real_logits=None):
        return -(fake_logits**2 / 4 + fake_logits).mean()


class Generator(nn.Module):
    def __init__(self, latent_dim: int, sample_shape: list[int]):
        super().__init__()
        self.sample_shape = sample_shape
        self.layer = nn.Linear(latent_dim, sample_shape[0] * sample_shape[1] * sample_shape[2])

    def forward(self, latent, condition=None):
        return torch.tanh(self.layer(latent)).unflatten(1, self.sample_shape)


class Stripes(LabelledImages):
    def load(self):
        images = torch.zeros(200, 1, 12, 12, dtype=torch.uint8)
        rows = torch.arange(200) % 12
        images[torch.arange(200), 0, rows] = 255
        return Examples(images, rows)
"""

# A copy of conf/model/mlp.yaml with another generator.
MODEL = (ROOT / "conf" / "model" / "mlp.yaml").read_text()
GENERATOR = """generator:
  _target_: mine.Generator
  latent_dim: 100
  sample_shape: ${data.sample_shape}
discriminator:"""
OBJECTIVE = "_target_: mine.PearsonChi2\n"
DATA = """_target_: mine.Stripes
batch_size: 20
sample_shape: [1, 12, 12]
num_classes: 12
seed: ${seed}
evaluator: {_target_: gan_lightning.metrics.images.ImageEvaluator}
"""


def test_own_classes(run, only_run, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    model = re.sub(r"(?ms)^generator:.*?^discriminator:", lambda _: GENERATOR, MODEL)
    for group, name, text in (("objective", "chi2", OBJECTIVE), ("data", "stripes", DATA), ("model", "linear", model)):
        path = tmp_path / "conf" / group / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    own = ["--config-dir=conf", "objective=chi2", "data=stripes", "model=linear"]
    result = run("train", *own, "trainer=cpu", "max_iterations=12")
    assert result.code == 0, result.err
    folder = only_run()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["iteration"] == 12
    assert "evaluation/frechet_random_conv" in metrics
    for command in (["generate", "n=4"], ["evaluate", "seeds=[0]"]):
        result = run(command[0], f"checkpoint={folder}", command[1])
        assert result.code == 2
        assert re.search(r"mine\.\w+: comes from a file", result.err)
        result = run(command[0], f"checkpoint={folder}", command[1], "trust_code=[mine]")
        assert result.code == 0, result.err
