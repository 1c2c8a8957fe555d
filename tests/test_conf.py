"""Each option of each config group trains for one batch."""

import json
from importlib.util import find_spec

import hydra
import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from gan_lightning.metrics import translation
from gan_lightning.metrics.extractors import DIGITS
from gan_lightning.networks.perceptual import PACKAGE
from gan_lightning.paths import CONF_DIR
from gan_lightning.search.space import format_override
from tests.music_files import write_chorales, write_pieces
from tests.tables import write_people, write_public_tables
from tests.texts import write_texts
from tests.two_domains import write_emoji, write_images, write_usps

SMALL = ["data.batch_size=32", "max_iterations=1", "trainer=cpu"]


def options(group):
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


MANY_RUNS = ("search", "sweep")  # groups with tests of their own
PARTS = ("algorithm",)  # groups that conf/model/ includes
GROUPS = sorted(path.name for path in CONF_DIR.iterdir() if path.is_dir() and path.name not in (*MANY_RUNS, *PARTS))
CASES = [(group, option) for group in GROUPS for option in options(group)]
KEYS = {"features": "features@data.evaluator.features"}  # key on the command line, if it is not the group's name
GROUPS_WITH_DATA = ("data", "experiment")  # groups whose options choose their data; others are tested on digits
EVALUATED = (*GROUPS_WITH_DATA, "callbacks", "features", "model")  # groups that an evaluation depends on
FEW_IMAGES = ["data.images=64", "data.test_images=64", "data.evaluator.n=64"]
SMALL_PHOTOS = ["data.scale=2", "data.region=12", "data.crop=12"]
TRANSLATION = ["model=cut", "term=[patch_nce]", "callbacks.evaluation.n=20", "model.generator.width=8"]
GRAMMAR = ["data=grammar", "callbacks.evaluation=null"]
FOLDERS = ["data.a=a", "data.b=b"]
EMOJI = ["data.root=emoji", "callbacks.evaluation.n=20"]
USPS = ["data.root=idx", "data.checksums=null", "callbacks.evaluation=null"]
TEXT = ["model=text_ngram"]
MUSIC = ["data=cadences", "data.cadences=100", "data.test_cadences=30", "callbacks.evaluation=null"]
WRITTEN_BY = {  # fixture that writes the folder or file that one of these arguments names
    "data.a=": "domains", "data.root=emoji": "domains", "data.root=idx": "domains", "data.csv=": "tables",
    "data.root=tables": "tables", "data.root=images": "images", "data.root=nouns": "nouns_folder",
    "data.root=jsb": "music", "data.root=midi": "music", "data.root=texts": "tables", "data.file=texts": "tables",
}  # fmt: skip
MORE_ARGUMENTS = {  # arguments that an option needs
    "data=crawl_tiles": ["data.root=images"],
    "data=image_folder": ["data.root=images"],
    "data=artworks": ["data.root=images"],
    "data=avatars": [*FEW_IMAGES],
    "data=nouns": ["data.root=nouns", "data.sha256=null", *FEW_IMAGES],
    "data=adult": ["data.root=tables/adult", "data.sha256=null"],
    "data=adult_declared": ["data.root=tables/adult", "data.sha256=null"],
    "data=german_credit": ["data.root=tables/german_credit", "data.sha256=null"],
    "data=digit_outlines": TRANSLATION,
    "data=emoji": [*TRANSLATION, *EMOJI],
    "data=mnist_usps": [*TRANSLATION[:2], *USPS],
    "data=unpaired": [*TRANSLATION, *FOLDERS],
    "data=artworks_to_photos": [*TRANSLATION, *FOLDERS, "data.b_test=null"],
    "data=cadences": ["data.cadences=60", "data.test_cadences=20"],
    "data=chorales": ["data.root=jsb", "data.sha256=null"],
    "data=midi": ["data.root=midi"],
    "data=heart": ["data.root=tables/heart", "data.sha256=null"],
    "data=free_photos": ["experiment=super_resolution", "data.root=images", "data.test_root=null", *SMALL_PHOTOS],
    "data=photo_folder": ["experiment=super_resolution", "data.root=images", *SMALL_PHOTOS],
    "data=photos": ["experiment=super_resolution"],
    "data=stacked_mnist": ["data.stacks=500"],
    "data=captions": [*TEXT, "data.root=texts/captions", "data.vocabulary=10"],
    "data=captions_texygen": [*TEXT, "data.root=texts/captions", "data.vocabulary=10"],
    "data=grammar": [*TEXT, "data.evaluator.n=100"],
    "data=oracle": [*TEXT, "data.vocabulary=52", "data.sequences=64", "data.test_sequences=64"],
    "data=poems": [*TEXT, "data.root=texts/poems", "data.vocabulary=20"],
    "data=text": [*TEXT, "data.file=texts/captions/image_coco.txt"],
    "data=table": ["data.csv=tables/people.csv", "data.target=ill"],
    "degradation=bicubic": ["experiment=super_resolution", "data=photos"],
    "degradation=blind": ["experiment=super_resolution", "data=photos"],
    "experiment=art": [*FEW_IMAGES],
    "experiment=captions": ["data.root=texts/captions", "data.vocabulary=10", "model.likelihood_iterations=1"],
    "experiment=emoji": EMOJI,
    "experiment=emoji_matched": [*EMOJI, "data.batch_size=2"],
    "experiment=few_shot": ["data.root=images", "callbacks.evaluation=null"],
    "experiment=mnist_usps": USPS,
    "experiment=poems": ["data.root=texts/poems", "data.vocabulary=20", "model.likelihood_iterations=1"],
    "experiment=stylegan": ["data.images=64", "data.test_images=64", "callbacks.evaluation=null"],
    "experiment=super_resolution_best": ["data.root=images", "data.test_root=null", *SMALL_PHOTOS],
    "experiment=translate": ["callbacks.evaluation.n=20"],
    "features=classifier": [f"data.evaluator.features.path={DIGITS}"],
    "features=st_alexnet": ["callbacks.evaluation.n=20", "callbacks.collapse_alarm.n=20"],
    "features=stacked_digits": ["data=stacked_mnist", "data.stacks=500"],
    "model=cut": ["data=digit_outlines", *TRANSLATION[1:]],
    "model=cyclegan": ["data=digit_outlines", *TRANSLATION[2:]],
    "model=regression": ["conditional=true"],
    "model=super_resolution": ["data=photos", "model.pretraining_iterations=1"],
    "model=table_gan": ["data=breast_cancer"],
    "model=table_independent": ["data=breast_cancer"],
    "model=table_noisy_counts": ["data=breast_cancer_declared", "privacy=dp"],
    "model=table_private_gan": ["data=breast_cancer_declared", "privacy=dp"],
    "model=table_label": ["data=breast_cancer"],
    "model=table_tan": ["data=breast_cancer"],
    "model=table_tree": ["data=breast_cancer"],
    "experiment=chorales": ["data.root=jsb", "data.sha256=null", "model.likelihood_iterations=1"],
    "experiment=music": ["data.cadences=100", "data.test_cadences=30", "model.likelihood_iterations=1"],
    "experiment=text": ["model.likelihood_iterations=1"],
    "model=music_gan": MUSIC,
    "model=music_mle": MUSIC,
    "model=music_ngram": MUSIC,
    "model=text_code_gan": GRAMMAR,
    "model=text_gan": GRAMMAR,
    "model=text_gan_conv": GRAMMAR,
    "model=text_mle": GRAMMAR,
    "model=text_ngram": GRAMMAR,
    "model=text_one_shot": GRAMMAR,
    "model=text_refiner": GRAMMAR,
    "objective=wasserstein": ["regularizer=gradient_penalty"],
    "term=patch_nce": ["data=digit_outlines", "model=cut", *TRANSLATION[2:]],
    "term=back_projection": ["data=photos", "model=super_resolution", "model.pretraining_iterations=1"],
    "pairing=nearest_features": ["data=mnist_usps", "model=cut", "term=[l1]", *USPS],
    "pairing=mutual_nearest": ["data=digit_outlines", "model=cut", *TRANSLATION[2:]],
    "privacy=dp": ["data=breast_cancer_declared", "model=table_private_gan"],
}
SKIPPED = {
    "features=inception": "needs a download of its weights",
    "trainer=gpu": "needs a GPU",
    "trainer=ddp": "needs a GPU",
}
if find_spec(PACKAGE) is None:
    for name in ("experiment=emoji_matched", "features=st_alexnet", "term=perceptual"):
        SKIPPED[name] = f"needs {PACKAGE}, of the extra 'perceptual'"
if find_spec("pypinyin") is None:
    SKIPPED["experiment=poems"] = "needs pypinyin, of the extra 'poems'"


@pytest.fixture
def short_training(monkeypatch):
    """Train the classifiers of the evaluator of translations on few images; whole trainings take six seconds each."""
    monkeypatch.setattr(translation, "IMAGES_SEEN", 1000)
    monkeypatch.setattr(translation, "MIN_EPOCHS", 1)


@pytest.fixture
def images(tmp_path):
    """Write 32 grey images to images/."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(32):
        Image.fromarray(np.full((30, 40, 3), 8 * i, np.uint8)).save(folder / f"{i}.png")


@pytest.fixture
def tables(tmp_path):
    """Write random tables to tables/, and random lines to texts/."""
    write_texts(tmp_path / "texts")
    write_public_tables(tmp_path / "tables")
    write_people(tmp_path / "tables" / "people.csv")


@pytest.fixture
def domains(tmp_path, idx_folder):
    """Write images to a/ and b/, emoji to emoji/, and USPS beside the files of MNIST."""
    for i, name in enumerate("ab"):
        write_images(tmp_path / name, 40, seed=i)
    write_emoji(tmp_path / "emoji", 240)
    write_usps(idx_folder / "usps", np.random.default_rng(0).uniform(-1, 1, (32, 256)), np.arange(32) % 10)


@pytest.fixture
def music(tmp_path):
    """Write chorales to jsb/, and MIDI files to midi/."""
    write_chorales(tmp_path / "jsb")
    write_pieces(tmp_path / "midi", 12)


def idx_files(arguments, idx_folder):
    """Return the arguments that replace idx files by small ones, if the command reads idx files."""
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        data = hydra.compose("train", arguments).data
    return [f"data.root={idx_folder}", "data.checksums=null"] if "dataset" in data else []


@pytest.mark.slow
@pytest.mark.usefixtures("short_training")
@pytest.mark.parametrize(("group", "option"), CASES)
def test_option_trains_for_one_batch(run, only_run, idx_folder, request, group, option):
    name = f"{group}={option}"
    if name in SKIPPED:
        pytest.skip(SKIPPED[name])
    arguments = [f"{KEYS.get(group, group)}={option}", *MORE_ARGUMENTS.get(name, [])]
    if group not in GROUPS_WITH_DATA and not any(argument.startswith("data=") for argument in arguments):
        arguments.append("data=digits")
    for fixture in {WRITTEN_BY[start] for start in WRITTEN_BY for one in arguments if one.startswith(start)}:
        request.getfixturevalue(fixture)
    if "data=digits" not in arguments:
        arguments += idx_files(arguments, idx_folder)
    if group not in EVALUATED and not any(argument.startswith("callbacks.evaluation") for argument in arguments):
        arguments.append("callbacks.evaluation=null")
    keys = [argument.partition("=")[0] for argument in arguments]
    small = [argument for argument in SMALL if argument.partition("=")[0] not in keys]
    result = run("train", *arguments, *small)
    assert result.code == 0, result.err
    metrics = json.loads((only_run() / "metrics.json").read_text())
    assert metrics["iteration"] == 1


@pytest.mark.parametrize("option", options("experiment"))
def test_config_of_an_experiment_is_printed_with_its_values(run, option):
    result = run("train", f"experiment={option}", "--cfg", "job", "--resolve")
    assert result.code == 0, result.err
    assert "${" not in result.out


@pytest.mark.slow
@pytest.mark.parametrize("option", options("sweep"))
def test_jobs_of_a_sweep_train_for_one_batch(run, tmp_path, idx_folder, option):
    few = FEW_IMAGES[:2] if option == "art" else [f"data.root={idx_folder}", "data.checksums=null"]
    fixed = [*few, "callbacks.evaluation=null", "hydra.sweep.dir=sweep"]
    result = run("train", "-m", f"sweep={option}", *fixed, *SMALL)
    assert result.code == 0, result.err
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("sweep/*/manifest.json")]
    names = {manifest["config"]["name"] for manifest in manifests}
    assert len(names) == len(manifests) > 3  # the name of each job has the values it varies


@pytest.mark.parametrize("option", options("search"))
def test_trial_of_a_search_trains_for_one_batch(run, only_run, idx_folder, option):
    search = OmegaConf.load(CONF_DIR / "search" / f"{option}.yaml")
    values = {key: range_.get("low", range_.get("choices", [None])[0]) for key, range_ in search.space.items()}
    data = [] if option == "quickstart" else [f"data.root={idx_folder}", "data.checksums=null"]
    trial = [*search.overrides, *(format_override(key, value) for key, value in values.items())]
    result = run("train", *trial, *data, "callbacks.evaluation=null", *SMALL)
    assert result.code == 0, result.err
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert manifest["config"]["model"]["generator_optimizer"]["lr"] == values["model.generator_optimizer.lr"]


@pytest.mark.parametrize("path", sorted(CONF_DIR.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF_DIR)))
def test_file_starts_with_a_description(path):
    comments = [line for line in path.read_text().splitlines()[:2] if line.startswith("# ") and "@package" not in line]
    assert comments, "the first lines must describe the file and name its source"
