"""Files of small public data sets of text, for tests."""

import numpy as np

WORDS = ("a", "man", "dog", "bus", "rides", "eats", "red", "cake", "with", "near", "the", "street", ".")
CHARACTERS = "白日依山尽黄河入海流欲穷千里目更上一层楼床前明月光疑是地霜"


def write_texts(folder, n=64):
    """Write captions/ and poems/ with n random lines in each file."""
    random = np.random.default_rng(0)
    (folder / "captions").mkdir(parents=True)
    (folder / "poems").mkdir()
    for name in ("image_coco", "test_coco"):
        lines = [" ".join(random.choice(WORDS, random.integers(4, 12))) for _ in range(n)]
        (folder / "captions" / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    for name in ("shi", "tang_train", "song_train", "tang_test", "song_test"):
        poems = [" ".join(random.choice([*CHARACTERS], 20)) for _ in range(n)]
        (folder / "poems" / f"{name}.txt").write_text("\n".join(poems), encoding="utf-8")
