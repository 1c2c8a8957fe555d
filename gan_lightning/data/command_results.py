"""Recognizes folders that commands of this package have written, so that a run does not train on them."""

from pathlib import Path

from gan_lightning.files import read_json
from gan_lightning.paths import GENERATED, MANIFEST, METRICS, MULTIRUN

RESULT_NAMES = {".hydra", GENERATED, MULTIRUN, "study.db", "best.yaml", "samples.intoto.json"}
RESULT_KEYS = {MANIFEST: "segments", METRICS: "generators"}  # JSON files that others may have, and a key of ours
MAX_JSON_BYTES = 2**24  # larger files are not ours
SUBFOLDERS = {"samples", "generated", "evaluation"}  # folders that commands write beside a checkpoint


def is_result(folder: Path, names: set[str]) -> bool:
    """Return True if a command has written the folder: a run, a sweep, a search or signed samples.

    Args:
        folder: folder to check.
        names: names of the files and folders in it.
    """
    if names & RESULT_NAMES:
        return True
    files = {folder / name: key for name, key in RESULT_KEYS.items() if name in names}
    return any(file.stat().st_size <= MAX_JSON_BYTES and key in read_json(file) for file, key in files.items())


def result_subfolders(folder: Path, names: set[str]) -> set[str]:
    """Return the names of subfolders that commands write, if the folder is a run or holds a checkpoint.

    Args:
        folder: folder to check.
        names: names of the files and folders in it.
    """
    has_checkpoint = any(name.endswith(".ckpt") for name in names)
    return SUBFOLDERS if has_checkpoint or is_result(folder, names) else set()
