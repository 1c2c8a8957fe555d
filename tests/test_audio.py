"""The modality of sound: values, WAV files, digests and sheets."""

import wave

import pytest
import torch

from gan_lightning.errors import UserError
from gan_lightning.modalities.audio import HEIGHT, WIDTH, Audio
from gan_lightning.modalities.modality import AmbiguousContent, modality_of

AUDIO = Audio(length=1000, rate=8000)
EXTREMES = torch.tensor([-(2**15), 2**15 - 1, 0, 1, -1] * 200, dtype=torch.int16)
CONTENT = torch.stack([EXTREMES, torch.zeros_like(EXTREMES)])


def write_wav(path, frames=bytes(2000), channels=1, width=2, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return path


def test_decode_inverts_encode():
    sample = AUDIO.encode(CONTENT)
    assert sample.shape == (2, *AUDIO.sample_shape)
    assert (sample.min(), sample.max()) == (-1, 1 - 2**-15)
    assert torch.equal(AUDIO.decode(sample), CONTENT)
    assert torch.equal(AUDIO.decode(sample * 2)[0, :3], EXTREMES[:3])


def test_read_returns_what_write_wrote(tmp_path):
    paths = AUDIO.write(CONTENT[:1], tmp_path) + AUDIO.write(CONTENT[1:], tmp_path, start=1)
    assert [path.name for path in paths] == ["000000.wav", "000001.wav"]
    assert torch.equal(AUDIO.read(tmp_path), CONTENT)
    assert modality_of("a.WAV") is Audio


def test_digest_is_that_of_the_sound(tmp_path):
    path = write_wav(tmp_path / "a.wav")
    digest = Audio.digest(path)
    with path.open("ab") as file:
        file.write(b"LIST\4\0\0\0note")
    assert Audio.digest(path) == digest
    changes = [
        {"frames": bytes(1998) + b"\1\0"},
        {"frames": bytes(1998)},
        {"rate": 8001},
        {"channels": 2},
        {"width": 1},
    ]
    others = [Audio.digest(write_wav(tmp_path / "b.wav", **change)) for change in changes]
    assert len({digest, *others}) == 1 + len(changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not a readable WAV file \(it ends too early\)"),
        (b"RIFF\4\0\0\0WAVE", "not a readable WAV file"),
        (b"MThd" * 20, "not a readable WAV file"),
        (lambda whole: whole[:-10], "ends before its sound does"),
        (lambda whole: whole.replace(b"\1\0\1\0", b"\3\0\1\0", 1), r"not hold plain integers \(unknown format: 3\)"),
    ],
)
def test_damaged_file_is_refused(tmp_path, content, message):
    path = write_wav(tmp_path / "a.wav")
    path.write_bytes(content(path.read_bytes()) if callable(content) else content)
    with pytest.raises(UserError, match=message) as error:
        Audio.digest(path)
    assert isinstance(error.value, AmbiguousContent) == ("plain" in message)
    with pytest.raises(UserError):
        AUDIO.read(path)


def test_sound_of_another_form_is_refused(tmp_path):
    path = write_wav(tmp_path / "a.wav", channels=2, rate=44_100)
    with pytest.raises(UserError, match=r"channels=2, bits=16, rate=44,100: must be channels=1, bits=16, rate=8,000"):
        AUDIO.read(path)
    with pytest.raises(UserError, match="has shape \\[999\\]: must be \\[1000\\]"):
        AUDIO.read(write_wav(path, bytes(1998)))


def test_sheet_shows_waveforms():
    sheet = AUDIO.sheet(CONTENT, columns=1)
    assert sheet.shape == (2 * HEIGHT, WIDTH, 3)
    assert not sheet[:HEIGHT].any()  # from the lowest to the highest value
    assert (sheet[HEIGHT:] == 0).all(2).any(1).sum() == 1  # silence is a line
    assert AUDIO.sheet(CONTENT[[0, 0, 0]]).shape == (2 * HEIGHT, 2 * WIDTH, 3)


def test_tensorboard_gets_a_sheet_and_a_sound(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        AUDIO.log(writer, "samples", CONTENT, 7)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == events.Tags()["audio"] == ["samples"]
    assert events.Audio("samples")[0].sample_rate == AUDIO.rate
