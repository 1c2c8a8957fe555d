"""The evaluator of music: its statistics against music whose values are known, and its baselines."""

import itertools
import math

import numpy as np
import pytest
import torch

from gan_lightning.data.cadences import Cadences
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.music import MusicEvaluator
from gan_lightning.metrics.music_baselines import chord_trigram, independent_notes
from gan_lightning.metrics.music_features import fit_features
from gan_lightning.metrics.music_shapes import hash_rows, hear, statistics, windows
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import FIRST_PITCH, HOLD, REST, sounding
from tests.test_music_data import SETTINGS

MUSIC = Music(4, 8)


def from_pitches(rows, music=MUSIC):
    """Return one sample of rows of pitches for each step; 0 holds a note, −1 is a rest."""
    table = torch.tensor(rows)
    codes = torch.where(table > 0, table - music.lowest + FIRST_PITCH, torch.where(table == 0, HOLD, REST))
    return codes[None].to(torch.uint8)


def of_one(content, music=MUSIC):
    return {name: float(one[0]) for name, one in statistics(hear(music, content)).items()}


@pytest.fixture(scope="module")
def data():
    data = Cadences(400, 120, **SETTINGS)
    data.setup("test")
    return data


@pytest.fixture(scope="module")
def evaluator(data):
    evaluator = MusicEvaluator(120)
    evaluator.prepare(data)
    return evaluator


def test_statistics_of_a_triad_that_is_held():
    found = of_one(from_pitches([[72, 67, 64, 48], *[[0] * 4] * 7]))
    assert found == pytest.approx(
        {
            "hold": 7 / 8,
            "offbeat": 0,
            "stepwise": math.nan,
            "pitch_classes": 3,
            "in_key": 1,
            "consonant": 1,
            "triads": 1,
            "crossing": 0,
        },
        nan_ok=True,
    )


def test_statistics_of_music_with_every_fault():
    chromatic = [[60 + i, 61 + i, 62 + i, 63 + i] for i in range(8)]
    found = of_one(from_pitches(chromatic))
    assert found["hold"] == 0
    assert found["offbeat"] == 0.5
    assert found["stepwise"] == 1
    assert found["pitch_classes"] == 11
    assert found["consonant"] == pytest.approx(1 / 6)  # the minor third between the outer voices
    assert found["triads"] == 0
    assert found["crossing"] == 1


def test_a_fourth_is_consonant_unless_above_the_lowest_voice():
    assert of_one(from_pitches([[60, -1, 55, -1], *[[0] * 4] * 7]))["consonant"] == 0
    found = of_one(from_pitches([[72, 67, 64, 48], *[[0] * 4] * 7]))  # a fourth between soprano and alto
    assert found["consonant"] == 1


def test_rests_count_for_nothing_but_the_hold_share():
    silent = of_one(torch.full((1, 8, 4), REST, dtype=torch.uint8))
    assert silent.pop("hold") == 0
    assert silent.pop("pitch_classes") == 0
    assert all(math.isnan(one) for one in silent.values())


def test_one_voice_has_no_chords():
    melody = Music(1, 4)
    found = of_one(from_pitches([[60], [62], [0], [69]], melody), melody)
    assert found == {"hold": 0.25, "offbeat": 2 / 3, "stepwise": 0.5, "pitch_classes": 3, "in_key": 1}


def test_key_is_the_best_of_all(data):
    content = data.examples.content
    music = hear(data.modality, content)
    classes = np.stack([(music.pitches % 12 == tone).sum((1, 2)) for tone in range(12)], 1)
    white = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1])  # keys of a piano
    best = np.max([classes @ np.roll(white, tonic) for tonic in range(12)], 0)
    assert np.allclose(statistics(music)["in_key"], best / classes.sum(1))


def test_windows_are_equal_in_any_key(data):
    content = data.examples.content[:20]
    higher = torch.where(content >= FIRST_PITCH, content + 1, content)
    found = [hash_rows(windows(hear(data.modality, one), 2)[0]) for one in (content, higher)]
    assert np.array_equal(*found)
    assert len(found[0]) == 3 * 20
    changed = content.clone()
    changed[:, 20, 0] = 40
    rows, samples = windows(hear(data.modality, changed), 2)
    equal = hash_rows(rows) == found[0]
    assert equal[:20].all()  # the first two bars
    assert not equal[40:].any()
    assert samples.max() == 19


def raw_features(music, content, chords, successions):
    """Return the features of one piece (T, voices) before they are standardized, counted in loops."""
    pitches = sounding(content[None])[0].tolist()
    pitches = [[None if one < FIRST_PITCH else one - FIRST_PITCH + music.lowest for one in step] for step in pitches]

    def chord(step):
        low = min(one for one in step if one is not None) % 12
        return low, sum(1 << tone for tone in {(one - low) % 12 for one in step if one is not None})

    found = [chord(step) for step in pitches]
    beats = found[:: music.steps_per_quarter]
    moves = [(one[1] * 12 + (two[0] - one[0]) % 12) * 4096 + two[1] for one, two in itertools.pairwise(beats)]
    numbers = []
    for values, known in (([one for _, one in found], chords.tolist()), (moves, successions.tolist())):
        numbers += [values.count(one) / len(values) for one in known]
        numbers.append(sum(one not in known for one in values) / len(values))
    for voice in zip(*pitches, strict=True):
        pairs = [(one, two) for one, two in itertools.pairwise(voice) if None not in (one, two) and one != two]
        jumps = [max(-12, min(12, two - one)) for one, two in pairs]
        numbers += [jumps.count(jump) / (len(voice) - 1) for jump in range(-12, 13)]
        numbers.append(1 - len(jumps) / (len(voice) - 1))
    bars = content.unflatten(0, (-1, music.steps_per_bar))
    numbers += (bars >= FIRST_PITCH).double().mean(0).flatten().tolist()
    return [*numbers, *(0 if math.isnan(one) else one for one in of_one(content[None], music).values())]


def test_features_equal_a_loop(data):
    music, content = data.modality, data.examples.content[:40].clone()
    content[0, 3, 1], content[0, 5, 0], content[1, 2, 3] = REST, FIRST_PITCH, 55  # a rest and large intervals
    features = fit_features(hear(music, content))
    found = features(hear(music, content))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    assert set(found.std(0).round(4)) == {0, 1}
    expected = [raw_features(music, piece, features.chords, features.successions) for piece in content]
    np.testing.assert_allclose(found * features.deviation + features.mean, expected, atol=1e-6)


def test_independent_notes_have_the_shares_of_training(data):
    training = data.examples.content
    made = independent_notes(training, 2000)
    data.modality.check(made)
    for voice in range(4):
        wanted, found = (
            torch.bincount(sounding(one)[..., voice].flatten().long(), minlength=48) / one[..., 0].numel()
            for one in (training, made)
        )
        assert (wanted - found).abs().max() < 0.01


def test_trigram_follows_training(data):
    training = data.examples.content
    made = chord_trigram(training, 300, data.modality.steps_per_bar)
    data.modality.check(made)

    def successions(content):
        heard = sounding(content)
        rows = torch.cat([heard[:, i : i + 30] for i in range(3)], 2).flatten(0, 1)
        beats = (torch.arange(30) % 8).repeat(len(content))[:, None]
        return set(map(tuple, torch.cat([rows, beats], 1).tolist()))

    known, found = successions(training), successions(made)
    assert len(found - known) < 0.02 * len(found)  # where the training music ends
    assert len(torch.unique(made.flatten(1), dim=0)) > 250


def test_training_music_is_copied_and_noise_is_not(evaluator, data):
    copied = evaluator(data.examples.content[:120])
    assert copied["copied_bars"] == 1
    assert any("copies: 100.0% of all 2 bars" in one for one in evaluator.findings(copied))
    real = evaluator.real_baseline()
    assert real["copied_bars"] < 0.5


def test_metrics_tell_baselines_from_music(evaluator):
    real, others = evaluator.real_baseline(), evaluator.baseline_metrics()
    assert list(others) == ["independent notes", "chord trigram"]
    assert real["two_sample_auc"] < 0.8 < others["independent notes"]["two_sample_auc"]
    assert real["statistics_distance"] < others["chord trigram"]["statistics_distance"]
    assert others["chord trigram"]["statistics_distance"] < others["independent notes"]["statistics_distance"]
    assert others["chord trigram"]["pitch_classes"] > real["pitch_classes"]
    found = " ".join(evaluator.findings(others["independent notes"]))
    for words in (
        "notes are too short",
        "too many different notes",
        "do not keep to a key",
        "chords are too dissonant",
    ):
        assert words in found
    assert evaluator.findings(real) == []


def test_pictures_are_piano_rolls_and_a_plot(evaluator, data):
    pictures = evaluator.pictures(data.test_examples.content)
    assert list(pictures) == ["samples", "nearest_training", "statistics"]
    assert all(one.dtype == np.uint8 and one.std() > 1 for one in pictures.values())
    assert set(evaluator.captions) >= {*pictures, *evaluator.baselines()}


def test_a_soprano_that_is_not_kept_is_found():
    data = Cadences(100, 60, **SETTINGS | {"harmonize": True})
    data.setup("test")
    evaluator = MusicEvaluator(60)
    evaluator.prepare(data)
    content, soprano = data.test_examples
    assert evaluator(content, data.condition.encode(soprano))["soprano_kept"] == 1
    changed = content.clone()
    changed[:15, 0, 0] = 47
    metrics = evaluator(changed, data.condition.encode(soprano))
    assert metrics["soprano_kept"] == 0.75
    assert any("25.0% of the samples change the given soprano" in one for one in evaluator.findings(metrics))


def test_other_data_are_not_evaluated():
    data = Digits(8, [1, 8, 8], 10, 0)
    with pytest.raises(NotEvaluated, match="evaluates music, and the data are Images"):
        MusicEvaluator().prepare(data)


def test_command_evaluates_music(run):
    arguments = ["data=cadences", "data.cadences=80", "data.test_cadences=40", "data.batch_size=16", "model=mlp"]
    arguments += ["trainer=cpu", "max_iterations=2", "hydra.run.dir=run", "model.generator.hidden_dims=[8]"]
    result = run("train", *arguments, "model.discriminator.hidden_dims=[8]", "callbacks.evaluation=null")
    assert result.code == 0, result.err
    result = run("evaluate", "checkpoint=run", "n=40")
    assert result.code == 0, result.err
    for name in ("two_sample_auc", "in_key_distance", "copied_bars", "chord trigram"):
        assert name in result.out
