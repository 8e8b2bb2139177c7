"""Tables that unpack to more than they seem: refused, or read within limits."""

import contextlib
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest import TableError
from steepest.tables import limits
from steepest.tables.files import TableWriter, read_table, stream_table
from steepest.tables.formats import _format, text

MEGABYTE = 1 << 20
POOLS = []  # what was allocated from one may be freed any time later


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    monkeypatch.setattr(limits, "physical_memory", lambda: 4 * 24 * MEGABYTE)


@contextlib.contextmanager
def most_memory():
    """Let Arrow count what it takes at most."""
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    try:
        yield pool.max_memory
    finally:
        pa.set_memory_pool(before)


def drained(path):
    return sum(block.num_rows for block in stream_table(path))


def zipped(path, *parts):
    with gzip.open(path, "wb", 1) as file:
        for part in parts:
            file.write(part)
    return path


def test_a_zipped_table_that_unpacks_to_more_than_there_is_room_for(tmp_path):
    rows = 40 * MEGABYTE
    path = zipped(tmp_path / "t.csv.gz", b"x,y\n", *[b"1,2\n" * MEGABYTE] * 40)
    assert path.stat().st_size < MEGABYTE
    with most_memory() as most:
        with pytest.raises(TableError, match=r"unpacks to more than 0\.025 GB, a quarter"):
            read_table(path)
        assert most() < 300 * MEGABYTE  # as numbers it would have been 640
    with most_memory() as most:
        assert drained(path) == rows
        assert most() < 300 * MEGABYTE  # as text, 400 or more


@pytest.mark.parametrize("read", [read_table, drained])
@pytest.mark.parametrize("start", [b"", b"x,y\n1,2\n", b'x,"', b'x,y\n1,"'])
def test_a_line_that_never_ends(tmp_path, read, start):
    path = zipped(tmp_path / "t.csv.gz", start, *[b"a" * MEGABYTE] * 40)
    with pytest.raises(TableError, match=r"longer than|larger than|parsed|unpacks"):
        read(path)


@pytest.mark.parametrize("read", [read_table, drained])
@pytest.mark.parametrize(
    ("suffix", "kept"),  # Arrow IPC stores a text a row, unless the type says otherwise
    [(".parquet", True), (".parquet", False), (".arrow", True)],
)
def test_one_long_text_for_many_rows(tmp_path, read, suffix, kept):
    codes = pa.array(np.zeros(10_000, np.int32))
    table = pa.table({"s": pa.DictionaryArray.from_arrays(codes, pa.array(["a" * MEGABYTE]))})
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        # Without Arrow's own schema, it is a column of texts.
        pq.write_table(table, path, store_schema=kept)
    else:
        with TableWriter(path) as writer:
            writer.write(table)
    assert path.stat().st_size < 2 * MEGABYTE
    with most_memory() as most, pytest.raises(TableError, match="unpacks to more than"):
        read(path)
    assert most() < 24 * MEGABYTE


@pytest.mark.skipif(
    int(pa.__version__.split(".")[0]) < 24, reason="older ones make no views of buffers"
)
@pytest.mark.parametrize("read", [read_table, drained])
def test_what_unfolds_in_an_arrow_file(tmp_path, read):
    rows = 1000  # Arrow looks through each text
    long = pa.array(["a" * MEGABYTE]).cast(pa.string_view())
    views = pa.Array.from_buffers(
        pa.string_view(), rows, [None, pa.py_buffer(long.buffers()[1].to_pybytes() * rows),
                                 *long.buffers()[2:]],
    )  # fmt: skip
    ends = pa.array([10**9], pa.int32())
    columns = {
        "views": views,
        "codes": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.uint8)), long),
        "run of numbers": pa.RunEndEncodedArray.from_arrays(ends, pa.array([1])),
        "run of texts": pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), long),
        "nothing": pa.nulls(10**9),
    }
    for name, column in columns.items():
        table = pa.table({name: column})
        with pa.ipc.new_stream(tmp_path / "t.arrow", table.schema) as writer:
            writer.write_table(table)
        with pytest.raises(TableError, match="unpacks to more than"):
            read(tmp_path / "t.arrow")
    fine = pa.RunEndEncodedArray.from_arrays(pa.array([3, 8], pa.int32()), pa.array([1, 2]))
    table = pa.table({"r": fine.slice(1, 5), "v": pa.array(["b"] * 5).cast(pa.string_view())})
    with pa.ipc.new_stream(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    assert read_table(tmp_path / "t.arrow").to_pydict() == table.to_pydict()


def test_texts_of_parquet_are_texts(tmp_path):
    texts = pa.array(["a", None, "b", "a"])
    columns = {"s": texts, "l": texts.cast(pa.large_string()), "b": texts.cast(pa.binary()),
               "d": texts.dictionary_encode(), "x": pa.array([1, None, 2, 3])}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    for table in (read_table(tmp_path / "t.parquet"), *stream_table(tmp_path / "t.parquet")):
        assert table.to_pydict() == pa.table(columns).to_pydict()
        assert table.schema.types == pa.table(columns).schema.types


def test_numbers_that_pack_well(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": np.zeros(4_000_000)}), path)
    with most_memory() as most:
        with pytest.raises(TableError, match="unpacks to more than"):
            read_table(path)
        assert most() < MEGABYTE
        assert drained(path) == 4_000_000
        assert most() < 4 * MEGABYTE


@pytest.mark.parametrize("group", [10**6, 10**4])
def test_a_parquet_file_is_not_read_ahead(tmp_path, group):
    x = np.random.default_rng(0).standard_normal(2_000_000)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": x}), path, row_group_size=group)
    assert path.stat().st_size > 15 * MEGABYTE
    with most_memory() as most:
        assert drained(path) == len(x)
        assert most() < 5 * MEGABYTE


def test_too_many_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(_format, "MOST_COLUMNS", 100)
    names = [f"c{k}" for k in range(101)]
    (tmp_path / "t.csv").write_text(",".join(names) + "\n" + ",".join("1" * 101) + "\n")
    table = pa.table({name: [1.0] for name in names})
    for suffix in (".parquet", ".arrow"):
        with TableWriter(tmp_path / f"t{suffix}") as writer:
            writer.write(table)
    for path in tmp_path.iterdir():
        for read in (read_table, drained):
            with pytest.raises(TableError, match="has 101 columns; a table has at most 100"):
                read(path)


def test_rows_longer_than_a_block_of_a_stream(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "STREAM_BYTES", 2000)
    rows = [f"{k},{'x' * (3000 if k in (150, 400) else k % 40)}" for k in range(500)]
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(rows) + "\n")
    table = pa.concat_tables(stream_table(tmp_path / "t.csv", rows=70))
    assert table.column("a").to_pylist() == [str(k) for k in range(500)]
    assert [f"{a},{b}" for a, b in zip(*table.to_pydict().values(), strict=True)] == [
        row if row[-1] != "," else row + "None" for row in rows
    ]


@pytest.mark.parametrize("before", [5, MEGABYTE - 1, MEGABYTE, 3 * MEGABYTE + 7])
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82"])
def test_the_place_of_what_is_not_utf_8(tmp_path, before, bad):
    lines = b"a,b\n" + b"xyz,1\n" * (before // 6)
    content = lines + "é".encode() * ((before - len(lines)) // 2) + bad
    (tmp_path / "t.csv").write_bytes(content + b",1\n" * (bad[0] != 0xE2))
    line = content.count(b"\n") + 1
    with pytest.raises(TableError, match=f"line {line}, byte {len(content) - len(bad)} is 0x"):
        read_table(tmp_path / "t.csv")
