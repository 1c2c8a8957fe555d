"""The report of an evaluation and its signature, through the commands."""

import base64
import functools
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gan_lightning.commands import verify as gan_verify
from gan_lightning.metrics.table_findings import describe_attacks
from gan_lightning.provenance import identity
from tests.conftest import FAST
from tests.tables import write_rows

REPORT = Path("outputs/run/evaluation/last/report.html")
EVALUATE = ["checkpoint=outputs/run", "n=50", "seeds=[0]"]
EMPTY = {"meta", "link", "img", "br", "hr", "input"}  # elements without an end
EVIL = "<script>alert('x')</script>"

OWN = """
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metric


def brightness(reference, samples):
    return samples.flat.float().mean()


def dark(value, real):
    return f"dark: brightness {{value:.2g}}" if value {} 0 else None


class Brightness(Evaluator):
    metrics = (Metric("brightness", "mean of <all> pixels", brightness, warn=dark, group="light"),)

    def features(self, content):
        return content.flatten(1).float()
"""


class Page(HTMLParser):
    """Elements, attributes and text of a page whose elements are all closed."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.open, self.text, self.css = [], [], "", ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.css += data
        else:
            self.text += data

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def trained(trained_once):
    arguments = ["trainer.max_epochs=2", "checkpoint.after_epochs=[1]", "ema_decay=null", "hydra.run.dir=outputs/run"]
    trained_once("evaluated", *FAST, *arguments)


@pytest.fixture
def own(run, trained, tmp_path, monkeypatch):
    """Return a function that evaluates with a metric that finds a fault where ``value <comparison> 0`` holds."""

    def call(name, comparison):
        (tmp_path / f"{name}.py").write_text(OWN.format(comparison), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        evaluator = f"data.evaluator={{_target_: {name}.Brightness, n: 50}}"
        data = ["data=digits", "~data.evaluator.features", evaluator, "seeds=[0]", f"output={name}"]
        result = run("evaluate", "checkpoint=outputs/run", *data)
        assert result.code == 0, result.err
        return Page(Path(name, "report.html"))

    return call


@pytest.fixture
def signed(run, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    result = run("evaluate", *EVALUATE, "sign=true")
    assert result.code == 0, result.err


@pytest.fixture
def verify(called):
    return functools.partial(called, gan_verify.main)


def read_metrics():
    return json.loads(REPORT.with_name("metrics.json").read_text(encoding="utf-8"))


def read_statement():
    envelope = json.loads(REPORT.with_name("report.html.intoto.json").read_text(encoding="utf-8"))
    return json.loads(base64.b64decode(envelope["payload"]))


def test_report_tells_all_that_was_measured(run, trained):
    result = run("evaluate", "checkpoint=outputs/run", "n=50", "seeds=[0,1]")
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1] == f"run/last: {REPORT}"
    page, metrics = Page(REPORT), read_metrics()
    assert page.text.count("run/last") == 2  # title and heading
    assert "50 samples for each of 2 seeds from the generator as trained (raw), compared with 50 real" in page.text
    rows = [one["data-column"] for one in page.attributes("td") if one["data-column"] == "samples"]
    assert len(rows) == len(metrics["generators"]["raw"])
    for name, values in metrics["generators"]["raw"].items():
        assert f"{name} " in page.text
        assert f"{values['mean']:.4g} ± {values['sd']:.2g}" in page.text
        assert f"{metrics['floor'][name]:.4g}" in page.text
    for finding in metrics["findings"]["raw"]:
        assert f"{finding[0].upper()}{finding[1:]}" in page.text
    facts = [metrics["sha256"], metrics["reference"]["sha256"], metrics["source"]["name"], metrics["source"]["licence"]]
    for fact in [*facts, metrics["versions"]["torch"], metrics["extractor"]["sha256"], "seeds=[0,1]'"]:
        assert fact in page.text
    assert "Differential privacy: none is recorded" in page.text


def test_report_needs_no_network_and_no_script(run, trained):
    assert run("evaluate", *EVALUATE).code == 0
    page = Page(REPORT)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "video", "audio"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|http", page.css)
    images = page.attributes("img")
    assert len(images) == 4
    for image in images:
        assert image["alt"]
        assert image["src"].startswith("data:image/png;base64,")
    pngs = {path.read_bytes() for path in REPORT.parent.glob("*.png")}
    assert {base64.b64decode(image["src"].partition(",")[2]) for image in images} == pngs


def test_report_without_faults_lists_what_was_checked(own):
    page = own("bright", "<")
    assert "Nothing wrong was found One metric was checked and passed: brightness" in page.text
    assert "mean of <all> pixels" in page.text
    assert "Light" in page.text


def test_report_names_each_fault(own):
    page = own("dark", ">")
    assert "One fault was found Dark: brightness" in page.text
    assert "One metric was checked: brightness." in page.text
    assert "passed" not in page.text


@pytest.mark.slow
def test_guarantee_is_that_of_the_checkpoint(run, tmp_path, monkeypatch):
    pytest.importorskip("opacus", reason="needs the extra privacy")
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    private = ["data=breast_cancer_declared", "model=table_noisy_counts", "privacy=dp", "callbacks.evaluation=null"]
    assert run("train", *private, "trainer=cpu", "hydra.run.dir=outputs/run").code == 0
    result = run("evaluate", "checkpoint=outputs/run", "seeds=[0]", "sign=true")
    assert result.code == 0, result.err
    privacy, page = read_metrics()["privacy"], Page(REPORT)
    assert privacy == json.loads(Path("outputs/run/manifest.json").read_text(encoding="utf-8"))["privacy"]
    guarantee = f"(ε = {privacy['epsilon']:.4g}, δ = 1e-05)-private, for data sets that differ by one row"
    assert f"Differential privacy: the samples are {guarantee}" in page.text
    assert f"by a factor of at most {math.exp(privacy['epsilon']):.3g}," in page.text
    assert "Mechanism (name Gaussian noise, noise_multiplier" in page.text
    assert read_statement()["predicate"]["privacy"] == privacy


@pytest.mark.slow
def test_report_of_a_table_describes_the_attacks(run, tmp_path):
    """A column has a name that a browser would run."""
    rows = [[str(i % 7), str(i % 3), "yes" if i % 2 else "no"] for i in range(200)]
    write_rows(tmp_path / "rows.csv", rows, ["age", EVIL, "ill"])
    write_rows(tmp_path / "samples.csv", rows[:60], ["age", EVIL, "ill"])
    table = ["data=table", "data.csv=rows.csv", "data.target=ill", f'data.evaluator.sensitive="{EVIL}"']
    result = run("evaluate", "samples=samples.csv", *table)
    assert result.code == 0, result.err
    page = Page(Path("evaluation/samples/report.html"))
    assert "script" not in {tag for tag, _ in page.elements}
    assert f"takes “{EVIL}” from the nearest sample" in page.text
    assert re.search(r"Membership: an attacker .* AUC of 0\.\d{3} \(95% interval 0\.\d{3} to 0\.\d{3}\)", page.text)
    assert "100.00% of the samples equal a training row in every column" in page.text
    assert [one for one in ("Realism", "Utility", "Privacy") if one in page.text] == ["Realism", "Utility", "Privacy"]
    assert "noisy copies: training rows of which some cells are replaced" in page.text


@pytest.mark.parametrize(("margin", "expected"), [(0.05, "not beyond chance"), (0.03, "which is beyond chance")])
def test_interval_decides_whether_an_attack_is_beyond_chance(margin, expected):
    metrics = {"exact_copies": 0.001, "dcr_share": 0.52, "membership_auc": 0.54, "membership_margin": margin}
    metrics |= {"membership_tpr": 0.02, "membership_distance_auc": 0.53}
    metrics |= {"attribute_advantage": 0.04, "attribute_margin": margin}
    sentences = describe_attacks(metrics, {"exact_copies": 0.0}, "ill")
    assert [expected in one for one in sentences] == [False, True, True, False]
    assert f"0.540 (95% interval {0.54 - margin:.3f} to {0.54 + margin:.3f})" in sentences[1]
    assert f"+4.0 percentage points (95% interval {4 - 100 * margin:+.1f} to {4 + 100 * margin:+.1f})" in sentences[2]


def test_table_without_held_out_rows_has_no_attacks(run, tmp_path):
    rows = [[str(i % 7), "yes" if i % 2 else "no"] for i in range(100)]
    write_rows(tmp_path / "rows.csv", rows, ["age", "ill"])
    result = run("evaluate", "samples=rows.csv", "data=table", "data.csv=rows.csv", "data.test_share=0")
    assert result.code == 0, result.err
    page = Page(Path("evaluation/rows/report.html"))
    assert "Attacks: not measured, because the data have no held-out rows to compare with." in page.text


def test_signed_report_is_verified(signed, verify):
    for file in (REPORT, REPORT.with_name("report.html.intoto.json")):
        assert verify(file) == (0, f"{file}: trusted: urn:gan-lightning:evaluation:v1 by Jane Doe, Example")
    statement, metrics = read_statement(), read_metrics()
    assert [one["name"] for one in statement["subject"]] == ["report.html", "metrics.json"]
    predicate = statement["predicate"]
    assert predicate["generator"]["digest"]["sha256"] == metrics["sha256"]
    assert predicate["data"]["sha256"] == metrics["reference"]["sha256"]
    assert (predicate["data"]["licence"], predicate["privacy"]) == ("CC-BY-4.0", None)
    assert predicate["metrics"]["raw"]["precision"] == metrics["generators"]["raw"]["precision"]["mean"]
    assert predicate["findings"] == metrics["findings"]


@pytest.mark.parametrize("name", ["report.html", "metrics.json"])
def test_changed_byte_is_tampered(signed, verify, name):
    path = REPORT.with_name(name)
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    code, said = verify(REPORT)
    assert (code, said) == (1, f"{REPORT}: tampered: {name} beside it differs from what was signed")


@pytest.mark.slow
def test_new_report_has_no_earlier_signature(run, signed, verify):
    assert run("evaluate", *EVALUATE).code == 0
    code, said = verify(REPORT)
    assert code == 1
    assert said.startswith(f"{REPORT}: unknown: it has no manifest, and no statement lies beside it")


def test_only_evaluations_of_checkpoints_are_signed(run, trained):
    result = run("evaluate", "samples=samples.npz", "data=digits", "sign=true")
    expected = "error: sign=true: signs evaluations of checkpoints, and samples=… may be of any origin: leave it out\n"
    assert (result.code, result.err) == (2, expected)


def test_evaluation_without_an_identity_does_not_start(run, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "nobody"))
    result = run("evaluate", *EVALUATE, "sign=true")
    assert (result.code, result.err.startswith("error: no identity in ")) == (2, True)
    assert not REPORT.exists()
