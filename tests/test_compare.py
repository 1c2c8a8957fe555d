"""scripts/compare.py: a table and a sheet of several runs."""

import importlib.util
import json
import sys

import pytest
from PIL import Image

from tests.conftest import FAST, ROOT

EVALUATED = [argument for argument in FAST if not argument.startswith("callbacks.evaluation")]


@pytest.mark.slow
def test_table_and_sheet(run, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(ROOT / "scripts")  # as when the script is run
    for name, seed, objective in (("one", 1, "hinge"), ("one", 2, "hinge"), ("other", 1, "least_squares")):
        choices = [f"name={name}", f"seed={seed}", f"objective={objective}", f"hydra.run.dir=runs/{name}/{seed}"]
        assert run("train", *EVALUATED, *choices, "max_iterations=3", "callbacks.evaluation.n=50").code == 0
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- table -->\nold\n<!-- end of table -->\n\nAfter.\n")

    spec = importlib.util.spec_from_file_location("compare", ROOT / "scripts" / "compare.py")
    compare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compare)
    assert run("evaluate", "checkpoint=runs/one/2", "n=50", "seeds=[0]").code == 0
    runs = ["runs/other/1", "runs/one/2", "runs/one/1"]
    for _ in range(2):  # the second call replaces the table
        monkeypatch.setattr(sys, "argv", ["compare.py", *runs, "--page", "page.md", "--sheet", "sheet.png"])
        compare.main()

    text = page.read_text()
    assert text.startswith("Before.\n\n<!-- table -->\n|")
    assert text.endswith("<!-- end of table -->\n\nAfter.\n")
    assert "old" not in text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    assert sorted(row[:3] for row in rows[1:]) == [["one", "2", "3"], ["other", "1", "3"], ["real data", "", ""]]
    floor = json.loads((tmp_path / "runs/one/2/evaluation/last/metrics.json").read_text())["floor"]
    assert rows[-1][rows[0].index("coverage")] == f"{floor['coverage']:.3g}"
    one = next(row for row in rows if row[0] == "one")
    metrics = [json.loads((tmp_path / f"runs/one/{seed}/metrics.json").read_text()) for seed in (1, 2)]
    mean = sum(one["evaluation/coverage"] for one in metrics) / 2
    assert one[rows[0].index("coverage")].startswith(f"{mean:.3g} ± ")
    assert "label_accuracy" not in rows[0]  # the runs have no labels

    width, height = Image.open(tmp_path / "sheet.png").size
    assert (width, height) == (150 + 16 * 60 + 4, 2 * 64)

    monkeypatch.setattr(sys, "argv", ["compare.py", *runs, "--metrics", "recall"])
    compare.main()
    header = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("| "))
    assert [cell.strip() for cell in header.split("|")[1:-1]] == ["", "seeds", "iterations", "minutes", "recall"]
    monkeypatch.setattr(sys, "argv", ["compare.py", *runs, "--metrics", "recal"])
    with pytest.raises(SystemExit):
        compare.main()
    assert "--metrics recal: no run has evaluation/recal" in capfd.readouterr().err
