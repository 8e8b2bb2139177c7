"""What is fuzzed: a loader, files that it reads, and how to change them."""

import contextlib
import gzip
import io
import json
import random
import struct
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from mutate import mutate_bytes, mutate_json

from steepest.encode import Encoder
from steepest.errors import SteepestError
from steepest.model import Model
from steepest.saved.folder import CARD, ENCODER, RECORD, THETA, digest
from steepest.tables import TableWriter, read_table, stream_table
from steepest.task import infer_task

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROWS = read_table(FIXTURES / "schema_1_rows.csv")
FILES = (RECORD, THETA, ENCODER)


@dataclass(frozen=True)
class Target:
    """A loader under attack.

    ``run`` reads an input and uses what comes out; all it may raise is a `SteepestError`.
    """

    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes]
    run: Callable[[bytes, Path], None]

    def outcome(self, data: bytes) -> str:
        """Return "read" or the name of the documented error."""
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that overflow
            try:
                self.run(data, Path(folder))
            except SteepestError as error:
                return type(error).__name__
            assert {path.name for path in Path(folder).iterdir()} <= {"in", "out", "t"}
        return "read"


# Model folders: the three files after each other, each behind its length.


def join(files):
    parts = (files.get(name, b"") for name in FILES)
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def split(data):
    files, start = {}, 0
    for name in FILES:
        (length,) = struct.unpack_from("<I", data.ljust(start + 4, b"\0"), start)
        files[name] = data[start + 4 : start + 4 + length]
        start += 4 + length
    return files


def model_seeds():
    old = FIXTURES / "model_schema_1"
    seeds = [join({path.name: path.read_bytes() for path in old.iterdir()})]
    with tempfile.TemporaryDirectory() as folder:
        Model.load(old).save(Path(folder) / "m")
        files = {path.name: path.read_bytes() for path in (Path(folder) / "m").iterdir()}
        assert set(files) == {*FILES, CARD}
        seeds.append(join(files))
    return seeds


def mutate_model(data, draw):
    files = split(data)
    name = draw.choice((RECORD, RECORD, RECORD, THETA, ENCODER))
    content = files[name]
    if draw.random() < 0.2:
        files[name] = mutate_bytes(content, draw)
    elif name == RECORD:
        with contextlib.suppress(ValueError, RecursionError):
            files[name] = json.dumps(mutate_json(json.loads(content), draw)).encode()
    else:  # the JSON header of a safetensors file
        length = int.from_bytes(content[:8], "little")
        with contextlib.suppress(ValueError, RecursionError):
            header = json.dumps(mutate_json(json.loads(content[8 : 8 + length]), draw)).encode()
            files[name] = len(header).to_bytes(8, "little") + header + content[8 + length :]
    if draw.random() < 0.9:
        sign(files)
    return join(files)


def sign(files):
    """Make the checksums right, so that what lies behind them is reached."""
    with contextlib.suppress(ValueError, AttributeError, TypeError, RecursionError):
        record = json.loads(files[RECORD])
        if record.get("files"):
            record["files"] = {name: digest(files[name]) for name in (THETA, ENCODER)}
            files[RECORD] = json.dumps(record).encode()


def run_model(data, folder):
    place = folder / "in"
    place.mkdir()
    for name, content in split(data).items():
        if content:
            (place / name).write_bytes(content)
    model = Model.load(place)
    use_model(model)
    model.save(folder / "out")
    use_model(Model.load(folder / "out"))


def use_model(model):
    """Do what `steepest predict` and `steepest show` do."""
    with contextlib.redirect_stdout(io.StringIO()):
        print(model.task.describe(), model.encoder.describe(), model.encoder.names)
        print(model.network, model.network.program(1), model.loss, model.about.get("metrics"))
    missing = [name for name in model.encoder.columns if name not in ROWS.column_names]
    rows = ROWS
    for name in missing:
        rows = rows.append_column(name, pa.array([1] * len(rows)))
    model.predict(rows, proba=model.has_probabilities, threads=1)


# Tables.


def table_seeds(suffix):
    def seeds():
        files = []
        with tempfile.TemporaryDirectory() as folder:
            for k, table in enumerate((ROWS, ROWS.slice(0, 2).select(["x", "color"]))):
                path = Path(folder) / f"{k}{suffix}"
                with TableWriter(path) as writer:
                    writer.write(table)
                files.append(path.read_bytes())
        if suffix == ".csv":
            files += [b"a;b\n1;2\n", b'a,"b\nc"\n"1,5",\n', b"\xef\xbb\xbfa\n2020-01-01\n1e5\n"]
        return files

    return seeds


def mutate_table(suffix):
    def mutate(data, draw):
        if not suffix.endswith(".gz") or draw.random() < 0.3:
            return mutate_bytes(data, draw)
        with contextlib.suppress(OSError, EOFError, ValueError, __import__("zlib").error):
            return gzip.compress(mutate_bytes(gzip.decompress(data), draw), mtime=0)
        return data

    return mutate


def run_table(suffix):
    def run(data, folder):
        path = folder / f"t{suffix}"
        path.write_bytes(data)
        with contextlib.suppress(SteepestError):
            for block in stream_table(path, rows=5):
                assert 0 < block.num_rows <= 5
        table = read_table(path)
        path.unlink()
        assert table.num_rows
        assert table.num_columns
        for name in table.column_names[:3]:
            with contextlib.suppress(SteepestError):
                task = infer_task(table.column(name), name)
                task.encode(table.column(name).filter(pa.array(task.rows(table.column(name)))))
        with contextlib.suppress(SteepestError):
            Encoder.fit(table, table.column_names, rare=1).transform(table)

    return run


TARGETS = {"model": Target(model_seeds, mutate_model, run_model)}
for _suffix in (".csv", ".tsv", ".csv.gz", ".parquet", ".arrow"):
    TARGETS[_suffix[1:]] = Target(table_seeds(_suffix), mutate_table(_suffix), run_table(_suffix))
