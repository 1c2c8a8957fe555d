"""Scenes: what the article asks of a chain, in its order, with the three accounts of an embedded chain and two more.

The first line of a docstring is the title of the scene; the rest is printed below it.
"""

import math
import os
import struct
import wave
from pathlib import Path

from PIL import Image
from stage import LEDGER, act_as, claim, client, collect, identity_folder, register, run, run_script, sale, sell, wait

from gan_lightning.chain.accounts import addresses

MODEL = "../model/checkpoints/last.ckpt"
PEOPLE = ("Jane Doe", "John Roe", "Dana Poe", "Eve Coe")


def prepare() -> None:
    """Create identities, sign samples under a seed that nobody can guess, and create a chain with the contract."""
    Path("password").write_text("play money\n", encoding="utf-8")
    os.environ |= {"GAN_CHAIN": "chain", "GAN_CHAIN_ACCOUNT": "alice", "GAN_CHAIN_PASSWORD_FILE": "password"}
    for name in PEOPLE:
        act_as(name)
        run("gan-identity", "init", "--name", name, "--organization", "Example")
    act_as("Jane Doe")
    seed = f"seed={int.from_bytes(os.urandom(8), 'big') >> 1}"
    run_script(
        "scripts/generate.py", "checkpoint=../model", "n=12", seed, "sign=true", "output=samples", "ledger=ledger"
    )
    run("gan-chain", "deploy")


def record() -> None:
    """A record: what, whose, since when

    Jane, whose account is alice, claims her images and the set of all of them. One anchor dates everything.
    """
    claim("samples", *(f"samples/{index:06d}.png" for index in range(7)))
    run("gan-ledger", "check", LEDGER, "--chain", "chain")


def trade() -> None:
    """Trade: time, amount, parties, and who is paid

    Two prints of an image. 70 % of the price is for alice and 30 % for bob, as they agreed. Of a resale, 10 % goes to
    them in the same way.
    """
    payees = "--payee", "alice:70", "--payee", "bob:30", "--royalty", "10%"
    work = register("samples/000000.png", *payees, *sale("1 ether", 2))
    copy = collect(work, "carol")
    sell(copy, "2 ether", "carol", "bob")
    run("gan-chain", "show", work)


def own() -> None:
    """Ownership: the title is sold, and its new holder sells prints"""
    work = register("samples/000001.png")
    sell(work, "5 ether", "alice", "carol")
    run("gan-chain", "offer", work, *sale("0.5 ether", 3), "--account", "carol")
    collect(work, "bob")


def rent() -> None:
    """A rental that ends

    It is valid for an hour, and stays with the one who paid for it.
    """
    work = register("samples/000002.png", *sale("0.01 ether", "any"), "--term", "1h", "--hands", 0)
    copy = collect(work, "bob")
    run("gan-chain", "show", copy)
    wait(3600)
    run("gan-chain", "show", copy, code=1)


def limit_hands() -> None:
    """A print that changes hands twice, and can be destroyed by everybody a day later"""
    terms = "--hands", 2, "--term", "1d"
    work = register("samples/000003.png", "--royalty", "5%", *sale("0.2 ether", 1), *terms)
    copy = collect(work, "bob")
    sell(copy, "0.3 ether", "bob", "carol")
    sell(copy, "0.4 ether", "carol", "bob")
    run("gan-chain", "list", copy, "--price", "0.5 ether", "--account", "bob", code=2)
    wait(86_400)
    run("gan-chain", "burn", copy, "--account", "carol")


def revoke() -> None:
    """A licence that is revoked"""
    Path("licence.txt").write_text("For exhibitions. The owner may end this licence.\n", encoding="utf-8")
    terms = "--licence", "licence.txt", "--hands", 0, "--revocable"
    work = register("samples/000004.png", *sale("0.1 ether", "any"), *terms)
    copy = collect(work, "carol")
    run("gan-chain", "revoke", copy)
    run("gan-chain", "show", copy, code=1)


def displace_forgery() -> None:
    """A forgery

    Eve saves one of Jane's images again, claims it, and signs a release. Carol buys a copy, and with it pays the fees
    for Eve. Then Jane registers the image with her older claim. Carol's copy ends; nobody gives her the money back.
    """
    with Image.open("samples/000005.png") as image:
        image.save("found.png")
    act_as("Eve Coe")
    run("gan-chain", "account", "new", "eve")
    run("gan-chain", "claim", "found.png", "--ledger", "forgery", "--account", "eve")
    run("gan-chain", "anchor", "forgery", "--account", "carol")
    release = "--sign", "forged.json", "--account", "eve"
    run("gan-chain", "register", "found.png", "--ledger", "forgery", *sale("1 ether", 9), *release)
    act_as("Jane Doe")
    copy = collect("forged.json", "carol")
    run("gan-verify", "found.png", "--chain", "chain", "--account", "alice", code=1)
    register("samples/000005.png")
    run("gan-verify", "found.png", "--chain", "chain", "--account", "alice", code=1)
    run("gan-chain", "show", copy, code=1)
    run("gan-chain", "burn", copy, "--account", "bob")


def pay_contributors() -> None:
    """A model: those who trained it are paid

    John, whose account is bob, and Dana state what they gave to the run. A tip is divided between them.
    """
    for path in Path(MODEL).parent.glob("*.intoto.json"):  # of an earlier play
        path.unlink()
    for name, account in (("John Roe", "bob"), ("Dana Poe", "dana")):
        act_as(name)
        if account not in client().demo_accounts:
            run("gan-chain", "account", "new", account)
        run("gan-statement", "contribution", "../model", "--compute", "an hour of 2 cores")
        run("gan-chain", "account", "link", account, "--output", f"{Path(MODEL).parent}/{account}.account.intoto.json")
    act_as("Jane Doe")
    claim(MODEL)
    trust = [word for name in PEOPLE[1:3] for word in ("--trust-root", identity_folder(name) / "root.pem")]
    model = register(MODEL, "--share", "10%", "--run", "../model", *trust)
    run("gan-chain", "tip", model, "0.04 ether", "--account", "carol")


def combine() -> None:
    """A film of several works

    It shows images of the model, to music of bob's, which is sold alone too. A film pays its parts first.
    """
    frames = [Image.open(path) for path in sorted(Path("samples").glob("*.png"))]
    frames[0].save("film.avif", save_all=True, append_images=frames[1:], duration=125)
    with wave.open("music.wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(0.3 * i))) for i in range(16_000)))
    claim("film.avif")
    claim("music.wav", account="bob")
    terms = "--term", "1d", "--hands", 0
    music = register("music.wav", "--share", "30%", *sale("0.01 ether", "any"), *terms, account="bob")
    run("gan-chain", "allow", music, "alice", "--account", "bob")
    film = register("film.avif", "--part", music, "--part", MODEL, *sale("1 ether", 100))
    collect(film, "carol")
    collect(music, "carol")


def sell_by_signature() -> None:
    """The buyer pays the fees"""
    options = "--ledger", LEDGER, *sale("0.2 ether", 5), "--sign", "release.json"
    run("gan-chain", "register", "samples/000006.png", *options)
    collect("release.json", "bob")


def sell_synthetic_data() -> None:
    """Synthetic data: a set is one work, and each file can be shown to belong to it"""
    work = register("samples", *sale("0.5 ether", "any"), "--hands", 0)
    collect(work, "carol")
    run("gan-chain", "show", "samples/000007.png", "--set", "samples")


SCENES = (
    record,
    trade,
    own,
    rent,
    limit_hands,
    revoke,
    displace_forgery,
    pay_contributors,
    combine,
    sell_by_signature,
    sell_synthetic_data,
)


def pay_out() -> dict[str, str]:
    """Pay out what all accounts have earned, and return their names by their addresses."""
    names = {account.address: name for name, account in client().demo_accounts.items()}
    for owner in ("Dana Poe", "Eve Coe"):
        act_as(owner)
        names |= {address: name for name, address in addresses().items()}
    for address in names:
        run("gan-chain", "withdraw", address)
    return names
