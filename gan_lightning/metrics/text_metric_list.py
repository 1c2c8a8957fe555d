"""The metrics of text, in the order of their table. Each is a function of :mod:`text_metrics` and a line here."""

from functools import partial

from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.text_findings import (
    dissimilar,
    few_distinct,
    many_copied,
    self_similar,
    told_apart,
    unlike_samples,
)
from gan_lightning.metrics.text_metrics import (
    BLEU_ORDERS,
    MAX_TOLD_APART,
    backward_bleu,
    copied,
    copied_of_real,
    distinct,
    forward_bleu,
    generated_nll,
    mean_length,
    real_nll,
    self_bleu_of,
    two_sample_auc_of_lines,
    used_vocabulary,
)

SHOWN = 4  # order of the BLEU that tables without room for all show

METRICS = (
    Metric(
        "two_sample_auc",
        f"how well logistic regression on n-grams tells at most {MAX_TOLD_APART:,} lines from as many real ones; .5 at "
        "best",
        two_sample_auc_of_lines,
        headline=True,
        warn=told_apart,
        better="lower",
    ),
    *(
        Metric(
            f"bleu_{order}",
            f"mean BLEU-{order} of the lines with real ones as references; alone, it is high for few good lines",
            partial(forward_bleu, order=order),
            headline=order == SHOWN,
            warn=dissimilar if order == SHOWN else None,
            better="as real",
        )
        for order in BLEU_ORDERS
    ),
    *(
        Metric(
            f"backward_bleu_{order}",
            f"mean BLEU-{order} of real lines with the lines as references: how much of the real ones they cover",
            partial(backward_bleu, order=order),
            headline=order == SHOWN,
            warn=unlike_samples if order == SHOWN else None,
            better="higher",
        )
        for order in BLEU_ORDERS
    ),
    *(
        Metric(
            f"self_bleu_{order}",
            f"mean BLEU-{order} of each line with all other lines as references: how alike the lines are",
            partial(self_bleu_of, order=order),
            headline=order == SHOWN,
            warn=self_similar if order == SHOWN else None,
            better="as real",
        )
        for order in BLEU_ORDERS
    ),
    Metric(
        "generated_nll",
        "nats a token of the lines by a trigram model of real ones; alone, it is low for few frequent lines",
        generated_nll,
        headline=True,
        better="as real",
    ),
    Metric(
        "real_nll",
        "nats a token of real lines by a trigram model of the lines",
        real_nll,
        headline=True,
        better="lower",
    ),
    Metric("mean_length", "mean number of tokens of a line", mean_length, better="as real"),
    Metric(
        "vocabulary", "number of different tokens that the lines have", used_vocabulary, quick=True, better="as real"
    ),
    Metric(
        "distinct",
        "number of different lines, as a share of all",
        distinct,
        quick=True,
        headline=True,
        warn=few_distinct,
        better="as real",
    ),
    Metric(
        "copied",
        "share of the lines that are training lines; real data: of held-out lines",
        copied,
        baseline=copied_of_real,
        headline=True,
        warn=many_copied,
        group="privacy",
        better="as real",
    ),
)
