"""The commands that measure the contract: gas and mutants."""

import subprocess
import sys

import pytest

pytest.importorskip("pyrevm", reason="pyrevm is not installed; it has no package for Python 3.13", exc_type=ImportError)
pytest.importorskip("eth_tester", reason="eth-tester is not installed: pip install 'gan-lightning[chain]'")

from scripts.contract.mutants import MUTANTS, SOURCES
from tests.conftest import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.error)
def test_mutant_changes_one_place_of_the_source(mutant):
    sources = [path.read_text(encoding="utf-8") for path in SOURCES.glob("*.sol")]
    assert sum(source.count(mutant.old) for source in sources) == 1


@pytest.mark.slow
def test_gas_table_is_written_into_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gas -->\n<!-- end of gas -->\nafter\n")
    command = [sys.executable, "-m", "scripts.contract.gas", "--page", str(page)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- gas -->\n| call")
    assert text.endswith("<!-- end of gas -->\nafter\n")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "," in line]
    amounts = {name.strip(): int(gas.strip().replace(",", "")) for name, gas, _ in rows}
    assert 4_000_000 < amounts["deploy"] < 5_000_000
    assert amounts["anchor, any number of lines"] < 50_000
    assert max(amount for name, amount in amounts.items() if name != "deploy") < 500_000
