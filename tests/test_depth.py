"""Images with more or fewer than 8 bits a channel are reduced by their format's rule, or refused with a reason."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data.image_files import read_image
from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images
from tests.conftest import FAST
from tests.png import join_chunks
from tests.test_bad_input import assert_refused

PHOTOMETRIC, LARGEST, SMALLEST, LARGEST_OF_ITS_TYPE = 262, 281, 280, 341  # TIFF tags
GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6  # PNG color types


def write_png(path, pixels, color, *chunks):
    """Write an array (H, W, …) of uint8 or uint16 as the PNG standard defines, without Pillow."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, color, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(join_chunks(parts))


def write_tiff(path, array, tags, **options):
    Image.fromarray(array).save(path, tiffinfo=tags, **options)


def grey(number, dtype):
    return np.full((8, 8), number, dtype)


@pytest.mark.parametrize(
    ("array", "tags", "expected"),
    [
        (grey(33_023, "<u2"), {}, 128),  # 33,023 / 257 = 128.49
        (grey(33_153, "<u2"), {}, 129),
        (grey(65_535, "<u2"), {}, 255),
        (grey(1_000, ">u2"), {}, 4),  # 3.89
        (grey(2_048, "<u2"), {LARGEST: 4_095}, 128),  # the file states 12 bits
        (grey(2_048, "<u2"), {LARGEST_OF_ITS_TYPE: 4_095}, 128),
        (grey(2_048, "<u2"), {LARGEST: 2_048}, 8),  # value of the brightest pixel, not of white
        (grey(2_048, "<u2"), {LARGEST: 1}, 8),  # Pillow writes this into compressed files
        (grey(2_048, "<u2"), {LARGEST: 4_095, SMALLEST: 16}, 8),
        (grey(1_000, "<u2"), {PHOTOMETRIC: 0}, 251),  # 0 is white
        (grey(0.25, "<f4"), {}, 64),
        (grey(0.25, "<f4"), {PHOTOMETRIC: 0}, 191),
        (grey(200, "<f4"), {LARGEST_OF_ITS_TYPE: 255.0}, 200),
        (grey(200, "<i4"), {LARGEST_OF_ITS_TYPE: 255}, 200),
        (grey(100, "u1"), {LARGEST: 127}, 100),  # 8 bits need no reduction
    ],
)
def test_values_are_scaled_by_the_documented_rule(tmp_path, array, tags, expected):
    write_tiff(tmp_path / "a.tif", array, tags)
    assert (read_image(tmp_path / "a.tif", 8, 1) == expected).all()
    if not tags.keys() & {LARGEST, SMALLEST, LARGEST_OF_ITS_TYPE}:  # Pillow would overwrite these tags
        write_tiff(tmp_path / "packed.tif", array, tags, compression="tiff_lzw")
        assert (read_image(tmp_path / "packed.tif", 8, 3) == expected).all()


@pytest.mark.parametrize(
    ("array", "tags", "message"),
    [
        (grey(200, "<i4"), {}, "holds signed integers of 32 bits from 200 to 200, and nothing says which number is"),
        (grey(200, "<f4"), {}, "floating-point numbers of 32 bits from 200 to 200, and white is 1: convert it"),
        (grey(-0.1, "<f4"), {}, "from -0.1 to -0.1, and white is 1"),
        (grey(np.nan, "<f4"), {}, "from nan to nan, and white is 1"),
        (grey(2_048, "<u2"), {LARGEST: 1_023}, "from 2048 to 2048, and white is 1023"),
    ],
)
def test_values_of_unknown_range_are_refused(tmp_path, array, tags, message):
    write_tiff(tmp_path / "a.tif", array, tags)
    with pytest.raises(UserError) as refused:
        read_image(tmp_path / "a.tif", 8, 1)
    assert str(refused.value).startswith(f"{tmp_path / 'a.tif'}: holds ")
    assert message in str(refused.value)


def test_sixteen_bits_of_several_channels(tmp_path):
    path, number = tmp_path / "a.png", 33_023
    transparent = (b"tRNS", struct.pack(">H", number)), (b"tRNS", struct.pack(">HHH", *[number] * 3))
    for color, channels, chunks, grey_on_white, pixel in [
        (RGB, 3, [], 128, [128, 128, 128, 255]),
        (GREY, 1, transparent[:1], 255, [0, 0, 0, 0]),
        (RGB, 3, transparent[1:], 255, [0, 0, 0, 0]),
        (GREY_ALPHA, 2, [], 191, [128] * 4),  # half of white on half of grey
        (RGB_ALPHA, 4, [], 191, [128] * 4),
    ]:
        write_png(path, np.full((8, 8, channels), number, np.uint16), color, *chunks)
        assert (read_image(path, 8, 1) == grey_on_white).all(), (color, chunks)
        assert read_image(path, 8, 4)[:, 0, 0].tolist() == pixel


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<f4"])
def test_deep_images_are_rotated_by_their_orientation(tmp_path, dtype, orientation):
    array = np.zeros((8, 8), dtype)
    array[:4] = 1 if dtype == "<f4" else 65_535
    write_tiff(tmp_path / "a.tif", array, {0x0112: orientation})
    expected = np.rot90(array != 0, {1: 0, 3: 2, 6: 3}[orientation])
    assert ((read_image(tmp_path / "a.tif", 8, 1)[0] == 255) == expected).all()


def test_color_modes(tmp_path):
    """Compare with the values that each format defines, blended with white where an image is transparent."""
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    premultiplied = tmp_path / "La.tif"
    Image.new("LA", (8, 8), (100, 128)).save(premultiplied)
    extra_samples = struct.pack("<HHI", 338, 3, 1)
    content = premultiplied.read_bytes()
    premultiplied.write_bytes(content.replace(extra_samples + b"\2", extra_samples + b"\1"))
    cyan_and_black = Image.new("CMYK", (8, 8), (255, 0, 0, 100))
    for name, image, options, expected in [
        ("cyan.jpg", Image.new("CMYK", (8, 8), (255, 0, 0, 0)), {}, [0, 255, 255]),  # inverted, as Adobe does
        ("cyan.tif", cyan_and_black, {}, [0, 155, 155]),
        ("palette.png", palette, {}, [10, 20, 30]),
        ("nothing.png", palette, {"transparency": 1}, [255, 255, 255]),
        ("half.png", Image.new("LA", (8, 8), (100, 128)), {}, [177, 177, 177]),  # (100 · 128 + 255 · 127) / 255
        ("half.tif", Image.new("LA", (8, 8), (100, 128)), {}, [177, 177, 177]),
        ("La.tif", None, {}, [227, 227, 227]),  # 100 + 255 · 127 / 255
        ("white.png", Image.new("1", (8, 8), 1), {}, [255, 255, 255]),
        ("white.tif", Image.new("1", (8, 8), 1), {"compression": "group4"}, [255, 255, 255]),
        ("inverted.tif", Image.new("L", (8, 8), 100), {"tiffinfo": {PHOTOMETRIC: 0}}, [100, 100, 100]),
    ]:
        if image is not None:
            image.save(tmp_path / name, **options)
        assert read_image(tmp_path / name, 8, 3)[:, 0, 0].tolist() == expected, name
        assert abs(read_image(tmp_path / name, 8, 1)[0, 0, 0] - np.dot(expected, [0.299, 0.587, 0.114])) < 1, name


def write_set(folder, brightest):
    """Write one 16-bit PNG for each value, with that value in its first row and black below."""
    folder.mkdir()
    for i, number in enumerate(brightest):
        pixels = np.zeros((8, 8), np.uint16)
        pixels[0] = number
        Image.fromarray(pixels).save(folder / f"{i}.png")


def test_a_set_of_twelve_bits_is_refused(run, tmp_path):
    write_set(tmp_path / "images", [4_095, 0, 3_000])
    arguments = ["data=image_folder", "data.root=images", "data.channels=1"]
    result = run("train", *arguments, *FAST[1:], "data.batch_size=1")
    assert_refused(result, tmp_path, "images/0.png", "none of 2 such images is brighter than 4095", "convert them")
    assert not list((tmp_path / "cache").rglob("*.npy"))


@pytest.mark.parametrize("brightest", [[100, 60_000], [0, 0]])
def test_one_image_may_be_dark(run, tmp_path, brightest):
    write_set(tmp_path / "images", brightest)
    arguments = ["data=image_folder", "data.root=images", "data.channels=1", "max_iterations=1"]
    result = run("train", *arguments, *FAST[1:], "data.batch_size=2", "hydra.run.dir=run")
    assert result.code == 0, result.err


def test_deep_images_have_no_digest(tmp_path):
    write_png(tmp_path / "a.png", np.full((8, 8, 3), 33_023, np.uint16), RGB)
    with pytest.raises(UserError, match="more than 8 bits"):
        Images.digest(tmp_path / "a.png")
    with pytest.raises(UserError, match="is RGB, 8×8, 16 bits a channel: the data are RGB"):
        Images(3, 8, 8).read(tmp_path / "a.png")


def test_long_text_beside_the_pixels_is_ignored(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write_png(tmp_path / "plain.png", pixels, GREY)
    text = (b"zTXt", b"workflow\0\0" + zlib.compress(b"a" * 2**22)), (b"tEXt", b"prompt\0" + b"b" * 2**22)
    write_png(tmp_path / "text.png", pixels, GREY, *text)
    assert (read_image(tmp_path / "text.png", 8, 1)[0] == pixels).all()
    assert (Images(1, 8, 8).read(tmp_path / "text.png").numpy()[0, 0] == pixels).all()
    assert Images.digest(tmp_path / "text.png") == Images.digest(tmp_path / "plain.png")
    write_png(tmp_path / "bomb.png", pixels, GREY, (b"zTXt", b"text\0\0" + zlib.compress(bytes(2**27))))
    with pytest.raises(UserError, match="too large"):
        Images.digest(tmp_path / "bomb.png")
