"""Training with differential privacy: clipped gradients with noise, noisy counts, and what is refused."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import beta
from torch import nn

from gan_lightning.algorithms import private_gan
from gan_lightning.algorithms.objectives import NonSaturating
from gan_lightning.algorithms.priors import Normal
from gan_lightning.algorithms.privacy import DifferentialPrivacy, Mechanism, spent_epsilon
from gan_lightning.algorithms.private_gan import PrivateGAN
from gan_lightning.networks import mlp, table_counts
from gan_lightning.runs.checkpoints import load

pytest.importorskip("opacus", reason="needs the extra privacy")
PRIVATE = ["data=breast_cancer_declared", "privacy=dp", "trainer=cpu", "callbacks.evaluation=null"]
GAN = ["experiment=table_private", *PRIVATE, "max_iterations=6", "model.discriminator.hidden_dims=[8]"]
COUNTS = ["model=table_noisy_counts", *PRIVATE]
WIDTH = 6


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, WIDTH)

    def forward(self, latent, condition=None):
        return self.layer(latent)


def make_gan(noise=0.0, batch_size=4, **options):
    """Return a private GAN with small networks, which expects batches of ``batch_size`` rows."""
    torch.manual_seed(0)
    discriminator = mlp.Discriminator([WIDTH], hidden_dims=[5])
    nn.init.normal_(discriminator.head.linear.weight)
    model = PrivateGAN(
        Normal([2]), Generator(), discriminator, NonSaturating(), torch.optim.Adam, torch.optim.Adam,
        privacy=DifferentialPrivacy(1.0, 1e-5, 0.5), iterations=10, **{"clip_norm": 0.3} | options,
    )  # fmt: skip
    model.mechanism = Mechanism(noise, 0.1)
    model.batch_size = batch_size
    return model


def gradients(model):
    return torch.cat([one.grad.flatten() for one in model.discriminator.parameters()])


def pair_loss(model, real, fake):
    """Return the loss of one pair as a plain sum of its parts."""
    real, fake = real[None].requires_grad_(), fake[None].requires_grad_()
    logits = [model.discriminator(one, None) for one in (real, fake)]
    slopes = torch.autograd.grad(logits[0].sum() + logits[1].sum(), [real, fake], create_graph=True)
    penalty = model.slope_weight / 2 * sum(one.square().sum() for one in slopes)
    return F.softplus(-logits[0]).sum() + F.softplus(logits[1]).sum() + penalty


@pytest.mark.parametrize("slope_weight", [0.0, 0.7])
def test_gradient_is_the_sum_of_those_of_pairs_each_clipped(slope_weight, monkeypatch):
    monkeypatch.setattr(private_gan, "PAIRS_AT_ONCE", 2)
    model = make_gan(slope_weight=slope_weight, batch_size=8)
    real, fake = torch.randn(5, WIDTH), torch.randn(5, WIDTH)
    expected, norms = torch.zeros(()), []
    for i in range(5):
        parts = torch.autograd.grad(pair_loss(model, real[i], fake[i]), list(model.discriminator.parameters()))
        one = torch.cat([part.flatten() for part in parts])
        norms.append(one.norm().item())
        expected = expected + one * min(1, 0.3 / one.norm())
    assert max(norms) > 0.3
    scalars = model.set_private_gradients(real, fake)
    torch.testing.assert_close(gradients(model), expected / 8)
    assert scalars["privacy/clipped_share"] == sum(norm > 0.3 for norm in norms) / 5


def test_noise_has_the_scale_of_the_clipping_norm_also_without_rows():
    model = make_gan(noise=3.0)
    empty = torch.zeros(0, WIDTH)
    drawn = torch.stack([(model.set_private_gradients(empty, empty), gradients(model))[1] for _ in range(200)])
    assert drawn.std().item() == pytest.approx(3.0 * 0.3 / 4, rel=0.05)
    assert drawn.mean().item() == pytest.approx(0, abs=0.01)


def lower_bound_of_epsilon(present, absent, delta):
    """Return a bound on ε from below, with 95 % confidence, from scores of runs with and without a row.

    An attacker who says "present" if the score is above a threshold has a true positive rate of at most
    exp(ε) · false positive rate + δ (Jagielski et al., 2020, arXiv:2006.07709). The threshold is chosen on half of the
    scores, and the rates are bounded by Clopper and Pearson on the other half.
    """

    def bound(threshold, present, absent):
        hits, alarms = int((present > threshold).sum()), int((absent > threshold).sum())
        lowest = beta.ppf(0.025, hits, len(present) - hits + 1) if hits else 0.0
        highest = beta.ppf(0.975, alarms + 1, len(absent) - alarms) if alarms < len(absent) else 1.0
        return math.log(max(lowest - delta, 1e-12) / highest)

    half = len(present) // 2
    shares = torch.linspace(0.05, 0.99, 40, dtype=present.dtype)
    thresholds = torch.cat([present[:half], absent[:half]]).quantile(shares).tolist()
    best = max(thresholds, key=lambda threshold: bound(threshold, present[:half], absent[:half]))
    return bound(best, present[half:], absent[half:])


def audit_gradient(noise, runs=2000):
    """Return a lower bound on ε of one update, by a canary whose gradient is as large as clipping allows."""
    model, delta = make_gan(noise), 1e-5
    real, fake = 30 * torch.randn(3, WIDTH), torch.randn(3, WIDTH)
    canary, its_fake = 30 * torch.ones(1, WIDTH), torch.zeros(1, WIDTH)
    model.mechanism = Mechanism(0.0)
    model.set_private_gradients(canary, its_fake)
    direction = gradients(model)
    assert direction.norm().item() == pytest.approx(0.3 / 4)  # it is clipped
    sums = {}
    for name, rows in {
        "absent": (real, fake),
        "present": (torch.cat([real, canary]), torch.cat([fake, its_fake])),
    }.items():
        model.set_private_gradients(*rows)
        sums[name] = gradients(model) @ direction
    model.mechanism = Mechanism(noise)
    empty = torch.zeros(0, WIDTH)
    scores = {name: [] for name in sums}
    for _ in range(runs):
        for name, total in sums.items():
            model.set_private_gradients(empty, empty)  # the noise of an update
            scores[name].append(total + gradients(model) @ direction)
    return lower_bound_of_epsilon(*(torch.stack(scores[name]) for name in ("present", "absent")), delta)


def test_audit_of_an_update_finds_less_than_the_epsilon_of_its_noise_but_not_much_less():
    claimed = spent_epsilon([Mechanism(1.0)], 1e-5)
    found = audit_gradient(1.0)
    assert 0.2 * claimed < found < claimed


def test_audit_of_an_update_finds_noise_that_is_too_small():
    assert audit_gradient(0.25) > spent_epsilon([Mechanism(1.0)], 1e-5)


def audit_counts(noise, runs=3000):
    """Return a lower bound on ε of noisy counts, by the likelihood of a row that was counted or not."""
    blocks = [2, 4, 5, 3]
    model = table_counts.Generator(blocks, 0, "label")
    rows = torch.cat([F.one_hot(torch.randint(size, (20,)), size) for size in blocks], 1).float()
    canary = torch.cat([F.one_hot(torch.tensor([size - 1]), size) for size in blocks], 1).float()
    present, absent = [], []
    for scores, counted in ((present, torch.cat([rows, canary])), (absent, rows)):
        exact = model.fit(counted).counts.clone()
        for _ in range(runs):
            model.counts.copy_(exact)
            model.add_noise(noise)
            scores.append(model.counts[1, 0, canary[0] > 0].sum().double())
    return lower_bound_of_epsilon(torch.stack(present), torch.stack(absent), 1e-5)


def test_audit_of_noisy_counts_finds_less_than_the_epsilon_of_their_noise_but_not_much_less():
    claimed = spent_epsilon([Mechanism(1.0)], 1e-5)
    assert 0.2 * claimed < audit_counts(1.0) < claimed


def read_spent(folder):
    return json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))["privacy"]


def test_gan_records_what_it_has_spent(run):
    result = run("train", *GAN, "model.discriminator_steps=4", "ema_decay=0", "hydra.run.dir=out")
    assert result.code == 0, result.err
    spent = read_spent("out")
    assert 0.9 < spent["epsilon"] <= 1
    assert spent["delta"] == 1e-5
    assert [(one["sample_rate"], one["steps"]) for one in spent["mechanism"]] == [(1, 1), (256 / 398, 6)]
    line = f"(ε = {spent['epsilon']:g}, δ = 1e-05)-differentially private"
    assert f"the generator and its samples are {line}" in result.out
    assert f"ε = {spent['epsilon']:g}, δ = 1e-05" in Path("out/README.md").read_text(encoding="utf-8")
    model = load("out").model
    assert model.privacy.record() == spent
    assert torch.equal(model.generator.start.counts, model.ema.start.counts)
    # One update, the fourth: Adam's first step is the learning rate.
    assert model.generator.correction.bias.abs().max().item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.slow
def test_counts_have_noise_that_no_seed_gives_again(run):
    counts = []
    for folder in ("a", "b"):
        assert run("train", *COUNTS, f"hydra.run.dir={folder}").code == 0
        counts.append(load(folder).model.generator.counts)
    assert "no run repeats it" in run("train", "reproduce=a").err
    assert "no command repeats a run" in Path("a/README.md").read_text(encoding="utf-8")
    (mechanism,) = read_spent("a")["mechanism"]
    scale = mechanism["noise_multiplier"] * math.sqrt(31)  # of 31 columns
    assert (counts[0] - counts[1]).double().std().item() == pytest.approx(scale * math.sqrt(2), rel=0.1)


@pytest.mark.slow
def test_resumed_run_goes_on_within_its_budget(monkeypatch):
    monkeypatch.setattr(PrivateGAN, "data", SimpleNamespace(batch_size=40, epoch_size=400))
    first, resumed, checkpoint = make_gan(), make_gan(), {}
    first.on_train_start()
    for _ in range(4):
        first.privacy.spend(first.mechanism)
    first.iteration = 4
    first.on_save_checkpoint(checkpoint)
    resumed.on_load_checkpoint(checkpoint)
    resumed.on_train_start()
    assert resumed.mechanism.noise_multiplier == pytest.approx(first.mechanism.noise_multiplier, rel=0.03)
    spent = [*resumed.privacy.spent, resumed.mechanism._replace(steps=6)]
    assert 0.95 < spent_epsilon(spent, 1e-5) <= 1.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["data=breast_cancer"],
            "the bins or the values of columns are inferred from the rows: declare them, with edges, in a schema",
        ),
        (["conditional=true"], "labels to generate samples for are drawn as often as the rows have them"),
        (["privacy.delta=0.01"], "privacy.delta=0.01: allows to publish one of 398 rows: less than 0.0025"),
        (["objective=relativistic"], "its generator's loss reads the rows without noise: objective=non_saturating"),
        (["regularizer=r1_r2"], "is not part of the clipped gradients: set regularizer=none"),
        (["term=[mode_seeking]"], "may read the rows without noise: leave them out"),
        (["pack=2"], "packing mixes the rows of a batch, so none can be clipped: leave it out"),
        (["model.clip_norm=null"], "without clipping, one row can move the discriminator by any amount"),
        (["max_iterations=null"], "the noise depends on the number of iterations: set max_iterations"),
        (["model.generator.start.structure=tan"], "its tree is chosen by the rows without noise: set structure=label"),
        (["privacy=none"], "PrivateTableGAN is trained with differential privacy: set privacy=dp"),
        (["privacy.epsilon=0"], "privacy.epsilon=0"),
        (
            ["model=table_gan"],
            "privacy=dp: RefinerGAN is trained without differential privacy: model=table_private_gan or "
            "model=table_noisy_counts, or privacy=none",
        ),
    ],
)
def test_run_whose_accounting_would_not_hold_is_refused(arguments, message, run):
    result = run("train", *GAN, *arguments, "hydra.run.dir=out")
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_own_table_needs_a_schema_that_was_not_inferred(run):
    Path("own.csv").write_text("a,b\n" + "x,y\nz,w\n" * 30, encoding="utf-8")
    own = ["data=table", "data.csv=own.csv", "data.target=b", "data.batch_size=16"]
    small = ["model=table_noisy_counts", "privacy=dp", "trainer=cpu", "callbacks.evaluation=null", *own]
    result = run("train", *small, "hydra.run.dir=refused")
    assert result.code == 2
    assert "inferred from the rows" in result.err
    Path("schema.yaml").write_text(
        "a: {kind: category, values: [x, z]}\nb: {kind: category, values: [y, w]}\n", encoding="utf-8"
    )
    assert run("train", *small, "data.schema=schema.yaml", "hydra.run.dir=out").code == 0


def test_discriminator_with_batch_norm_is_refused():
    with pytest.raises(ValueError, match="batch norm mixes the rows of a batch"):
        PrivateGAN(
            Normal([2]), Generator(), nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 1)), NonSaturating(),
            torch.optim.Adam, torch.optim.Adam, privacy=DifferentialPrivacy(1.0, 1e-5, 0.5), iterations=1,
            clip_norm=1.0,
        )  # fmt: skip
