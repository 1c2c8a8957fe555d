"""Explains errors of Hydra and OmegaConf in one line: the key, the value and the remedy."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import (
    GrammarParseError,
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)
from yaml import MarkedYAMLError, YAMLError

from gan_lightning.config.composing import compose_known, config_folders
from gan_lightning.config.names import did_you_mean, keys
from gan_lightning.errors import UserError

UNREADABLE = "holds a ${…} that cannot be read: its braces and quotes must be closed"
UNFIT = "does not fit the config: --help shows which keys hold other keys, and which a value"


def explain(error: Exception, config_name: str, typed: Sequence[str]) -> str:
    """Return a line that says why a command line cannot be composed, with the nearest name for an unknown one.

    Args:
        error: the error that Hydra raised.
        config_name: the name of the command's config.
        typed: the command line, without the program.
    """
    text = str(error)
    if (user_error := _in_chain(error, UserError)) is not None:
        return str(user_error)
    if isinstance(error, MissingConfigException) and (options := _options(error, typed)):
        is_repeated = any(one.startswith(("resume=", "reproduce=")) for one in typed)
        hint = ": a run that was started with --config-dir needs it again" if is_repeated else ""
        return _no_such_option(str(error.missing_cfg_file), options) + hint
    if found := re.search(r"Could not override '([^']+)'\.\s+Did you mean to override (\S+)\?", text):
        return f"{found[1]}=…: belongs to another group: {found[2]}=…"
    if found := re.search(r"Could not (?:override|delete|delete from config\.) '([^']+)'", text):
        config = compose_known(config_name, typed)
        return _unknown_key(found[1].split("@")[0], [key for key, _ in keys(config)])
    if (broken := _in_chain(error, YAMLError, UnicodeDecodeError)) is not None:
        return _unreadable_file(broken, typed)
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: not of the form key=value; a value with spaces, brackets, commas or = needs quotes of "
            "its own, as in 'key=\"a (b)\"'"
        )
    if found := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return f"{found[1]}: several values make a sweep, which needs -m; a list is written key=[1,2]"
    if isinstance(error, TypeError | AttributeError | AssertionError):  # Hydra does not check for this error
        return f"{' '.join(typed)}: cannot be composed: --help shows which groups and keys there are"
    if "Config group override" in text and (unfit := [one for one in typed if _names_no_option(one, typed)]):
        return f"{unfit[0]}: the group needs an option; --help lists them"
    if found := re.search(r"The value of '([^']+)' is (.*) and not", text):
        return f"~{found[1]}: its value is {found[2]}: remove the key with ~{found[1]}"
    if found := re.match(r"(\S+) appears more than once", text):
        group = next((one[1:].partition("=")[0] for one in typed if one.startswith("+")), found[1])
        return f"{group}: is chosen already: {group}=… chooses another option"
    if found := re.match(r"Error merging override \W*([\w.]+)", text):
        return f"{found[1]}: {UNREADABLE if _in_chain(error, GrammarParseError) else UNFIT}"
    if (cause := _in_chain(error, OmegaConfBaseException)) is not None:
        return explain_value(cause)
    return " ".join(line.strip() for line in (text or str(error.__cause__)).splitlines() if line.strip())


def explain_value(error: BaseException) -> str:
    """Return a line that says why a value of a config cannot be computed."""
    if (user_error := _in_chain(error, UserError)) is not None:
        return str(user_error)
    key, text = getattr(error, "full_key", None), str(error).strip().splitlines()[0]
    if found := re.search(r"Missing mandatory value: (\S+)", text):
        return f"{found[1]} is not set: {found[1]}=…"
    if isinstance(error, InterpolationKeyError) and (found := re.search(r"key '([^']*)'", text)):
        return f"{key}: refers to {found[1]}, which is not set"
    if isinstance(error, UnsupportedInterpolationType):
        return f"{key}: there is no resolver ${{{text.split()[-1]}:…}}"
    if isinstance(error, GrammarParseError):
        return f"{key}: {UNREADABLE}"
    if isinstance(error, InterpolationResolutionError):
        return f"{key}: {_unresolved(text)}"
    return text if not key or str(key) in text else f"{key}: {text}"


def _options(error: MissingConfigException, typed: Sequence[str]) -> Sequence[str]:
    """Return the options of the group in which one was not found."""
    group = str(error.missing_cfg_file).rpartition("/")[0]
    paths = [path for folder in config_folders(typed) for path in (folder / group).glob("*.yaml") if group]
    return error.options or sorted({path.stem for path in paths})


def _names_no_option(override: str, typed: Sequence[str]) -> bool:
    """Return whether an override gives a group a number or null instead of the name of an option."""
    group, _, value = override.lstrip("+").partition("=")
    is_group = any((folder / group.partition("@")[0]).is_dir() for folder in config_folders(typed))
    return is_group and re.match(r"null|\W|\d", value) is not None


def _no_such_option(file: str, options: Sequence[str]) -> str:
    group, _, name = file.rpartition("/")
    extra = ": others need pip install 'gan-lightning[sweep]'" if group == "hydra/launcher" else ""
    return f"{group}={name}: no such option{did_you_mean(name, options)} ({group}: {', '.join(options)}){extra}"


def _unknown_key(key: str, known: Sequence[str]) -> str:
    if key in known:
        return f"~{key}: is null already"
    suggestion = did_you_mean(key, [one for one in known if not one.rpartition(".")[2].startswith("_")])
    return f"{key}: unknown key{suggestion or f' (+{key}=… adds one that the config does not have)'}"


def _unresolved(text: str) -> str:
    if found := re.search(r"Environment variable '([^']*)' not found", text):
        return f"refers to the environment variable {found[1]}, which is not set"
    if "Recursive interpolation" in text:
        return "refers to itself"
    if found := re.search(r"Error trying to access (\S+):", text):
        return f"refers to {found[1]}, which is not set"
    return text.partition("raised while resolving interpolation: ")[2] or text


def _unreadable_file(error: BaseException, typed: Sequence[str]) -> str:
    """Return a line that names the user's config file that cannot be read, and the place in it."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: no YAML: {error.problem}"
    files = (path for folder in config_folders(typed) for path in sorted(folder.rglob("*.yaml")))
    which = next((path for path in files if not _is_text(path)), "a config file")
    return f"{which}: no YAML ({' '.join(str(error).split())}): save it as text in UTF-8"


def _is_text(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _in_chain(error: BaseException | None, *kinds: type[BaseException]) -> BaseException | None:
    """Return the first error of one of these kinds among an error and its causes."""
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__ or error.__context__
    return error
