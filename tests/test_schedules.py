import math

import pytest

from gan_lightning.algorithms.schedules import Cosine, Linear, as_schedule


def test_linear():
    schedule = Linear(2.0, 1.0, iterations=10, hold=5)
    assert [schedule(i) for i in (0, 5, 10, 15, 100)] == [2.0, 2.0, 1.5, 1.0, 1.0]


def test_cosine():
    schedule = Cosine(1.0, 0.0, iterations=100)
    for i in (0, 1, 25, 50, 99, 100, 1000):
        assert schedule(i) == pytest.approx((1 + math.cos(math.pi * min(i, 100) / 100)) / 2)


def test_a_number_is_a_constant_schedule():
    assert as_schedule(3.0)(0) == as_schedule(3.0)(10**6) == 3.0
