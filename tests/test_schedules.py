import math

import pytest

from gan_lightning.algorithms.schedules import Cosine, Linear, Stages, as_schedule


def test_linear():
    schedule = Linear(2.0, 1.0, iterations=10, hold=5)
    assert [schedule(i) for i in (0, 5, 10, 15, 100)] == [2.0, 2.0, 1.5, 1.0, 1.0]


def test_cosine():
    schedule = Cosine(1.0, 0.0, iterations=100)
    for i in (0, 1, 25, 50, 99, 100, 1000):
        assert schedule(i) == pytest.approx((1 + math.cos(math.pi * min(i, 100) / 100)) / 2)


def test_a_number_is_a_constant_schedule():
    assert as_schedule(3.0)(0) == as_schedule(3.0)(10**6) == 3.0


def test_stages_start_their_schedules_anew():
    schedule = Stages([Linear(1.0, 0.0, 4), 0.5, Linear(2.0, 4.0, 2)], lengths=[4, 2])
    assert [schedule(i) for i in range(10)] == [1.0, 0.75, 0.5, 0.25, 0.5, 0.5, 2.0, 3.0, 4.0, 4.0]


def test_stages_need_a_length_for_each_but_the_last():
    with pytest.raises(ValueError, match="2 schedules need 1 lengths, not 2"):
        Stages([1.0, 2.0], lengths=[1, 1])
