"""Shares of CSV files: ranges of bytes, cut between records."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.tables import files
from steepest.tables.files import look_at_share, read_table, stream_share

RNG = np.random.default_rng(0)
VALUES = ["x", '"a,b"', '"two\nlines"', '"say ""so"""', '""', "", '"\n\n"', '",\r\n"', "é"]


def text(rows, end, last):
    lines = [f"{k},{VALUES[RNG.integers(len(VALUES))]},{k % 7}" for k in range(rows)]
    blank = [line + end * int(RNG.choice([1, 1, 1, 2])) for line in lines]
    return '"a\n1",b,c' + end + "".join(blank)[: None if last else -len(end)]


def shares(file, count):
    looks = [look_at_share(file, (k, count)) for k in range(count)]
    return [list(stream_share(file, (k, count), rows=7, looks=looks)) for k in range(count)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [2, 3, 5, 40, 400])
def test_ranges_of_a_text_are_all_of_it(tmp_path, end, count, monkeypatch):
    monkeypatch.setattr("steepest.tables.ranges._AT_ONCE", 97)
    for case in range(6):
        file = tmp_path / f"{case}.csv"
        file.write_text(text(60, end, last=case % 2), "utf-8", newline="")
        whole, found = read_table(file), []
        for share in shares(file, count):
            for start, block in share:
                assert block.equals(whole.slice(start, block.num_rows))
                found += range(start, start + block.num_rows)
        assert found == list(range(60))  # each row once, and shares in their order


def test_only_its_range_is_parsed(tmp_path, monkeypatch):
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "1,x\n" * 1000, "utf-8")
    monkeypatch.setattr(files, "stream_table", None)
    assert [sum(b.num_rows for _, b in share) for share in shares(file, 4)] == [250] * 4


@pytest.mark.parametrize("odd", ['5" pipe', 'a"b"c', '"a\rb"'])
def test_a_file_that_is_not_regular_is_read_whole_by_all(tmp_path, odd):
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + f"1,{odd}\n2,y\n3,z\n" * 50, "utf-8", newline="")
    whole = read_table(file)
    found = {}
    for share in shares(file, 3):
        for start, block in share:
            found |= {start + k: row for k, row in enumerate(block.to_pylist())}
    assert [found[k] for k in range(len(found))] == whole.to_pylist()
