"""Tables in the studio, in a real browser: rows of a class, as CSV, kept and shown."""

import csv
import sys
from contextlib import suppress

import pytest

from gan_lightning.commands import cli
from tests.studio.conftest import PATIENCE
from tests.studio.serving import Server

expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright").expect
expect.set_options(timeout=PATIENCE)

SETTINGS = ["data=breast_cancer", "model=table_tan", "conditional=true", "trainer=cpu", "callbacks.evaluation=null"]


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", *SETTINGS, "hydra.run.dir=runs/tumours"])
        with suppress(SystemExit):
            cli.train()
    with Server(folder / "runs", tmp_path_factory.mktemp("studio")) as server:
        yield server


@pytest.mark.slow
def test_table_is_generated_downloaded_and_kept(studio, open_page, tmp_path):
    page = open_page(f"{studio.url}#/create/tumours")
    page.get_by_role("radio", name="benign").check()
    expect(page.get_by_role("cell", name="benign")).to_have_count(12)
    page.get_by_label("Rows").fill("20")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("12 of 20 rows; the download has all")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "samples.csv"
    download.value.save_as(tmp_path / "samples.csv")
    with (tmp_path / "samples.csv").open(encoding="utf-8", newline="") as file:
        assert [row["diagnosis"] for row in csv.DictReader(file)] == ["benign"] * 20

    page.get_by_role("button", name="Keep and sign").click()
    page.get_by_label("Your name, or that of your studio").fill("Jane Doe")
    page.get_by_role("button", name="Create my signature").click()
    page.get_by_label("Title").fill("Tumours")
    page.get_by_role("button", name="Sign and keep").click()
    page.get_by_role("link", name="Show in the gallery").last.click()
    expect(page.get_by_role("heading", name="Tumours")).to_be_visible()
    expect(page.get_by_role("columnheader", name="mean radius")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{studio.url}#/gallery")
    shown = page.locator(".frame img")
    expect(shown).to_be_visible()
    assert shown.evaluate("node => getComputedStyle(node).objectFit") == "cover"
