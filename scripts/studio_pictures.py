"""Draw the screenshots of the docs: python scripts/studio_pictures.py outputs art/avatars/art/1

Starts gan-studio on a folder of runs, with a gallery, a chain and an identity of its own in a temporary folder. Plays a
scene in Chromium: samples of a run are kept, registered and collected, and one is verified. Writes studio_create.png,
studio_market.png and studio_verify.png. Needs the extra studio, playwright and Chromium.
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.serving import serve
from playwright.sync_api import Page, expect, sync_playwright

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError

SIZE = {"width": 1280, "height": 860}
WORKS = [  # sample, title, account that registers it, price, copies
    (2, "Blue hour", "alice", "0.1", 3),
    (5, "Portrait of nobody", "bob", "0.25", 1),
    (7, "Sunday", "alice", "0", 12),
    (11, "The collector", "carol", "0.4", 5),
]
COLLECTOR = "bob"
PATIENCE = 60_000  # milliseconds


@command
def main() -> None:
    parser = Parser(prog="studio_pictures.py", description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of runs")
    parser.add_argument("run", help="the run that creates, a folder in it")
    parser.add_argument("--output", type=Path, default=Path("docs"), help="folder to write to (docs)")
    arguments = parser.parse_args()
    if not (arguments.runs / arguments.run / "checkpoints").is_dir():
        raise UserError(f"{arguments.run}: no run with a checkpoint in {arguments.runs}: name one, such as art")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise UserError("chromium is missing: install it with the system's packages")
    expect.set_options(timeout=PATIENCE)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(arguments.runs.absolute(), Path(folder)) as (_, url),
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en-GB")
        page.set_default_timeout(PATIENCE)
        play(page, url, arguments.run.replace("/", "~"), arguments.output)
        browser.close()


def play(page: Page, url: str, run: str, output: Path) -> None:
    """Play the scene and draw its screenshots."""
    page.goto(f"{url}#/create/{run}")
    page.get_by_label("Seed", exact=True).fill("20")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("button", name="Open: Sample 16", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    take(page, output / "studio_create.png")
    for sample, title, account, price, copies in WORKS:
        keep(page, f"{url}#/create/{run}", sample, title)
        page.get_by_label("Demo account of this tab").select_option(label=account)
        page.get_by_role("link", name="Register and sell").click()
        page.get_by_label("Price in ether").fill(price)
        page.get_by_label("Copies", exact=True).fill(str(copies))
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    page.get_by_label("Demo account of this tab").select_option(label=COLLECTOR)
    page.get_by_role("button", name="Collect").click()
    expect(page.get_by_text("Collected.")).to_be_visible()
    page.goto(f"{url}#/market")
    expect(page.get_by_text("4 of 5 left")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    take(page, output / "studio_market.png")
    page.goto(f"{url}#/gallery")
    page.locator(".screen-gallery").get_by_role("link", name=WORKS[0][1]).click()
    expect(page.get_by_role("heading", name=WORKS[0][1], level=1)).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Verify", exact=True).click()
    expect(page.get_by_role("article").get_by_role("heading", level=2)).to_be_visible()
    take(page, output / "studio_verify.png")


def keep(page: Page, address: str, sample: int, title: str) -> None:
    """Keep a sample of the sheet under a title, and open it in the gallery."""
    page.goto(address)
    page.get_by_role("button", name=f"Open: Sample {sample}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Keep and sign").click()
    if page.get_by_role("dialog", name="Sign as").is_visible():
        page.get_by_label("Your name, or that of your studio").fill("Jane Doe")
        page.get_by_role("button", name="Create my signature").click()
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Sign and keep").click()
    page.get_by_role("link", name="Show in the gallery").last.click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def take(page: Page, path: Path) -> None:
    """Write a screenshot of the top of the page and of its panels."""
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0); document.querySelectorAll('.panel').forEach((panel) => panel.scrollTo(0, 0))")
    page.screenshot(path=path, animations="disabled")
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
