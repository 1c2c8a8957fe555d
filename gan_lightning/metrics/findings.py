"""What the figures say in words: each kind of failure has its own sign."""

import math
from collections.abc import Mapping

from gan_lightning.metrics.suite import Figures

# What each figure is, and where it is best; "real" is what other real pictures have.
MEANING = {
    "fcd": "Fréchet classifier distance to the test set; 0 at best",
    "fcd_train": "the same to training pictures: to choose between models",
    "kernel_distance": "unbiased squared MMD, cubic kernel; 0 at best",
    "precision": "share of the samples that lie among real pictures",
    "recall": "share of the real pictures that lie among samples",
    "density": "how deep samples lie among real pictures; about 1",
    "coverage": "share of the real pictures that have a sample near",
    "class_kl": "how far the samples' classes are from the data's, nats",
    "label_accuracy": "share that has the class it was made for",
    "modes": "classes seen",
    "modes_5": "classes with 5 samples or more",
    "classifier_score": "confident and varied verdicts; number of classes at best",
    "duplicate_rate": "share that repeats another sample",
    "neighbour_ratio": "distance to the nearest training picture, by an unseen one's",
    "copy_rate": "share nearer to a training picture than 99 % of unseen ones",
    "sharpness": "below 1 blurred, above 1 noisy",
    "frechet_random_conv": "Fréchet distance of a network that nobody trained",
}

# What stands in tables that have no room for all.
HEADLINE = ("fcd", "fcd_train", "frechet_random_conv", "precision", "recall", "coverage", "class_kl", "label_accuracy")


def findings(figures: Figures, floor: Figures) -> list[str]:
    """What is wrong with samples, one line each, most telling first; none for samples like real pictures.

    Args:
        figures: of :meth:`Reference.judge`.
        floor: of :meth:`Reference.floor`.
    """
    found = []
    if figures["copy_rate"] > 0.1:
        found.append(f"copies: {figures['copy_rate']:.0%} are copies of training pictures, or nearly")
    if figures["duplicate_rate"] > 0.1 + floor["duplicate_rate"]:
        found.append(f"repeats: {figures['duplicate_rate']:.0%} of the samples repeat another one")
    if "class_kl" in figures and figures["class_kl"] > 0.05 + floor["class_kl"]:
        found.append(
            f"classes: {figures['modes']:.0f} of {floor['modes']:.0f} seen, "
            f"unevenly (class KL {figures['class_kl']:.2g}, real {floor['class_kl']:.2g})"
        )
    if figures["precision"] < 0.8 * floor["precision"]:
        found.append(
            f"fidelity: {1 - figures['precision']:.0%} of the samples are not like real pictures "
            f"(real {1 - floor['precision']:.0%})"
        )
    missing = [name for name in ("recall", "coverage") if figures[name] < 0.6 * floor[name]]
    if missing:
        found.append(
            "variety: " + ", ".join(f"{name} {figures[name]:.2g} (real {floor[name]:.2g})" for name in missing)
        )
    if figures["sharpness"] < 0.5:
        found.append(f"blur: {figures['sharpness']:.2g} of the sharpness of real pictures")
    if figures["sharpness"] > 2:
        found.append(f"noise: {figures['sharpness']:.2g} times the sharpness of real pictures")
    if figures["neighbour_ratio"] > 1.25:
        found.append(
            f"pixels: {figures['neighbour_ratio']:.2g} times as far from training pictures as real ones are, "
            "whatever the extractor says"
        )
    return found


def collapse(quality: Figures, num_classes: int, training: Mapping[str, float]) -> list[str]:
    """Why a run looks lost, one phrase each; none while it may go on.

    The limits are far from what healthy runs show.

    Args:
        quality: of :meth:`Reference.quick`.
        num_classes: of the data, as far as the extractor knows.
        training: what the run logs of itself, as far as it does: ``probability/*``, ``gradient_norm/*``.
    """
    found = []
    if quality.get("class_kl", 0) > 0.75 * math.log(num_classes):
        found.append(f"few classes: {quality['modes']:.0f} of {num_classes} (class KL {quality['class_kl']:.2g})")
    if quality["duplicate_rate"] > 0.5:
        found.append(f"{quality['duplicate_rate']:.0%} of the samples repeat another one")
    if quality["coverage"] < 0.02:
        found.append(f"coverage {quality['coverage']:.2g}")
    if {"probability/real", "probability/fake"} <= training.keys():
        real, fake = training["probability/real"], training["probability/fake"]
        if real > 0.999 and fake < 0.001:
            found.append("the discriminator has won: D(real) > .999, D(fake) < .001")
        if abs(real - fake) < 1e-3 and training.get("gradient_norm/discriminator", 1) < 1e-3:
            found.append("the discriminator is dead: the same verdict on everything, no gradient")
    return found
