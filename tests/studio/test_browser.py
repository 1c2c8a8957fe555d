"""The studio in a real browser: each screen in both languages, and whole scenes from a sample to its sale."""

import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account import Account

from gan_lightning.chain import connect
from gan_lightning.commands import cli
from gan_lightning.provenance import identity
from tests.chain.conftest import ANVIL_KEYS, anvil  # noqa: F401
from tests.conftest import FAST
from tests.processes import started, wait_for
from tests.studio.conftest import PATIENCE
from tests.studio.serving import Server
from tests.studio.wallet import Wallet

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
expect = playwright.expect
expect.set_options(timeout=PATIENCE)

SETTINGS = [*FAST, "conditional=true", "sample_every_n_epochs=5", "name=numbers"]
HEADINGS = {
    "create": {"en-GB": "Create", "zh-CN": "创作"},
    "watch": {"en-GB": "Watch", "zh-CN": "训练"},
    "gallery": {"en-GB": "Gallery", "zh-CN": "画廊"},
    "verify": {"en-GB": "Verify", "zh-CN": "鉴定"},
    "market": {"en-GB": "Market", "zh-CN": "市集"},
    "market/account": {"en-GB": "alice", "zh-CN": "alice"},
    "market/sales": {"en-GB": "Sales", "zh-CN": "成交记录"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Folder with a small conditional run and a copy of it."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", *SETTINGS, "max_iterations=120", "hydra.run.dir=runs/first"])
        with suppress(SystemExit):
            cli.train()
    shutil.copytree(folder / "runs" / "first", folder / "runs" / "second")
    return folder / "runs"


@pytest.fixture(scope="module")
def studio(runs, tmp_path_factory):
    """Studio with an embedded chain and no identity yet."""
    with Server(runs, tmp_path_factory.mktemp("studio")) as server:
        yield server


def use_account(page, name: str) -> None:
    page.get_by_label("Demo account of this tab").select_option(label=name)


def open_screen(page, url: str, screen: str) -> None:
    """Open a screen anew and wait until it shows what it has loaded."""
    page.goto("about:blank")
    page.goto(f"{url}#/{screen}")
    expect(page.locator(f".screen-{screen.split('/')[0]}").get_by_role("heading", level=1)).to_be_attached()
    expect(page.locator("main").get_by_text("Loading")).to_have_count(0)  # the runs, then the model
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)


def assert_fits(page) -> None:
    """Wait until the page is no wider than its window; name the elements that stick out if it stays wider.

    ``page.wait_for_function`` would evaluate its text again and again, which the page's security policy forbids.
    """
    sticking_out = """[...document.querySelectorAll("main *")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth)
        .map((element) => element.outerHTML.slice(0, 200))"""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        assert time.monotonic() < deadline, page.evaluate(sticking_out)
        page.wait_for_timeout(50)


def keep_sample(page, url: str, title: str, sample: int = 1, artist: str = "Jane Doe") -> None:
    """Generate samples, keep one of them under a title, and open it in the gallery."""
    page.goto(f"{url}#/create/first")
    page.get_by_role("button", name=f"Open: Sample {sample}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Keep and sign").click()
    if page.get_by_label("Your name, or that of your studio").is_visible():
        page.get_by_label("Your name, or that of your studio").fill(artist)
        page.get_by_role("button", name="Create my signature").click()
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Sign and keep").click()
    page.get_by_role("link", name="Show in the gallery").last.click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def register(page, price: str, copies: int) -> None:
    """Register the item that the gallery shows."""
    page.get_by_role("link", name="Register and sell").click()
    page.get_by_label("Price in ether").fill(price)
    page.get_by_label("Copies", exact=True).fill(str(copies))
    page.get_by_role("button", name="Register").click()


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_each_screen_opens_in_both_languages(studio, open_page, language):
    page = open_page(studio.url, language=language)
    for screen, headings in HEADINGS.items():
        page.goto(f"{studio.url}#/{screen}")
        expect(page.get_by_role("heading", level=1, name=headings[language])).to_be_attached()
        expect(page.locator(".screen")).to_be_visible()
        assert_fits(page)
    expect(page.locator("html")).to_have_attribute("lang", {"en-GB": "en", "zh-CN": "zh-Hans"}[language])


def test_screens_fit_on_a_phone(studio, open_page):
    page = open_page(studio.url, viewport={"width": 360, "height": 740})
    for screen in HEADINGS:
        open_screen(page, studio.url, screen)
        assert_fits(page)


@pytest.mark.slow
def test_words_without_a_break_fit_on_a_phone(runs, open_page, tmp_path):
    word = "w" * 100
    library = tmp_path / word / "runs"
    shutil.copytree(runs / "first", library / word)
    shutil.copytree(runs / "second", library / "first")
    with Server(library, tmp_path) as studio:
        page = open_page(studio.url, viewport={"width": 360, "height": 740})
        keep_sample(page, studio.url, word, artist=word)
        assert_fits(page)
        register(page, "0.25", 2)
        expect(page.get_by_role("heading", name=word, level=1)).to_be_visible()
        assert_fits(page)
        for screen in [*HEADINGS, f"create/{word}", f"watch/first,{word}"]:
            open_screen(page, studio.url, screen)
            assert_fits(page)


@pytest.mark.slow
def test_runs_are_compared_side_by_side(studio, open_page):
    page = open_page(f"{studio.url}#/watch/first,second")
    expect(page.get_by_role("article")).to_have_count(2)
    chart = page.get_by_role("slider", name="loss/generator")
    expect(chart.locator("path")).to_have_count(2)
    chart.focus()
    page.keyboard.press("Home")
    assert re.fullmatch(r"iteration \d+, first [\d.]+, second [\d.]+", chart.get_attribute("aria-valuetext"))
    page.keyboard.press("Escape")
    drawn = chart.locator("path").first.get_attribute("d")
    page.get_by_label("Logarithmic scale").check()
    assert chart.locator("path").first.get_attribute("d") != drawn
    page.get_by_text("Values as a table").first.click()
    expect(page.get_by_role("region", name="Values of")).to_be_visible()
    sheets = page.get_by_role("slider", name="Sheet of first")
    newest = page.get_by_role("img", name="Samples of first").get_attribute("src")
    sheets.press("Home")
    assert page.get_by_role("img", name="Samples of first").get_attribute("src") != newest
    page.locator("input[value=second]").uncheck()
    expect(page.get_by_role("article")).to_have_count(1)
    assert page.url.endswith("#/watch/first")


@pytest.mark.slow
def test_run_in_training_is_live_until_it_ends(studio, open_page):
    run = studio.runs / "training"
    process = started(studio.folder, *SETTINGS, "max_iterations=100000", f"hydra.run.dir={run}")
    try:
        wait_for(run / "samples", process)
        page = open_page(f"{studio.url}#/watch/training")
        expect(page.locator(".run-text").get_by_text("live", exact=True)).to_be_visible()
        chart = page.get_by_role("slider", name="loss/generator")
        first = int(chart.get_attribute("aria-valuemax"))
        expect(chart).not_to_have_attribute("aria-valuemax", str(first))
    finally:
        process.terminate()
        process.wait(60)
    expect(page.locator(".run-text").get_by_text("interrupted", exact=True)).to_be_visible()
    shutil.rmtree(run)


@pytest.mark.slow
def test_sample_is_kept_registered_collected_and_verified(studio, open_page, tmp_path):
    page = open_page(studio.url)
    keep_sample(page, studio.url, "Evening")
    register(page, "0.25", 2)
    expect(page.get_by_role("heading", name="Evening", level=1)).to_be_visible()
    expect(page.get_by_text("0.25 ETH")).to_be_visible()
    work = page.url

    use_account(page, "bob")
    page.get_by_role("button", name="Collect").click()
    expect(page.get_by_text("Collected.")).to_be_visible()
    expect(page.get_by_text("1 of 2 left")).to_be_visible()
    page.goto(f"{studio.url}#/market/account")
    expect(page.get_by_role("heading", name="bob", level=1)).to_be_visible()
    page.get_by_role("button", name="Sell", exact=True).click()
    page.get_by_label("Price in ether").fill("0.5")
    page.get_by_role("dialog").get_by_role("button", name="Sell").click()
    expect(page.get_by_role("button", name="End the sale (0.5 ETH)")).to_be_visible()

    use_account(page, "carol")
    page.goto(f"{studio.url}#/market")
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_text("Bought.")).to_be_visible()
    page.goto(work)
    sales = page.get_by_role("region", name="Sales")
    expect(sales.get_by_role("row")).to_have_count(3)
    expect(sales).to_contain_text("0.05 ETH")  # the royalty of the resale

    use_account(page, "alice")
    page.goto(f"{studio.url}#/market/account")
    expect(page.get_by_text("0.3 ETH").first).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Paid out to your balance.")).to_be_visible()

    page.goto(f"{studio.url}#/gallery")
    page.locator(".screen-gallery").get_by_role("link", name="Evening").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    page.goto(f"{studio.url}#/verify")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("article").get_by_role("heading", level=2)).to_be_visible()
    expect(page.get_by_role("article")).to_contain_text("Jane Doe")
    expect(page.get_by_role("article")).to_contain_text("On the chain")


@pytest.mark.slow
def test_wallet_signs_what_the_server_prepares(runs, open_page, anvil, tmp_path, monkeypatch):  # noqa: F811
    url = anvil()
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    client = connect(url)
    client.deploy(Account.from_key(ANVIL_KEYS[0]))
    wallet = Wallet(url)
    with Server(runs, tmp_path, "--chain", url) as studio:
        page = open_page(f"{studio.url}#/market", prepare=wallet.inject)
        page.get_by_role("button", name="Connect wallet").click()
        expect(page.locator("#account option")).to_have_count(2)

        keep_sample(page, studio.url, "Morning")
        wallet.rejects = True
        register(page, "0.1", 1)
        expect(page.get_by_text("You declined in the wallet.")).to_be_visible()
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("heading", name="Morning", level=1)).to_be_visible()
        assert "wallet_switchEthereumChain" in wallet.asked
        page.get_by_label("Demo account of this tab").select_option(index=1)
        page.get_by_role("button", name="Collect").click()
        expect(page.get_by_text("Collected.")).to_be_visible()

        keep_sample(page, studio.url, "Noon", sample=2)
        page.get_by_role("link", name="Register and sell").click()
        page.locator("summary", has_text="When to register").click()
        page.get_by_label("With the first sale").check()
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("heading", name="Released, not yet registered")).to_be_visible()
        assert wallet.asked[-1] == "eth_signTypedData_v4"
        page.reload()  # the page finds the wallet again
        expect(page.locator("#account option")).to_have_count(2)
        page.get_by_label("Demo account of this tab").select_option(index=0)
        page.get_by_role("article").get_by_role("button", name="Collect").click()
        expect(page.get_by_role("heading", name="Noon", level=1)).to_be_visible()
        page.evaluate("changeAccounts([])")
        expect(page.get_by_role("button", name="Connect wallet")).to_be_visible()
        page.close()
    assert client.read("workOf", bytes(32)) == 0
    assert {client.read("ownerOf", number) for number in (1, 3)} == set(wallet.accounts)
