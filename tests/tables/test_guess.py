"""What a column of texts holds, and what is said of it."""

import numpy as np
import pyarrow as pa
import pytest

from steepest.tables.guess import guess
from steepest.tables.options import TableOptions
from steepest.tables.parsing import TIME, read_texts, rows_of_texts

ROWS = 1500
NUMBERS = [f"{x:.2f}" for x in np.random.default_rng(0).standard_normal(ROWS) * 100]


def of(values, **options):
    texts, indices = read_texts(pa.array(values, pa.string()))
    return guess(texts, rows_of_texts(texts, indices), TableOptions(**options))


def with_strays(word, every):
    return [word if k % every == 0 else text for k, text in enumerate(NUMBERS)]


@pytest.mark.parametrize(
    ("values", "kind", "pattern"),
    [
        (["1", "2", None, "?"], "number", ""),
        (["0x10", "0x1f"], "number", ""),
        (["1", "2", "None", "-"], "number", ""),
        (["true", "False", "NA"], "truth", ""),
        (["true", "0", "1"], "truth", ""),
        (["2024-01-01", "2024-02-01"], "date", ""),
        (["31/12/2024", "1/2/2024"], "date", "DMY"),
        (["10:30", "23:59"], "number", TIME),
        (["a", "b", "unknown"], "text", ""),
        (["none", "-"], "text", ""),
        (["1st-4th", "5th-6th"], "text", ""),
        ([], "text", ""),
    ],
)
def test_what_texts_hold(values, kind, pattern):
    found = of(values)
    assert (found.kind, found.pattern, found.notes) == (kind, pattern, ())


@pytest.mark.parametrize("word", ["None", "-", ".", "NaT", "#DIV/0!", "na", "unknown", " N/A "])
def test_words_for_a_missing_value_are_known(word):
    for every in (2, 3, 50):
        assert of(with_strays(word, every)) == of(NUMBERS)


@pytest.mark.parametrize("word", ["foo", ">100", "12a"])
def test_one_stray_word_is_missing_and_named(word):
    found = of(with_strays(word, 50))
    assert found.kind == "number"
    (note,) = found.notes
    assert note.startswith(f"30 of 1,500 values are not numbers, such as {word!r} (30 times); they")


def test_many_strays_make_texts_and_the_user_can_name_them():
    found = of(with_strays("foo", 4))
    assert found.kind == "text"
    assert "375 of 1,500 values are not numbers, such as 'foo' (375 times)" in found.notes[0]
    assert "--missing" in found.notes[0]
    assert of(with_strays("foo", 4), missing=["foo"]).notes == ()
    assert of(with_strays("foo", 4), missing=["foo"]).kind == "number"


def test_strays_beside_few_numbers_are_classes():
    values = [("foo" if k % 50 == 0 else str(k % 5)) for k in range(ROWS)]
    assert (of(values).kind, of(values).notes) == ("text", ())


def test_dates_that_may_be_meant_in_two_ways():
    values = [f"0{1 + k % 9}/0{1 + k % 7}/2024" for k in range(100)]
    assert of(values).kind == "text"
    assert "--date-format" in of(values).notes[0]
    assert of(values, date_format="%d/%m/%Y").kind == "date"
    assert of(["20240131", "20240201"], date_format="%Y%m%d").kind == "date"
    assert of(["20240131", "20240201"]).kind == "number"


def test_numbers_that_may_be_meant_in_two_ways():
    (note,) = of(["12,345", "678,901"]).notes
    assert (
        note == "'12,345' is read as 12,345; if it is 12.345, say so with decimal=',' (--decimal)"
    )
    (note,) = of(["1.234", "950"]).notes
    assert "if the point groups digits, say so with thousands='.'" in note
    assert of(["1.234", "950"], thousands=".").notes == ()
    assert of(["0.234", "950"]).notes == of(["1.234", "2.345"]).notes == ()


def test_a_category_of_a_thousand_values_that_look_like_numbers_is_named():
    found = of([f"{k}-{k + 9}" for k in range(1000)])
    assert found.kind == "text"
    assert found.notes[0].startswith("1,000 different texts such as '0-9' begin with a digit")
    assert of([f"street {k}" for k in range(1000)]).notes == ()


def test_the_way_of_writing_is_that_of_all_rows_not_of_the_first():
    values = [f"{k % 900}" for k in range(5000)] + [f"1,{k:03d}" for k in range(1000)]
    assert of(values).pattern == "1,234.5"
