"""Tables become finite matrices, the same after a trip through JSON."""

import datetime
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import ModelError, TableError
from steepest.tables.columns.number import KNOTS, SHARED, _groups
from steepest.tables.encoder import (
    INFINITE,
    UNPARSEABLE,
    UNSEEN,
    Encoder,
    counts_text,
    fit_notes,
    not_read,
)
from steepest.tables.files import read_table
from steepest.tables.options import TableOptions


def fit(table, **options):
    return Encoder.fit(table, table.column_names, **options)


def again(encoder):
    return Encoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))


def one(values, kind=None, **options):
    table = pa.table({"x": pa.array(values, kind)})
    encoder = fit(table, **options)
    return encoder, encoder.transform(table, dtype=np.float64)


@pytest.fixture(scope="module")
def census():
    root = Path(__file__).parents[2]
    return read_table(root / "data" / "census_income.parquet")


def test_number_is_scaled_and_clipped():
    encoder, X = one([0.0, 1.0, 2.0, 3.0, 4.0])
    z = (np.arange(5) - 2) / 2
    np.testing.assert_allclose(X[:, 0], z / np.sqrt(1 + (z / 3) ** 2))
    assert encoder.names == ["x"]
    far = encoder.transform(pa.table({"x": [1e308, -1e308]}))
    np.testing.assert_allclose(far[:, 0], [3, -3], rtol=1e-6)


def test_number_without_spread_uses_half_the_range():
    _, X = one([0.0] * 8 + [10.0])
    z = 10 / 5
    np.testing.assert_allclose(X[-1, 0], z / np.sqrt(1 + (z / 3) ** 2))


def test_rank_is_normal_whatever_the_distribution():
    rng = np.random.default_rng(0)
    encoder, X = one(np.exp(3 * rng.normal(size=5000)))
    assert encoder.names == ["x", "x (rank)"]
    assert abs(X[:, 1].mean()) < 0.01
    assert abs(X[:, 1].std() - 1) < 0.01
    assert abs((X[:, 1] ** 3).mean()) < 0.1
    assert len(encoder.columns["x"].knots) <= 256


def test_missing_numbers_take_the_median_and_are_marked():
    encoder, X = one([1.0, None, 3.0, float("nan"), 2.0])
    assert encoder.names == ["x", "x (missing)"]
    np.testing.assert_array_equal(X[:, 1], [0, 1, 0, 1, 0])
    assert X[1, 0] == X[3, 0] == X[4, 0] == 0
    unmarked, _ = one([1.0, 2.0, 3.0])
    assert unmarked.transform(pa.table({"x": [None]}))[0].tolist() == [0]


def test_infinities_are_counted_and_missing():
    counts = Counter()
    encoder = fit(pa.table({"x": [1.0, np.inf, 2.0, -np.inf]}), counts=counts)
    assert counts == {("x", INFINITE): 2}
    assert counts_text(counts) == ["column 'x': 2 values infinite, taken as missing"]
    assert encoder.names == ["x", "x (missing)"]


def test_text_is_parsed_where_numbers_were():
    encoder, _ = one([1.0, 2.0, 3.0])
    counts = Counter()
    words = ["2", " 3 ", "+1", "1e0", "two", "1,5", "", None, "inf", "1e999", "nan"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        counts.clear()
        X = encoder.transform(pa.table({"x": pa.array(words, pa.string()).cast(kind)}), counts)
        assert np.sign(X[:, 0]).tolist() == [0, 1, -1, -1, 0, 0, 0, 0, 0, 0, 0]
        assert counts == {("x", UNPARSEABLE): 2, ("x", INFINITE): 2}


def test_other_number_types():
    for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.float16(), pa.decimal128(5, 2)):
        _, X = one(pa.array([1.0, 2.0, 3.0]).cast(kind))
        assert np.sign(X[:, 0]).tolist() == [-1, 0, 1]
    encoder, _ = one([1.0, 2.0])
    day = pa.table({"x": [datetime.date(2020, 1, 1)]})
    counts = Counter()
    assert encoder.transform(day, counts)[0, 0] == 0
    assert counts == {("x", UNPARSEABLE): 1}


def test_category():
    encoder, X = one(["b", "a", "b", "c", None, "a", "b"], rare=2)
    assert encoder.names == ["x=b", "x=a", "x (rare)", "x (missing)"]
    assert X.argmax(axis=1).tolist() == [0, 1, 0, 2, 3, 1, 0]
    assert (X.sum(axis=1) == 1).all()
    counts = Counter()
    new = pa.table({"x": ["new", "c", None, "a"]})
    assert encoder.transform(new, counts).argmax(axis=1).tolist() == [2, 2, 3, 1]
    assert counts == {("x", UNSEEN): 2}


def test_category_without_rare_or_missing_ones():
    encoder, _ = one(["b", "a", "c"] * 3)
    assert encoder.width == 3
    assert encoder.transform(pa.table({"x": ["new", None]})).tolist() == [[0] * 3] * 2
    rare, _ = one(["b"] * 5 + ["a"] * 5 + ["c"], rare=2)
    assert rare.transform(pa.table({"x": [None]})).tolist() == [[0, 0, 1]]


def test_two_texts_share_a_column():
    encoder, X = one(["yes", "no", "no", "yes"])
    assert encoder.names == ["x=yes"]
    assert X.tolist() == [[1], [-1], [-1], [1]]
    assert encoder.transform(pa.table({"x": ["maybe", None]})).tolist() == [[0], [0]]


def test_category_of_any_type_and_many_values():
    numbers = pa.array([1, 2, 3, 1, 2, 3]).dictionary_encode()
    assert fit(pa.table({"x": numbers})).names == ["x=1", "x=2", "x=3"]
    encoder, _ = one([f"k{i // 3}" for i in range(300)], rare=1)
    assert (encoder.width, encoder.codes) == (1, [100])
    chunks = pa.chunked_array([numbers[:3], pa.array([3, 4]).dictionary_encode()])
    X = fit(pa.table({"x": numbers})).transform(pa.table({"x": chunks}))
    assert X.sum(axis=1).tolist() == [1, 1, 1, 1, 0]


def test_truth():
    encoder, X = one([True, False, None])
    assert X.tolist() == [[1, 0], [-1, 0], [0, 1]]
    counts = Counter()
    X = encoder.transform(pa.table({"x": ["TRUE", " false", "0", "1", "si", None]}), counts)
    assert X[:, 0].tolist() == [1, -1, -1, 1, 0, 0]
    assert counts == {("x", UNPARSEABLE): 1}
    assert encoder.transform(pa.table({"x": [0, 1]}))[:, 0].tolist() == [-1, 1]


def test_date():
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(366)]
    encoder, X = one([*days, None])
    names = encoder.names
    assert names[:3] == ["x", "x (rank)", "x (missing)"]
    assert not any("hour" in name for name in names)
    assert X[0, names.index("x (Mon)")] == 1  # 1 January 2024 was a Monday
    assert (X[:-1, names.index("x (Mon)") :].sum(axis=1) == 1).all()
    np.testing.assert_allclose(X[0, names.index("x (year cos)")], 1)
    assert X[-1].tolist() == [0, X[-1, 1], 1] + [0] * 9
    words = pa.table({"x": [str(day) for day in days] + [None]})
    np.testing.assert_array_equal(encoder.transform(words, dtype=np.float64), X)
    counts = Counter()
    encoder.transform(pa.table({"x": ["2024-02-30", "soon", "2024-02-28", "soon"]}), counts)
    assert counts == {("x", UNPARSEABLE): 3}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Zurich"])
def test_time(unit, zone):
    noon = datetime.datetime(1969, 12, 31, 12)
    times = pa.array([noon + datetime.timedelta(hours=6 * i) for i in range(20)])
    encoder, X = one(times.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, zone)))
    at = encoder.names.index("x (hour cos)")
    np.testing.assert_allclose(X[:4, at], [-1, 0, 1, 0], atol=1e-12)
    wednesday = encoder.names.index("x (Wed)")
    assert X[:3, wednesday].tolist() == [1, 1, 0]
    words = [f"{moment}{'Z' * bool(zone)}" for moment in times.to_pylist()]
    Y = encoder.transform(pa.table({"x": words}), dtype=np.float64)
    np.testing.assert_array_equal(Y, X)


@pytest.mark.parametrize("missing", [False, True])
def test_days_that_many_rows_have_get_codes(missing):
    first = np.datetime64("2024-03-01")
    kept = first + np.array([0, 1, 2, 5, 6, 7, 8, 9, 14])
    rows = [*np.repeat(kept, SHARED).tolist(), (first + 4).item(), *[None] * missing]
    table = pa.table({"x": pa.array(rows, pa.date32())})
    assert fit(table).codes == []  # unless rows to come are of the same days
    encoder = again(fit(table, same_days=True))
    assert encoder.codes == [len(kept) + missing]
    X = encoder.transform(table)
    assert X[: len(kept) * SHARED, -1].tolist() == np.repeat(np.arange(9), SHARED).tolist()
    asked = {-100: 0, 3: 2, 4: 3, 10: 7, 11: 7, 12: 8, 900: 8}  # 11.5 lies between two
    days = [(first + day).item() for day in asked]
    found = encoder.transform(pa.table({"x": pa.array([*days, None], pa.date32())}))[:, -1]
    assert found[:-1].tolist() == list(asked.values())
    middle = 4  # of the rows
    assert found[-1] == (len(kept) if missing else middle)


def test_days_have_no_codes_if_they_are_few_or_few_rows_are_of_days_with_many():
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(k) for k in range(100)]
    for rows in (days * (SHARED - 1), days[:8] * 50, [*days * 3, *days[:20] * 2]):
        assert fit(pa.table({"x": rows}), same_days=True).codes == []
    assert fit(pa.table({"x": [*days * 3, *days[:70] * 2]}), same_days=True).codes == [70]
    assert fit(pa.table({"x": days * SHARED}), same_days=True, rare=10).codes == []


def test_dropped_columns_say_why():
    n = 40
    table = pa.table(
        {
            "same": [1] * n,
            "gone": [None] * n,
            "nan": [float("nan")] * n,
            "list": [[1, 2]] * n,
            "id": [f"u{i}" for i in range(n)],
            "one": ["a"] * n,
            "true": [True] * n,
            "use": range(n),
        }
    )
    encoder = again(fit(table))
    assert list(encoder.columns) == ["use"]
    assert encoder.dropped["same"] == encoder.dropped["one"] == "all values are the same"
    assert encoder.dropped["gone"] == encoder.dropped["nan"] == "all values are missing"
    assert "list<" in encoder.dropped["list"]
    assert "identifiers" in encoder.dropped["id"]
    with pytest.raises(TableError, match=r"no input column is of use .*'same': all values"):
        Encoder.fit(table, ["same"])


def test_order_and_extra_columns_do_not_matter():
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", "x"]})
    encoder = fit(table)
    other = pa.table({"c": [0] * 3, "b": table["b"], "a": table["a"]})
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(table))
    with pytest.raises(TableError, match="lacks the column 'a'"):
        encoder.transform(table.select(["b"]))
    with pytest.raises(TableError, match="lacks the columns 'd', 'e'"):
        Encoder.fit(table, ["a", "d", "e"])


def test_not_an_encoder():
    for record in ({}, {"columns": {"a": {"kind": "no"}}, "dropped": {}}, {"columns": 1}):
        with pytest.raises(ModelError, match="does not describe"):
            Encoder.from_dict(record)


def test_census(census):
    inputs = [name for name in census.column_names if name not in ("income", "split")]
    encoder = Encoder.fit(census, inputs)
    assert not encoder.dropped
    table = pa.concat_tables([census] * 2)
    start = time.perf_counter()
    X = encoder.transform(table)
    assert time.perf_counter() - start < 2
    assert X.shape == (len(table), encoder.width)
    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    assert set(encoder.describe()) == set(inputs)
    # As text, as it comes from a CSV file, and in blocks, it is the same.
    words = pa.table({name: table[name].cast(pa.string()) for name in inputs})
    blocks = [encoder.transform(words.slice(i, 30_000)) for i in range(0, len(table), 30_000)]
    np.testing.assert_array_equal(np.vstack(blocks), X)
    np.testing.assert_array_equal(again(encoder).transform(census), X[: len(census)])


COLUMNS = [
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.sampled_from("abc") | st.text(max_size=2)),
    (pa.timestamp("s"), st.integers(-(10**11), 10**11)),
    (pa.date32(), st.dates()),
]


@st.composite
def tables(draw, kinds=None):
    """Draw a table of one column per kind."""
    rows = draw(st.integers(1, 25))
    kinds = kinds or draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4))
    lists = [draw(st.lists(st.none() | some, min_size=rows, max_size=rows)) for _, some in kinds]
    arrays = [pa.array(values, kind) for values, (kind, _) in zip(lists, kinds, strict=True)]
    return pa.table(arrays, [f"c{i}" for i in range(len(arrays))])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_always_finite_and_the_same_after_json(data):
    kinds = data.draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4))
    table, new = data.draw(tables(kinds)), data.draw(tables(kinds))
    try:
        encoder = fit(table, rare=data.draw(st.integers(1, 3)))
    except TableError:
        return
    for rows in (table, new):
        X = encoder.transform(rows)
        assert X.shape == (rows.num_rows, encoder.width) == (rows.num_rows, len(encoder.names))
        assert np.isfinite(X).all()
        assert again(encoder) == encoder
        np.testing.assert_array_equal(again(encoder).transform(rows), X)
        halves = [encoder.transform(rows.slice(0, 3)), encoder.transform(rows.slice(3))]
        np.testing.assert_array_equal(np.vstack(halves), X)


def test_columns_side_by_side_as_older_models_have_them():
    table = pa.table({"c": ["a", "b", "c"] * 40, "x": np.arange(120.0)})
    record = fit(table).to_dict()
    old = Encoder.from_dict({**record, "grouped": False})
    assert fit(table).names == ["x", "x (rank)", "c=a", "c=b", "c=c"]
    assert old.names == ["c=a", "c=b", "c=c", "x", "x (rank)"]
    assert np.array_equal(old.transform(table), fit(table).transform(table)[:, [2, 3, 4, 0, 1]])
    record["columns"]["c"]["code"] = True
    with pytest.raises(ModelError, match="must be grouped"):
        Encoder.from_dict({**record, "grouped": False})
    with pytest.raises(ModelError, match="true or false"):
        Encoder.from_dict({**record, "grouped": "yes"})


def test_whole_numbers_beyond_2_to_53_are_told_apart():
    start = 2**60
    for kind in (pa.int64(), pa.uint64(), pa.decimal128(38, 0), pa.string()):
        table = pa.table({"x": pa.array([start, start + 1, start + 2, None]).cast(kind)})
        encoder = again(fit(table))
        assert encoder.columns["x"].origin == str(start)
        X = encoder.transform(table, dtype=np.float64)
        z = np.array([-1.0, 0, 1])
        np.testing.assert_allclose(X[:3, 0], z / np.sqrt(1 + (z / 3) ** 2))
        assert X[3].tolist() == [0, 1]
        other = pa.table({"x": [str(start + 2), "0x1000000000000000", "7", None]})
        found = encoder.transform(other, dtype=np.float64)[:, 0]
        np.testing.assert_array_equal(found[:2], X[[2, 0], 0])
        assert found[2] == pytest.approx(-3)


def test_names_that_would_be_one_number_are_a_category():
    values = [2**60, 2**60 + 1, 2**63 - 1, -(2**63)] * 5
    for column in (pa.array(values), pa.array(list(map(str, values)))):
        encoder = fit(pa.table({"x": column}))
        assert len(encoder.columns["x"].values) == 4
        assert len(np.unique(encoder.transform(pa.table({"x": column})), axis=0)) == 4


def test_texts_are_read_as_they_were_in_training():
    numbers = [1234.5, 2, 30_000, 4.25] * 5
    texts = [f"{x:,} €".translate(str.maketrans(",.", ".,")) for x in numbers]
    encoder = again(fit(pa.table({"x": texts})))
    assert encoder.columns["x"].pattern == "1.234,5€"
    assert "1234.5 is 1.234,5€" in encoder.describe()["x"]
    X = encoder.transform(pa.table({"x": texts}))
    np.testing.assert_array_equal(encoder.transform(pa.table({"x": numbers})), X)
    counts = Counter()
    encoder.transform(pa.table({"x": ["1.5", "2,5"]}), counts)
    assert counts == {("x", UNPARSEABLE): 1}
    dates = again(fit(pa.table({"x": ["31/12/2024", "1/2/2024", "5/6/2023"]})))
    wanted = dates.transform(pa.table({"x": [datetime.date(2024, 2, 1)]}))
    np.testing.assert_array_equal(dates.transform(pa.table({"x": ["01/02/2024"]})), wanted)


def test_words_for_missing_values_are_kept():
    options = TableOptions(missing=["foo"])
    encoder = again(
        fit(pa.table({"x": ["1", "foo", "2"], "t": ["a", "a", "foo"]}), options=options)
    )
    assert encoder.columns["x"].missing
    assert encoder.columns["t"].missing
    counts = Counter()
    X = encoder.transform(pa.table({"x": ["foo"], "t": [" foo "]}), counts)
    assert X[0, encoder.names.index("x (missing)")] == 1
    assert X[0, encoder.names.index("t (missing)")] == 1
    assert not counts


def test_a_declared_category_keeps_texts_that_are_numbers():
    table = pa.table({"x": pa.array(["1", "2", "3"] * 3).dictionary_encode()})
    encoder = fit(table)
    assert encoder.names == ["x=1", "x=2", "x=3"]
    for same in ([1, 2, 3], [1.0, 2.0, 3.0], ["1", "2.0", "3"]):
        counts = Counter()
        X = encoder.transform(pa.table({"x": same}), counts)
        np.testing.assert_array_equal(X, np.eye(3))
        assert not counts


def test_what_is_said_of_the_columns():
    n = 200
    texts = [("foo" if k % 50 == 0 else str(k)) for k in range(n)]
    table = pa.table({"same": [1] * n, "x": texts, "inf": [np.inf, *range(n - 1)], "l": [[1]] * n})
    counts = Counter()
    encoder = fit(table, counts=counts)
    said = fit_notes(encoder, counts)
    assert [line.split("'")[1] for line in said] == ["same", "l", "x", "inf"]
    assert "make columns of its parts" in said[1]
    assert "4 of 200 values are not numbers, such as 'foo'" in said[2]
    with pytest.raises(TableError, match=r"column 'x' is of type list<.*> which holds|list<"):
        encoder.transform(pa.table({"x": [[1]], "inf": [1.0]}))


def test_values_not_seen_are_worth_a_word_where_they_have_no_place():
    encoder = fit(pa.table({"x": ["a", "b"] * 50, "y": [*["c"] * 60, *["d"] * 39, "e"]}), rare=2)
    assert encoder.columns["y"].rare
    for values, lines in ((["e", "c", "d"], 0), (["e", "f", "c"], 1)):
        counts = Counter()
        encoder.transform(pa.table({"x": ["a"] * 3, "y": values}), counts)
        assert len(not_read(encoder, counts, 3)) == lines
    counts = Counter()
    encoder.transform(pa.table({"x": ["A", "b", "a"], "y": ["c"] * 3}), counts)
    assert "column 'x': 1 value rare or not seen" in not_read(encoder, counts, 3)[0]


def test_records_that_are_no_columns():
    days = [datetime.date(2020, 1, k) for k in range(1, 21)]
    record = fit(pa.table({"x": np.arange(20.0), "d": days})).to_dict()
    for column, field, value in (
        ("x", "pattern", "12"),
        ("x", "origin", "1.5"),
        ("d", "order", "?"),
        ("d", "days", [3, 2]),
    ):
        broken = json.loads(json.dumps(record))
        broken["columns"][column][field] = value
        with pytest.raises(ModelError):
            Encoder.from_dict(broken)
    with pytest.raises(ModelError, match="must be texts"):
        Encoder.from_dict({**record, "missing": [1]})


def test_fit_and_transform_at_once_are_the_same_as_one_after_the_other():
    draw = np.random.default_rng(0)
    table = pa.table(
        {
            "number": [f"{x:.3f}" for x in draw.standard_normal(200)],
            "odd": [*map(str, range(198)), "stray", "inf"],
            "text": draw.choice(["a", "b", "c"], 200),
            "rare": [f"k{k // 7}" for k in range(200)],
            "when": pa.array(draw.integers(0, 10**9, 200), pa.timestamp("s")),
            "truth": draw.random(200) < 0.5,
            "nothing": pa.nulls(200),
        }
    )
    counts, again = Counter(), Counter()
    encoder, X = Encoder.fit_transform(table, table.column_names, counts=counts, dtype=np.float64)
    other = Encoder.fit(table, table.column_names, counts=again)
    assert encoder == other
    assert encoder.notes == other.notes
    assert counts == again
    np.testing.assert_array_equal(X, other.transform(table, dtype=np.float64))


@pytest.mark.parametrize("rows", [11, 40, 216, 5000])
def test_a_knot_is_the_rounded_mean_of_several_rows(rows):
    values = np.sort(np.random.default_rng(rows).lognormal(3, 2, rows))
    knots = np.array(fit(pa.table({"x": values})).columns["x"].knots)
    assert not set(values) & set(knots)
    starts = _groups(np.arange(rows), rows)
    assert len(knots) == len(starts) <= min(KNOTS, rows // SHARED)
    sizes = np.diff([*starts, rows])
    assert sizes.min() >= SHARED
    assert sizes[0] < 2 * SHARED  # finer towards the ends
    means = np.add.reduceat(values, starts) / sizes
    gaps = np.diff(means)
    assert (abs(knots - means) <= np.minimum([np.inf, *gaps], [*gaps, np.inf]) / 20).all()


def test_frequent_values_beside_a_spike_have_codes():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(1000) < 0.5, 0.0, rng.integers(1, 12, 1000) / 7)
    x[:8] = [0.3, 0.31, 0.32, 0.33, np.nan, 50, 50, 50]  # rarer than 5
    encoder = fit(pa.table({"x": x}))
    values = encoder.columns["x"].values
    assert values == [0.0, *(np.arange(1, 12) / 7)]
    assert encoder.names == ["x", "x (rank)", "x (missing)", "x (value)"]
    assert encoder.codes == [13]
    rows = [*values, *np.float32(values), 0.32, 50, 3.0, None, np.inf, values[1] + 0.01]
    codes = encoder.transform(pa.table({"x": pa.array(rows, pa.float64())}))[:, -1]
    assert codes.tolist() == [*range(12), *range(12), *[12] * 6]
    assert Encoder.from_dict(encoder.to_dict()) == encoder
    with pytest.raises(ModelError, match="must ascend"):
        replace(encoder.columns["x"], values=[1.0, 0.0])


@pytest.mark.parametrize("x", [np.arange(1000) % 50, np.arange(1000) % 10 // 3])
def test_no_codes_without_a_spike_or_of_few_values(x):
    assert not fit(pa.table({"x": x})).codes


def test_codes_of_values_next_to_one_another():
    low = 1e16  # where the next float is 2 away
    x = np.concatenate([np.repeat(low, 500), np.repeat(low + 2 * np.arange(1, 26), 20)])
    encoder = fit(pa.table({"x": x}))
    codes = encoder.transform(pa.table({"x": low + 2 * np.arange(27)}))[:, -1]
    assert codes.tolist() == [*range(26), 26]


def test_a_value_that_many_rows_have_is_a_knot_itself():
    values = np.repeat(np.arange(20.0), 7)
    assert fit(pa.table({"x": values})).columns["x"].knots == list(range(20))


def test_numbers_next_to_one_another_have_a_rank():
    values = 1.0 + np.arange(40) * 2.0**-52
    X = fit(pa.table({"x": values})).transform(pa.table({"x": values}), dtype=np.float64)
    assert np.isfinite(X).all()
    assert (np.diff(X[:, 1]) >= 0).all()


def test_the_origin_of_long_whole_numbers_is_round():
    numbers = [10**17 + 987654321 * k + 12345 for k in range(50)]
    encoder = fit(pa.table({"x": numbers}))
    assert encoder.columns["x"].origin == str((10**17 + 12345) // 10**9 * 10**9)
    assert int(encoder.columns["x"].origin) not in numbers
    assert len(np.unique(encoder.transform(pa.table({"x": numbers}), dtype=np.float64)[:, 0])) == 50


@pytest.mark.parametrize("amounts", [40, 2_000])
def test_a_very_frequent_number_leaves_the_others_room_in_the_ranks(amounts):
    values = np.zeros(10_000)
    values[:2_000] = np.arange(2_000) % amounts + 1.0
    encoder, X = Encoder.fit_transform(pa.table({"x": values}), ["x"])
    rank = X[:, encoder.names.index("x (rank)")]
    low, high = np.quantile(rank[:2_000], [0.25, 0.75])
    assert high - low > 0.9  # it is 0.6 where zeros take four fifths of the ranks
