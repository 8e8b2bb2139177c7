"""What the fields of a class say of themselves."""

import inspect
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pytest

import steepest
from steepest import SGD, Adam, Cosine, FlatCosine, Huber, ReLU
from steepest.checking import catalogue
from steepest.settings import Setting, declared, numbers_of, spelled_out

SIZE, NAME = Setting("Sizes", "How large it is."), Setting("Names", "How it is called.", "nobody")


@dataclass
class Thing:
    size: Annotated[float, SIZE]
    plain: int = 3
    name: Annotated[str | None, "something else", NAME] = None


class Larger(Thing):
    pass


class Other:
    def __init__(self, folder, *, size: Annotated[float, SIZE] = 0.5) -> None:
        pass


def test_settings_are_declared_in_their_order():
    expected = [("size", float, inspect.Parameter.empty, SIZE), ("name", str | None, None, NAME)]
    assert declared(Thing) == declared(Larger) == expected
    assert declared(Other) == [("size", float, 0.5, SIZE)]


def test_numbers_are_those_among_the_fields():
    @dataclass
    class Mixed:
        rate: float = 1
        count: int = 2
        share: float = np.float32(0.5)
        name: str = "x"
        weights: tuple[float, ...] = (1, 2.5)
        names: tuple[str, ...] = ("x",)

    found = numbers_of(Mixed())
    weights = found.pop("weights")
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights, [1, 2.5])
    assert found == {"rate": 1.0, "count": 2, "share": 0.5}
    assert [type(value) for value in found.values()] == [float, int, float]
    assert numbers_of(object()) == {}


@pytest.mark.parametrize(
    "thing", [*catalogue.RULES, *catalogue.LOSSES, *catalogue.SCHEDULES], ids=str
)
def test_what_is_shown_makes_the_same_thing_without_its_defaults(thing):
    names = vars(steepest.schedules) | vars(steepest.losses) | vars(steepest.rules)
    assert eval(repr(thing), names) == thing
    assert "l1=" not in repr(thing)


def test_a_rule_is_shown_like_a_layer():
    assert repr(Adam()) == "Adam()"
    assert repr(Adam(Cosine(0.1, floor=0.01), l2=0.5)) == "Adam(Cosine(0.1, floor=0.01), l2=0.5)"
    assert repr(Huber()) == "Huber()"


def test_spelled_out_nothing_is_left_at_a_default_that_may_change():
    rule = Adam(Cosine(0.1), factors={"*.b": 0.5})
    assert spelled_out(rule) == (
        "Adam(lr=Cosine(lr=0.1, total=None, warmup=0, floor=0.0), l1=0.0, l2=0.0, "
        "weight_decay=0.0, clip_norm=None, clip_value=None, factors={'*.b': 0.5}, "
        "penalty_over_batch=False, beta1=0.9, beta2=0.999, eps=1e-08, epsilon_hat=False)"
    )
    assert spelled_out(Huber()) == "Huber(delta=1.0)"
    assert spelled_out(ReLU) == repr(ReLU)
    decayed = spelled_out(Adam(weight_decay=FlatCosine(0.1)))
    assert "weight_decay=FlatCosine(lr=0.1, total=None, flat=0.5)" in decayed


def test_settings_that_came_later_are_spelled_out_where_they_are_on():
    """A checkpoint that was written before they came is resumed."""
    rule = SGD(momentum=0.5)
    assert spelled_out(rule) == (
        "SGD(lr=0.01, l1=0.0, l2=0.0, weight_decay=0.0, clip_norm=None, clip_value=None, "
        "factors={}, penalty_over_batch=False, momentum=0.5, nesterov=False)"
    )
    on = {"ema": 0.9, "decay_all": True, "dampening": 0.1}
    for name, value in on.items():
        assert f"{name}={value}" in spelled_out(replace(rule, **{name: value}))
