"""Training on a table in blocks: every row once, whatever the file's order, within the memory."""

import tempfile
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from steepest import Checkpoint, CheckpointError, Dropout, InputError, TableError
from steepest.pipeline import first_pass
from steepest.pipeline.first_pass import Moments
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.pipeline.shuffled_blocks import Sample, Scratch, draws
from steepest.pipeline.stream import fit_stream
from steepest.pipeline.train import RunOptions
from steepest.tables.files import read_table, stream_share

ROWS = 6000
RNG = np.random.default_rng(0)
X = RNG.standard_normal(ROWS)
KIND = RNG.choice(["u", "v", "w"], ROWS)
Y = np.where(X + (KIND == "u") + 0.3 * RNG.standard_normal(ROWS) > 0.3, "yes", "no")
ORDER = np.argsort(Y, kind="stable")  # sorted by class: the worst order there is
TABLE = pa.table({"row": np.arange(ROWS)[ORDER], "x": X[ORDER], "kind": KIND[ORDER],
                  "y": Y[ORDER]})  # fmt: skip
SETTINGS = {"layers": (8,), "epochs": 3, "batch": 32, "threads": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    pa.parquet.write_table(TABLE, folder / "t.parquet")
    pa.csv.write_csv(TABLE, folder / "t.csv")
    return folder


def fit(path, memory=200_000, settings=SETTINGS, **run):
    request = Request("y", settings, ignore=["row"], options=RunOptions(**run))
    return fit_stream(path, request, memory)


def test_draws_belong_to_rows():
    whole = draws(0, 1000, 3)
    assert np.array_equal(np.concatenate([draws(0, 300, 3), draws(300, 700, 3)]), whole)
    assert not np.array_equal(draws(0, 1000, 4), whole)
    assert abs(whole.mean() - 0.5) < 0.05


def test_a_sample_keeps_the_rows_of_the_lowest_draws_in_their_order():
    draw, sample, parts = draws(0, 5000, 0), Sample(100), [Sample(120), Sample(100), Sample(100)]
    for start in range(0, 5000, 500):
        place = np.arange(start, start + 500)
        for each in (sample, parts[start % 3]):
            each.add(pa.table({"k": place}), draw[place], place)
    for other in parts[1:]:
        parts[0].merge(other)
    for each in (sample, parts[0]):  # by one process, and by several
        kept = each.table().column("k").to_numpy()
        assert kept.tolist() == sorted(np.argsort(draw)[:100].tolist())
        assert np.array_equal(np.flatnonzero(draw < each.bound), kept)
        assert each.seen == 5000


def test_moments_of_parts_are_those_of_all():
    values = np.random.default_rng(0).normal(1e6, 1.0, 1000)
    values[7] = np.nan
    found = Moments()
    for start in range(0, 1000, 130):
        found = found.merged(Moments.of(values[start : start + 130])).merged(Moments())
    known = values[np.isfinite(values)]
    assert found.rows == 999
    np.testing.assert_allclose(found.mean, known.mean(), rtol=1e-14)
    np.testing.assert_allclose(found.squares / 999, known.var(), rtol=1e-9)
    assert (found.low, found.high) == (known.min(), known.max())


def test_blocks_on_disk_hold_every_row_once_and_mix_them():
    with Scratch(4, 1, "float32", "int64", seed=0) as scratch:
        for start in range(0, 4000, 1000):
            rows = np.arange(start, start + 1000)
            scratch.add(rows[:, None], rows, draws(start, 1000, 0))
        blocks = [scratch.block(k) for k in range(4)]
    assert sorted(np.concatenate([y for _, y in blocks]).tolist()) == list(range(4000))
    for values, y in blocks:
        assert np.array_equal(values[:, 0], y)
        assert abs(y.mean() - 2000) < 200  # not a stretch of the file
        assert 800 < len(y) < 1200


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_it_learns_from_a_file_that_is_sorted_by_class(files, name, monkeypatch):
    monkeypatch.setattr(first_pass, "SAMPLE", 500)
    found = fit(files / name)
    assert found.scores["accuracy"][0] > 0.85
    assert any("shuffled blocks on disk" in note for note in found.notes)
    blocks = int(next(n for n in found.notes if "blocks" in n).split(" train in ")[1].split()[0])
    assert blocks >= 3  # 6,000 rows of 5 or more columns, in 50 kB each
    assert found.model.about["rows"]["test"] == 500
    note = next(n for n in found.notes if "blocks" in n)
    train, validate = (int(word.replace(",", "")) for word in
                       (note.split()[0], note.split("disk, ")[1].split()[0]))  # fmt: skip
    assert train + validate == ROWS - 500  # what is held out and not looked at trains
    assert found.model.predict(TABLE).num_rows == ROWS
    assert len(found.model.about["history"]["validation_loss"]) == 3


def test_a_column_split_decides(files, tmp_path):
    part = np.where(np.arange(ROWS) % 3 == 0, "test", "train")
    pa.parquet.write_table(TABLE.append_column("split", pa.array(part)), tmp_path / "t.parquet")
    found = fit(tmp_path / "t.parquet", memory=2_000_000)
    assert found.model.about["rows"]["test"] == 2000
    note = next(n for n in found.notes if "blocks" in n)
    train, validate = (int(word.replace(",", "")) for word in
                       (note.split()[0], note.split("disk, ")[1].split()[0]))  # fmt: skip
    assert train + validate == 4000
    assert 300 < validate < 500


def test_classes_too_rare_for_the_sample_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(first_pass, "SAMPLE", 1000)
    labels = np.array(["a", "b"])[np.arange(ROWS) % 2].astype(object)
    labels[7] = labels[4001] = "rare"
    table = TABLE.set_column(3, "y", pa.array(labels))
    pa.csv.write_csv(table, tmp_path / "t.csv")
    assert fit(tmp_path / "t.csv").model.task.classes == ("a", "b", "rare")


def test_stopped_and_resumed_it_is_the_same(files, tmp_path):
    whole = fit(files / "t.parquet")
    calls = []

    def stop(trainer):
        def at(progress):
            calls.append(progress.step)
            if len(calls) == 30:
                raise KeyboardInterrupt

        return (at,)

    ended = fit(files / "t.parquet", checkpoint=Checkpoint(tmp_path, "1 steps"), callbacks=stop)
    assert isinstance(ended.ended, KeyboardInterrupt)
    assert ended.scores == {}
    assert 0 < Checkpoint(tmp_path).load().step < calls[-1] + 1000
    resumed = fit(files / "t.parquet", checkpoint=Checkpoint(tmp_path), resume=True)
    assert np.array_equal(resumed.model.network.theta, whole.model.network.theta)
    for column in ("loss", "validation_loss", "step"):
        mine, theirs = (m.model.about["history"][column] for m in (resumed, whole))
        assert mine == theirs


def test_rows_on_disk_have_no_name(files, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def look(trainer):
        return (lambda progress: seen.append(list(tmp_path.iterdir())),)

    fit(files / "t.csv", callbacks=look)
    assert seen
    assert not any(seen)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(TableError, match=r"temporary file: No such file.*TMPDIR"):
            fit(files / name)


def test_a_state_of_other_blocks_does_not_fit(files, tmp_path):
    kept = Checkpoint(tmp_path, "1 steps")
    seen, save = [], kept.save
    kept.save = lambda state, **must: (seen.append(len(state.arrays["pending"])),
                                       save(state, **must), 1 / (len(seen) < 2))  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        fit(files / "t.parquet", checkpoint=kept)
    state, kept = kept.load(), Checkpoint(tmp_path)
    pending = state.arrays["pending"]
    assert len(pending)
    for other in (pending[:-1], np.tile(pending, (50, 1)), pending + 1):
        state.arrays["pending"] = other.copy()
        kept.save(state, must=True)
        with pytest.raises(CheckpointError, match=r"not those of this table|not that of"):
            fit(files / "t.parquet", checkpoint=Checkpoint(tmp_path), resume=True)
    state.arrays["pending"] = pending
    for name in ("theta", next(name for name in state.arrays if name not in ("theta", "pending"))):
        state.arrays[name] = state.arrays[name][:-1]
        kept.save(state, must=True)
        with pytest.raises(CheckpointError, match="does not fit this training"):
            fit(files / "t.parquet", checkpoint=Checkpoint(tmp_path), resume=True)


def test_tables_that_cannot_be_used(files, tmp_path):
    with pytest.raises(TableError, match="no column 'nope'"):
        fit_stream(files / "t.csv", Request("nope"), memory=10**6)
    with pytest.raises(TableError, match="does not exist"):
        fit(tmp_path / "none.csv")


def test_schedules_stretch_over_all_blocks_and_an_ensemble_is_refused(files):
    network = fit(files / "t.parquet").model.network
    totals = {layer.rate.total for layer in network.layer.layers if isinstance(layer, Dropout)}
    assert len(totals) == 1
    assert min(totals) > 300  # steps of all epochs, not of a block
    with pytest.raises(InputError, match="ensemble of 2 needs the table in memory"):
        fit(files / "t.parquet", settings={"ensemble": 2})
    with pytest.raises(InputError, match="can't be split by groups; leave out the limit of"):
        fit_stream(files / "t.parquet", Request("y", groups="a"), memory=200_000)
    with pytest.raises(InputError, match="not on another table"):
        fit_stream(files / "t.parquet", Request("y", test_table=TABLE), memory=200_000)


CODES = pa.dictionary(pa.uint32(), pa.string())


def test_it_reads_a_file_as_reading_it_whole_does(tmp_path):
    """Numbers in hexadecimal and with groups, categories of Polars, and the index of pandas."""
    table = pa.table({
        "hex": [hex(k) for k in range(ROWS)],
        "money": [f"${k * 7:,}.50" for k in range(ROWS)],
        "kind": pa.array(KIND[ORDER]).dictionary_encode().cast(CODES),
        "index": np.arange(ROWS)[ORDER],
        "y": Y[ORDER],
    })  # fmt: skip
    frame = table.to_pandas().set_index("index")
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        whole = fit_table(read_table(tmp_path / name), Request("y", SETTINGS)).model.encoder
        found = fit_stream(tmp_path / name, Request("y", SETTINGS), 10**6).model.encoder
        assert list(found.columns) == list(whole.columns) == ["hex", "money", "kind"]
        assert found.columns["money"].pattern == whole.columns["money"].pattern == "$1,234.5"
        assert found.notes == whole.notes == []


def test_bytes_that_are_no_text_further_down_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(first_pass, "stream_share", partial(stream_share, rows=1000))
    names = [b"a"] * (ROWS - 1) + [b"\xff"]
    table = TABLE.append_column("b", pa.array(names, pa.binary()))
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(TableError, match="column 'b' is of type binary, and its bytes"):
        fit_stream(tmp_path / "t.parquet", Request("y", SETTINGS), 200_000)
