"""What a record from a stranger may hold."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import ModelError
from steepest.layers import Dense, Dropout
from steepest.losses import Quantile
from steepest.plugins import KINDS
from steepest.records import check_fields, fits, parse
from steepest.rules import Adam
from steepest.saved.config import known
from steepest.schedules import Cosine


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 65 + "]" * 65, "nested"),
        ("[" * 100_000, "nested"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[NaN]", "finite"),
        ("[1e999]", "finite"),
        (str(2**64), "64 bits"),
        ("1" * 5000, "digits|64 bits"),
        (r'"\ud800"', "surrogates"),
        (r'{"\ud800": 1}', "surrogates"),
        ("[1,", "Expecting"),
        (" " * (1 << 26), "bytes"),
        ("[" + "[]," * 1_500_000 + "[]]", "3,000,002 commas and brackets are more than"),
    ],
)
def test_harmful_json_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text.encode())


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)  # fmt: skip
def test_harmless_json_is_read(value):
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("value", "hint", "fine"),
    [
        (1, float, True), (1.5, int, False), (True, int, False), (True, bool, True),
        (0, bool, False), ("x", str, True), (None, int | None, True),
        (["a"], Sequence[str], True), ([1], tuple[int, int], False),
        ("ab", Sequence[str], False), ([1, 2.0], tuple[float, ...], True),
        ({"a": 1}, Mapping[str, float], True), ({"a": "1"}, Mapping[str, float], False),
        ("f", Callable[..., Any], False), ("f", Literal["f", "g"], True), (1, Literal[True], False),
    ],
)  # fmt: skip
def test_a_value_fits_its_annotation(value, hint, fine):
    assert fits(value, hint) is fine


def test_every_setting_of_every_class_has_a_type_that_can_be_checked():
    classes = [cls for kind in KINDS for cls in known(kind).values() if is_dataclass(cls)]
    assert len(classes) > 30
    for cls in classes:
        for field in fields(cls):
            if field.init:
                with pytest.raises(ModelError, match=field.name):
                    check_fields(cls, {field.name: {"no": ["such", {"type": 1}]}})


def test_fields_are_checked_by_name_and_type():
    check_fields(Dense, {"units": 3, "weights": "he_normal", "bias": False})
    check_fields(Quantile, {"levels": (0.1, 0.9)})
    check_fields(Adam, {"lr": Cosine(0.1, None)})
    with pytest.raises(ModelError, match="no field 'unit'"):
        check_fields(Dense, {"unit": 3})
    with pytest.raises(ModelError, match="rate must be float"):
        check_fields(Dropout, {"rate": "0.5"})
