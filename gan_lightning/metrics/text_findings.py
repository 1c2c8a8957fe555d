"""Faults of generated lines, as messages."""

MORE = "train longer, or take more data"


def told_apart(value: float, real: float) -> str | None:
    apart = f"a classifier tells the lines from real ones with AUC {value:.2g} (real {real:.2g})"
    return f"realism: {apart}; compare it with the baselines" if value > 0.2 + real else None


def dissimilar(value: float, real: float) -> str | None:
    found = f"the lines have BLEU-4 {value:.2g} against real ones (real {real:.2g})"
    return f"fidelity: {found}; {MORE}" if value < 0.8 * real else None


def unlike_samples(value: float, real: float) -> str | None:
    found = f"real lines have BLEU-4 {value:.2g} against the lines (real {real:.2g})"
    return f"variety: {found}: much of what is real is missing" if value < 0.7 * real else None


def self_similar(value: float, real: float) -> str | None:
    found = f"the lines resemble each other more than real ones, with self-BLEU-4 {value:.2g} (real {real:.2g})"
    return f"variety: {found}" if value > 0.1 + real else None


def few_distinct(value: float, real: float) -> str | None:
    repeats = f"{1 - value:.0%} of the lines repeat another one (real {1 - real:.0%})"
    return f"repeats: {repeats}" if value < real - 0.1 else None


def many_copied(value: float, real: float) -> str | None:
    found = f"{value:.1%} of the lines are training lines ({real:.1%} of unseen real lines are)"
    return f"copies: {found}; train for less time, or take more data" if value > 0.02 + 1.5 * real else None
