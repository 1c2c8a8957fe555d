"""Faults of generated tables, as messages."""

from gan_lightning.metrics.canaries import chance_of
from gan_lightning.metrics.metric import Metrics

LEAK = "do not publish these rows as private"
# Metrics of ``beyond_chance`` and of ``repeated_canaries``.
CHECKED_BEYOND_CHANCE = ("utility_auc", "membership_auc", "attribute_advantage", "canaries_exact", "canaries_near")
CANARIES = ("canaries_exact", "controls_exact", "canaries_near", "controls_near")


def odd_shapes(value: float, real: float) -> str | None:
    odd = f"the columns differ from real ones by {value:.1%} on average (real {real:.1%})"
    return f"columns: {odd}; see the plot marginals, and train longer" if value > 0.01 + 2 * real else None


def odd_pairs(value: float, real: float) -> str | None:
    odd = f"pairs of columns differ from real ones by {value:.1%} on average (real {real:.1%})"
    return f"pairs: {odd}; see the plot pair_errors, and train longer" if value > 0.01 + 1.5 * real else None


def told_apart(value: float, real: float) -> str | None:
    apart = f"a classifier tells the samples from real rows with AUC {value:.2g} (real {real:.2g})"
    return f"realism: {apart}; compare it with the baselines" if value > 0.2 + real else None


def exact_repeats(value: float, real: float) -> str | None:
    exact = f"{value:.1%} of the samples are training rows, cell by cell ({real:.1%} of unseen real rows are)"
    return f"privacy: {exact}; {LEAK}" if value > 0.005 + 1.5 * real else None


def beyond_chance(metrics: Metrics, real: Metrics) -> list[str]:
    """Return the faults that are larger than the intervals of their metrics, which are wide in small tables.

    Args:
        metrics: metrics of the samples.
        real: metrics of real rows.
    """
    found = []
    if "utility_auc" in metrics:
        value, trained_on_real = metrics["utility_auc"], real["utility_auc"]
        if value < trained_on_real - max(0.03, metrics["utility_margin"]):
            compared = f"has AUC {value:.3g} on real rows (trained on real ones {trained_on_real:.3g})"
            found.append(f"utility: a classifier trained on the samples {compared}; train longer")
    # A large dcr_share is no finding: it is .8 of samples that all lie far from the data, and no attack gains by it.
    if "membership_auc" in metrics and metrics["membership_auc"] - metrics["membership_margin"] > 0.51:
        told = f"training rows from unseen ones with AUC {metrics['membership_auc']:.2g} (.5 at best)"
        found.append(f"privacy: an attacker tells {told}; {LEAK}")
    if "attribute_advantage" in metrics and metrics["attribute_advantage"] - metrics["attribute_margin"] > 0.01:
        more = f"{metrics['attribute_advantage']:.0%} more of the training rows than of unseen ones"
        found.append(f"privacy: the samples reveal the sensitive value of {more}; {LEAK}")
    return found


def repeated_canaries(metrics: Metrics, k: int) -> list[str]:
    """Return a fault if more of the k planted canaries than of as many controls are repeated, beyond chance."""
    exact, exact_controls, near, near_controls = (round(metrics[name]) for name in CANARIES)
    if min(chance_of(exact, exact_controls, k), chance_of(near, near_controls, k)) > 0.05:
        return []
    found = f"{near} of {k} planted canaries, {exact} exactly (controls: {near_controls} and {exact_controls})"
    return [f"privacy: the samples repeat {found}; {LEAK}"]


def describe_attacks(metrics: Metrics, real: Metrics, sensitive: str) -> list[str]:
    """Return a sentence for each attack on the training rows: what it found, and what chance gives.

    Args:
        metrics: metrics of the samples.
        real: metrics of real rows.
        sensitive: name of the column that the attacker guesses.
    """
    exact = f"{metrics['exact_copies']:.2%} of the samples equal a training row in every column"
    sentences = [f"Exact copies: {exact}; of unseen real rows, {real['exact_copies']:.2%} do."]
    if "membership_auc" not in metrics:
        return [*sentences, "Attacks: not measured, because the data have no held-out rows to compare with."]
    sentences.append(_describe_membership(metrics))
    if "attribute_advantage" in metrics:
        sentences.append(_describe_attribute(metrics, sensitive))
    nearer = f"{metrics['dcr_share']:.1%} of the samples are nearer to training rows than to as many held-out rows"
    return [*sentences, f"Distance: {nearer}. The best value, 50%, proves nothing by itself."]


def _describe_membership(metrics: Metrics) -> str:
    auc, margin = metrics["membership_auc"], metrics["membership_margin"]
    attack = "an attacker who knows the samples tells training rows from held-out rows with an AUC of"
    interval = f"{auc:.3f} (95% interval {auc - margin:.3f} to {auc + margin:.3f})"
    chance = "beyond chance" if auc - margin > 0.5 else "not beyond chance"
    found = f"With 1% false alarms the attack finds {metrics['membership_tpr']:.1%} of the training rows (chance: 1%)"
    distance = f"A simpler attack, by distance alone, has an AUC of {metrics['membership_distance_auc']:.3f}"
    return f"Membership: {attack} {interval}, which is {chance} (.5). {found}. {distance}, as uncertain as the other."


def _describe_attribute(metrics: Metrics, sensitive: str) -> str:
    advantage, margin = metrics["attribute_advantage"], metrics["attribute_margin"]
    attack = f"an attacker who knows all other values of a row takes “{sensitive}” from the nearest sample"
    points = f"{100 * advantage:+.1f} percentage points"
    interval = f"(95% interval {100 * (advantage - margin):+.1f} to {100 * (advantage + margin):+.1f})"
    chance = "beyond chance" if advantage > margin else "not beyond chance"
    return (
        f"Attribute inference: {attack}. The share of right guesses among training rows differs from that among "
        f"held-out rows by {points} {interval}, which is {chance} (0)."
    )


def describe_canaries(metrics: Metrics, k: int) -> str:
    """Return a sentence about the k planted canaries that the samples repeat."""
    exact, exact_controls, near, near_controls = (round(metrics[name]) for name in CANARIES)
    chance = "beyond chance" if repeated_canaries(metrics, k) else "not beyond chance"
    controls = f"of as many rows that were not planted, they come near {near_controls} and equal {exact_controls}"
    return (
        f"Canaries: {k} rows unlike all others were planted into the training rows. The samples come near {near} of "
        f"them and equal {exact}; {controls}. This is {chance}."
    )
