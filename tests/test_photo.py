"""Photos are read and written as they are: grey, color, alpha, bits, orientation and color profile."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from gan_lightning.errors import UserError
from gan_lightning.imaging.photo import Photo, check_format, is_ours, read_photo, to_pixels, to_samples, write_photo
from tests.test_depth import GREY, GREY_ALPHA, RGB, RGB_ALPHA, write_png

ORIENTATION = 0x0112
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def random_pixels(channels, dtype=np.uint8, height=5, width=7):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def write_tiff(path, pixels, order, *, compressed=False, planar=False, more=()):
    """Write an array (H, W, C) uint16 as TIFF 6.0 defines, without Pillow."""
    height, width, channels = pixels.shape
    data = (pixels.transpose(2, 0, 1) if planar else pixels).astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if compressed else data
    alpha = [(338, [2])] if channels == 4 else []
    tags = [
        (256, [width]), (257, [height]), (258, [16] * channels), (259, [8 if compressed else 1]), (262, [2]),
        (273, [1000]), (277, [channels]), (278, [height]), (279, [len(data)]), (284, [1 + planar]), *more, *alpha,
    ]  # fmt: skip
    entries, values = b"", b""
    for tag, numbers in sorted(tags):
        value = struct.pack(f"{order}{len(numbers)}H", *numbers).ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(f"{order}I", 8 + 2 + 12 * len(tags) + 4 + len(values))
            value, values = place, values + value
        entries += struct.pack(f"{order}HHI", tag, 3, len(numbers)) + value
    header = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HIH", 42, 8, len(tags))
    path.write_bytes((header + entries + bytes(4) + values).ljust(1000, b"\0") + data)


@pytest.mark.parametrize(("color", "channels"), [(GREY, 1), (GREY_ALPHA, 2), (RGB, 3), (RGB_ALPHA, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_is_read_and_written_unchanged(tmp_path, color, channels, dtype):
    pixels = random_pixels(channels, dtype)
    write_png(tmp_path / "a.png", pixels, color)
    photo = read_photo(tmp_path / "a.png")
    assert photo.pixels.dtype == dtype
    assert np.array_equal(photo.pixels, pixels)
    write_photo(tmp_path / "b", photo, "PNG")
    assert np.array_equal(read_photo(tmp_path / "b").pixels, pixels)
    with Image.open(tmp_path / "b") as image:  # reads the whole file, with its checksums
        image.load()
        shown = np.array(image)
    if dtype == np.uint8 or channels == 1:
        assert np.array_equal(shown.reshape(pixels.shape), pixels)
    else:
        kept = shown[..., [0, 3]] if channels == 2 else shown
        assert np.array_equal(kept, pixels >> 8)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
def test_tiff_with_16_bits_in_color(tmp_path, channels, order, compressed):
    pixels = random_pixels(channels, np.uint16)
    write_tiff(tmp_path / "a.tif", pixels, order, compressed=compressed)
    assert np.array_equal(read_photo(tmp_path / "a.tif").pixels, pixels)


def test_16_bits_that_cannot_be_kept_are_refused(tmp_path):
    write_tiff(tmp_path / "a.tif", random_pixels(3, np.uint16), "<", planar=True)
    with pytest.raises(UserError, match=r"a\.tif: holds 16 bits a channel as R: convert it to a PNG in RGB"):
        read_photo(tmp_path / "a.tif")


def test_stated_white_is_white(tmp_path):
    Image.fromarray(np.array([[0, 4095]], np.uint16)).save(tmp_path / "a.tif", tiffinfo={281: 4095})
    assert read_photo(tmp_path / "a.tif").pixels.ravel().tolist() == [0, 65535]
    Image.fromarray(np.array([[0, 1]], np.float32)).save(tmp_path / "a.tif")
    assert read_photo(tmp_path / "a.tif").pixels.ravel().tolist() == [0, 65535]


def test_transparent_color_becomes_alpha(tmp_path):
    pixels = random_pixels(3, np.uint16)
    write_png(tmp_path / "a.png", pixels, RGB, (b"tRNS", struct.pack(">HHH", *pixels[1, 2])))
    alpha = read_photo(tmp_path / "a.png").pixels[..., 3]
    assert (alpha == 0).sum() == 1
    assert alpha[1, 2] == 0
    write_png(tmp_path / "b.png", np.array([[[5], [6]]], np.uint8), GREY, (b"tRNS", struct.pack(">H", 6)))
    assert read_photo(tmp_path / "b.png").pixels.tolist() == [[[5, 255], [6, 0]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientation_is_applied(tmp_path, orientation, dtype):
    pixels = random_pixels(3, dtype)
    if dtype == np.uint8:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    else:
        write_tiff(tmp_path / "a.png", pixels, "<", more=[(ORIENTATION, [orientation])])
    mirrored = pixels[:, ::-1] if orientation in (2, 4, 5, 7) else pixels
    expected = np.rot90(mirrored, {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation])
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, expected)
    write_photo(tmp_path / "b.png", photo, "PNG")
    assert np.array_equal(read_photo(tmp_path / "b.png").pixels, expected)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("1", 1, [255]),
        ("L", 100, [100]),
        ("LA", (100, 50), [100, 50]),
        ("P", 0, [1, 2, 3]),
        ("CMYK", (255, 0, 0, 0), [0, 255, 255]),
        ("YCbCr", (100, 128, 128), [100, 100, 100]),
        ("RGBA", (1, 2, 3, 4), [1, 2, 3, 4]),
    ],
)
def test_modes(tmp_path, mode, color, expected):
    image = Image.new(mode, (3, 2), color)
    if mode == "P":
        image.putpalette([1, 2, 3])
    image.save(tmp_path / "a.tif")
    pixels = read_photo(tmp_path / "a.tif").pixels
    assert pixels.shape == (2, 3, len(expected))
    assert (pixels == expected).all()


def test_color_profile_is_kept_for_the_colors_it_is_about(tmp_path):
    Image.new("RGB", (3, 2)).save(tmp_path / "a.jpg", icc_profile=PROFILE)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.icc_profile == PROFILE
    deep = Photo(random_pixels(4, np.uint16), PROFILE)
    for name, one in [("PNG", photo), ("JPEG", photo), ("WEBP", photo), ("TIFF", photo), ("PNG", deep)]:
        write_photo(tmp_path / "b", one, name)
        assert read_photo(tmp_path / "b").icc_profile == PROFILE, name
        assert is_ours(tmp_path / "b"), name
    write_photo(tmp_path / "b", Photo(random_pixels(1), PROFILE), "PNG")
    assert read_photo(tmp_path / "b").icc_profile is None
    assert not is_ours(tmp_path / "a.jpg")


def test_first_frame_of_an_animation_with_a_warning(tmp_path, caplog):
    frames = [Image.new("RGB", (3, 2), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_photo(tmp_path / "a.gif").pixels[..., :3] == [255, 0, 0]).all()
    assert caplog.messages == [f"{tmp_path / 'a.gif'}: has several frames, of which the first is used"]


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    Image.new("L", (20, 10)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: 20×10 is more than 199 pixels: scale it down, crop or remove it"):
        read_photo(tmp_path / "a.png", 199)
    assert read_photo(tmp_path / "a.png", 200).pixels.shape == (10, 20, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_are_the_pixels_from_minus_1_to_1(dtype):
    white = np.iinfo(dtype).max
    pixels = np.arange(white + 1).astype(dtype).reshape(16, -1, 1)
    samples = to_samples(pixels)
    assert (samples.min(), samples.max(), samples.shape) == (-1, 1, (1, 1, 16, (white + 1) // 16))
    assert np.array_equal(to_pixels(samples, dtype), pixels)
    assert np.array_equal(to_pixels(samples * 2, dtype).ravel()[[0, -1]], [0, white])


@pytest.mark.parametrize(
    ("name", "channels", "dtype", "side", "expected"),
    [
        ("a", 3, np.uint8, 8, r"output=a: the name of a \.png, \.jpg, .* file is needed"),
        ("a.jpg", 4, np.uint8, 8, r"output=a\.jpg: JPEG has no transparency, which the image has: output=a\.png"),
        ("a.jpg", 3, np.uint16, 8, r"JPEG is written with 8 bits a channel, but the image has 16: output=a\.png"),
        ("a.tif", 3, np.uint16, 8, r"TIFF is written with 8 bits .* has color or transparency with 16: output=a\.png"),
        ("a.webp", 3, np.uint8, 16384, r"8×16384 is too large for WEBP, which has at most 16,383 pixels a side"),
        ("a.tif", 1, np.uint16, 8, None),
        ("a.png", 4, np.uint16, 100_000, None),
        ("a.WEBP", 4, np.uint8, 8, None),
    ],
)
def test_formats_that_cannot_hold_an_image_are_refused(name, channels, dtype, side, expected):
    if expected is None:
        check_format(Path(name), channels, dtype, side, 8)
        return
    with pytest.raises(UserError, match=expected):
        check_format(Path(name), channels, dtype, side, 8)


def test_16_bits_of_grey_in_a_tiff(tmp_path):
    pixels = random_pixels(1, np.uint16)
    write_photo(tmp_path / "a", Photo(pixels), "TIFF")
    assert np.array_equal(read_photo(tmp_path / "a").pixels, pixels)
