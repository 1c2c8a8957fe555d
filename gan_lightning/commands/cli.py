"""The commands: Hydra apps whose errors of use are one line and exit code 2.

Nothing heavy is imported here, so that ``--help`` and tab completion answer at once.
"""

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import gan_lightning.config.resolvers  # noqa: F401  registers them
from gan_lightning.commands.hydra_callbacks import RunGuard, beside_others
from gan_lightning.errors import ENDS, Busy, Interrupted, UserError, fail
from gan_lightning.paths import CONF_DIR

LAUNCHERS = ("joblib", "submitit")  # packages that run jobs beside each other


def train() -> None:
    """``python train.py`` and ``gan-train``."""
    RunGuard.resumed_sweep = RunGuard.sweep_dir = None
    RunGuard.interrupted = False
    try:
        for i, argument in enumerate(sys.argv):
            key, _, folder = argument.partition("=")
            if key in ("resume", "reproduce") and folder not in ("auto", "null"):
                sys.argv[i:i] = _recorded(key, folder)
                break
            if key == "sweep.resume":
                sys.argv[i : i + 1] = _recorded_sweep(folder)
                break
    except UserError as error:
        fail(error, debug=False)
    _run("train", _train_job)


def _recorded(key: str, folder: str) -> list[str]:
    """The overrides of an earlier run that are to hold again."""
    from gan_lightning.config.trust import check_overrides
    from gan_lightning.runs.folders import recorded_overrides

    overrides = recorded_overrides(key, folder, sys.argv)
    check_overrides(overrides, sys.argv)
    return overrides


def _recorded_sweep(folder: str) -> list[str]:
    """What makes Hydra begin a sweep again in its folder, where jobs find what they have done before."""
    from gan_lightning.config.trust import check_overrides
    from gan_lightning.runs.folders import recorded_sweep

    overrides = recorded_sweep(folder, sys.argv)
    check_overrides(overrides, sys.argv, sweep=True)
    RunGuard.resumed_sweep = folder
    return [*overrides, f"hydra.sweep.dir={folder}", "hydra.mode=MULTIRUN"]


def generate() -> None:
    """``python scripts/generate.py`` and ``gan-generate``."""
    _run("generate", _generate_job)


def evaluate() -> None:
    """``python scripts/evaluate.py`` and ``gan-evaluate``."""
    _run("evaluate", _evaluate_job)


def train_extractor() -> None:
    """``python scripts/train_extractor.py`` and ``gan-train-extractor``."""
    _run("train_extractor", _train_extractor_job)


def search() -> None:
    """``python scripts/search.py`` and ``gan-search``."""
    _run("search", _search_job)


def _train_job(cfg: DictConfig) -> dict[str, float] | None:
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return _sweep_job(cfg)

    try:
        from gan_lightning.commands.train import train
        from gan_lightning.runs.reproduce import compare
        from gan_lightning.system.distributed import first_process

        metrics = train(cfg)
        if cfg.reproduce is not None and first_process():
            same, line = compare(Path(cfg.reproduce), Path(cfg.run_dir))
            print(line)
            if not same:
                raise SystemExit(1)
        return metrics
    except Interrupted as interruption:
        interruption.leave()
    except BaseException as error:
        RunGuard.undo()
        if isinstance(error, UserError):
            fail(error, debug=OmegaConf.select(cfg, "debug") is True)
        raise


def _sweep_job(cfg: DictConfig) -> dict[str, float] | None:
    """A job of a sweep: when it fails it says why, and the sweep goes on. What it did before, it need not do again."""
    from gan_lightning.commands.train import train
    from gan_lightning.config.validation import TrainSettings, validate
    from gan_lightning.runs.folders import finished, last_checkpoints
    from gan_lightning.runs.manifest import record_failure
    from gan_lightning.runs.sweep import summarize

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    if RunGuard.interrupted:
        return None
    try:
        validate(cfg, TrainSettings)
        if metrics := finished(run_dir):
            return metrics
        if last_checkpoints(run_dir):
            cfg.resume = str(run_dir)
        return train(cfg)
    except Interrupted as interruption:
        if beside_others(HydraConfig.get()) and interruption.signal in ENDS:  # who has begun it makes the table
            RunGuard.interrupted = True
            return None
        summarize(Path(HydraConfig.get().sweep.dir))
        interruption.leave()
    except Exception as error:
        if not isinstance(error, UserError) or OmegaConf.select(cfg, "debug") is True:
            traceback.print_exc()
        line = " ".join(str(error).split()) or type(error).__name__
        print(f"error: job {HydraConfig.get().job.num}: {line}", file=sys.stderr)
        if not isinstance(error, Busy):
            record_failure(run_dir, line)
        return None


def _generate_job(cfg: DictConfig) -> None:
    from gan_lightning.commands.generate import generate
    from gan_lightning.config.validation import GenerateSettings

    _validated(cfg, GenerateSettings, generate)


def _evaluate_job(cfg: DictConfig) -> None:
    from gan_lightning.commands.evaluate import evaluate
    from gan_lightning.config.validation import EvaluateSettings

    _validated(cfg, EvaluateSettings, evaluate)


def _train_extractor_job(cfg: DictConfig) -> None:
    from gan_lightning.commands.train_extractor import train_extractor
    from gan_lightning.config.validation import ExtractorSettings

    _validated(cfg, ExtractorSettings, train_extractor)


def _search_job(cfg: DictConfig) -> None:
    from gan_lightning.config.validation import SearchSettings

    def search(cfg: DictConfig) -> str:
        try:
            from gan_lightning.search.study import search
        except ImportError as error:
            raise UserError("search: needs an extra: pip install 'gan-lightning[search]'") from error
        try:
            return search(cfg)
        except Interrupted as interruption:
            print(f"{interruption}: run it again to go on", file=sys.stderr)
            interruption.leave()

    _validated(cfg, SearchSettings, search)


def _validated(cfg: DictConfig, settings: Any, command: Callable[[DictConfig], Any]) -> None:
    """Check the config, run the command and print what it returns."""
    from gan_lightning.config.validation import validate
    from gan_lightning.system.machine import prepare_process

    try:
        validate(cfg, settings)
        prepare_process()
        print(command(cfg))
    except UserError as error:
        fail(error, debug=OmegaConf.select(cfg, "debug") is True)


def _run(config_name: str, job: Callable[[DictConfig], Any]) -> None:
    """Hand over to Hydra, and put what it or a job refuses in one line."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them
    try:
        hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(job)()
    except BrokenPipeError:  # --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        debug = any(argument in ("debug=true", "debug=True") for argument in sys.argv)
        if _is_from(error, *LAUNCHERS):
            _summarize()
            RunGuard.undo()
            said = (str(error).strip() or type(error).__name__).splitlines()[:2]  # submitit's line has a break in it
            line = " ".join(" ".join(said).split())
            fail(UserError(f"hydra/launcher: {line}").with_traceback(error.__traceback__), debug)
        if not isinstance(error, HydraException | OmegaConfBaseException | OSError) and not _is_from(error, "hydra"):
            raise
        RunGuard.undo()
        fail(UserError(_explain(error, config_name)).with_traceback(error.__traceback__), debug)
    except KeyboardInterrupt:
        _summarize()
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _is_from(error: Exception, *packages: str) -> bool:
    """Whether one of them raised it, and not what they called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].partition(".")[0] in packages


def _summarize() -> None:
    """The table of a sweep that cannot end as it should, if it has begun."""
    from gan_lightning.runs.folders import OVERRIDES
    from gan_lightning.runs.sweep import summarize

    if RunGuard.sweep_dir and any(Path(RunGuard.sweep_dir).rglob(str(OVERRIDES))):
        summarize(Path(RunGuard.sweep_dir))


def _explain(error: Exception, config_name: str) -> str:
    """One line on why a command line could not be composed, with the nearest name where one was not known."""
    from gan_lightning.config.validation import did_you_mean

    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        options = ", ".join(error.options)
        extra = ": others need pip install 'gan-lightning[sweep]'" if group == "hydra/launcher" else ""
        return f"{group}={name}: no such option{did_you_mean(name, error.options)} ({group}: {options}){extra}"
    if found := re.search(r"Could not (?:override|delete|delete from config\.) '([^']+)'", text):
        key = found[1].split("@")[0]
        known = list(_known_keys(config_name))
        if key in known:
            return f"~{key}: is null already"
        suggestion = did_you_mean(key, known)
        return f"{key}: unknown key{suggestion or f' (+{key}=… adds one that the config does not have)'}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: not of the form key=value; a value with brackets, commas or = needs quotes of its own, "
            "as in 'key=\"a (b)\"'"
        )
    if found := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return f"{found[1]}: several values make a sweep, which needs -m; a list is written key=[1,2]"
    if isinstance(error, TypeError | AttributeError | AssertionError):  # Hydra did not think of it
        return f"{' '.join(sys.argv[1:])}: cannot be composed: a group takes the name of an option, as in model=mlp"
    if "Config group override must be" in text and (emptied := [a for a in sys.argv if a.endswith("=null")]):
        return f"{emptied[0]}: the group needs an option; --help lists them"
    return " ".join(line.strip() for line in (text or str(error.__cause__)).splitlines() if line.strip())


def _known_keys(config_name: str) -> Iterator[str]:
    """All keys and groups of the command's config, with the groups chosen that the command line names."""
    GlobalHydra.instance().clear()
    options = [argument for argument in sys.argv[1:] if re.fullmatch(r"\w+=\w+", argument)]
    known = [option for option in options if (CONF_DIR / f"{option.replace('=', '/')}.yaml").is_file()]
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = hydra.compose(config_name, overrides=known)

    def walk(node: Any, prefix: str) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield f"{prefix}{key}"
                yield from walk(value, f"{prefix}{key}.")

    yield from walk(OmegaConf.to_container(config, resolve=False), "")
