"""What the fields of a class say of themselves."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from steepest.settings import Setting, declared, numbers_of

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

    found = numbers_of(Mixed())
    assert found == {"rate": 1.0, "count": 2, "share": 0.5}
    assert [type(value) for value in found.values()] == [float, int, float]
    assert numbers_of(object()) == {}
