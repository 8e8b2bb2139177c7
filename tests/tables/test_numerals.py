"""Numbers as people write them, and how it is found out."""

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import ModelError
from steepest.tables.numerals import check_pattern, find_pattern, read_numerals, whole_numbers

CENTS = [int(c) for c in np.random.default_rng(0).integers(-(10**9), 10**9, 300)]
NUMBERS = [c / 100 for c in CENTS]


def swapped(text):
    return text.replace(",", "|").replace(".", ",").replace("|", ".")


WAYS = {
    "": ["{:.2f}", "{:+.2f}", " {:.2f} ", "{:.9e}"],
    "1,234.5": ["{:,.2f}"],
    "1 234.5": [lambda x: f"{x:,.2f}".replace(",", " "),
                lambda x: f"{x:,.2f}".replace(",", "\u202f")],
    "1'234.5": [lambda x: f"{x:,.2f}".replace(",", "'"),
                lambda x: f"{x:,.2f}".replace(",", "’")],
    "1_234.5": ["{:_.2f}"],
    "1234,5": [lambda x: f"{x:.2f}".replace(".", ",")],
    "1.234,5": [lambda x: swapped(f"{x:,.2f}")],
    "1234.5 %": ["{:.2f} %", "{:.2f}%"],
    "1234,5 %": [lambda x: f"{x:.2f}%".replace(".", ",")],
    "$1234.5": ["${:.2f}", lambda x: f"{'-' * (x < 0)}${abs(x):.2f}"],
    "$1,234.5": ["${:,.2f}", lambda x: f"(${-x:,.2f})" if x < 0 else f"${x:,.2f}"],
    "1.234,5€": [lambda x: swapped(f"{x:,.2f} €")],
    "1,234.5EUR": ["{:,.2f} EUR"],
    "1234.5 kg": ["{:.2f} kg", "{:.2f}kg"],
    "1234.5 °C": ["{:.2f} °C"],
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "way"), [(p, w) for p, ways in WAYS.items() for w in ways])
def test_what_is_found_out_reads_the_numbers(pattern, way):
    texts = list(dict.fromkeys(way.format(x) if isinstance(way, str) else way(x) for x in NUMBERS))
    found = find_pattern(texts, [1] * len(texts))
    assert (found.pattern, found.share, found.twin) == (pattern, 1.0, "")
    check_pattern(pattern)
    values = read_numerals(pa.array(texts), pattern)
    np.testing.assert_allclose(values, list(dict.fromkeys(NUMBERS))[: len(values)], rtol=1e-8)


def test_groups_of_any_length_and_minus_signs():
    texts = pa.array(["1,23,45,678", "−5", "12,34", "1,234", None, "0,123"])
    np.testing.assert_array_equal(
        read_numerals(texts, "1,234.5"), [12345678, -5, np.nan, 1234, np.nan, np.nan]
    )


def test_plain_numbers():
    texts = ["0x1F", "-0X10", "1_0", "+.5", "1.", "1e3", "INF", "nan", "", "0x", "1,5", "۳"]
    np.testing.assert_array_equal(
        read_numerals(pa.array(texts)),
        [31, -16, np.nan, 0.5, 1, 1000, np.inf] + [np.nan] * 5,
    )


def test_what_could_be_meant_otherwise_has_a_twin():
    found = find_pattern(["12,345", "678,901"], [1, 1])
    assert (found.pattern, found.twin) == ("1,234.5", "1234,5")
    assert find_pattern(["12,345", "1,5"], [1, 1]).pattern == "1234,5"
    assert find_pattern(["12,345", "0,678"], [1, 1]).pattern == "1234,5"
    assert find_pattern(["1,234,567", "12,345"], [1, 1])[::2] == ("1,234.5", "")


def test_what_is_known_decides():
    texts = ["1.234", "12.345"]
    assert read_numerals(pa.array(texts), find_pattern(texts, [1, 1]).pattern)[0] == 1.234
    for known in ({"decimal": ","}, {"thousands": "."}):
        pattern = find_pattern(texts, [1, 1], **known).pattern
        assert read_numerals(pa.array(texts), pattern).tolist() == [1234, 12345]


def test_what_is_no_unit():
    for texts in (["2WD", "4WD"], [f"q{k}" for k in range(20)], [f"no {k}" for k in range(20)],
                  [f"{k}/12" for k in range(20)], [f"{k}-{k + 9}" for k in range(20)]):  # fmt: skip
        assert find_pattern(texts, [1] * len(texts)).share == 0


def test_weights_count():
    assert find_pattern(["1", "x"], [3, 1]).share == 0.75
    assert find_pattern([], []).share == 0


def test_whole_numbers_of_any_size():
    texts = ["18446744073709551615", "-9223372036854775808", " +5 ", "0xff", "1.0", "x", None]
    assert whole_numbers(texts) == [2**64 - 1, -(2**63), 5, 255, None, None, None]
    assert whole_numbers(["1,234,567,890,123,456,789"], "1,234.5") == [1234567890123456789]


@pytest.mark.parametrize("pattern", ["x", "1234", "1,234.6", "1,,234.5", "1234.5" + "k" * 20])
def test_what_is_no_pattern(pattern):
    with pytest.raises(ModelError, match=r"does not say how 1234\.5 is written"):
        check_pattern(pattern)
