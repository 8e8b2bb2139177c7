"""What is fuzzed: a loader, files that it reads, and how to change them."""

import contextlib
import functools
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

import numpy as np
import onnx
import pyarrow as pa
from mutate import NUMBERS, mutate_bytes, mutate_json
from safetensors import SafetensorError
from safetensors.numpy import load, save

import states
from steepest import (  # fmt: skip
    ELU,
    GELU,
    SELU,
    Adam,
    Checkpoint,
    Concat,
    Dense,
    Identity,
    ImageClassifier,
    LayerNorm,
    LeakyReLU,
    Mish,
    Network,
    Residual,
    Scale,
    Sigmoid,
    SiLU,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    TabularClassifier,
    TabularRegressor,
    Tanh,
    TextClassifier,
    Trainer,
    export_onnx,
    import_onnx,
)
from steepest.errors import SteepestError
from steepest.images.encoder import ImageEncoder
from steepest.interchange.onnx_import import known
from steepest.pipeline import folders
from steepest.pipeline.model import Model
from steepest.saved.folder import CARD, ENCODER, RECORD, STATE, THETA, digest
from steepest.tables.encoder import Encoder
from steepest.tables.files import TableWriter, read_table, stream_table
from steepest.tables.task import infer_task
from steepest.training.checkpoint import _checksum

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROWS = read_table(FIXTURES / "schema_1_rows.csv")
FILES = (RECORD, THETA, STATE, ENCODER)


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


# Model folders: their files after each other, each behind its length.


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
        assert set(files) == {*FILES, CARD} - {STATE}
        seeds.append(join(files))
        network = Network(Dense(3), states.Centre(), Dense(2), inputs=4)
        folders.save(network, Path(folder) / "n")
        files = {path.name: path.read_bytes() for path in (Path(folder) / "n").iterdir()}
        assert set(files) == {*FILES} - {ENCODER}
        seeds.append(join(files))
    return seeds


@functools.cache
def trained_seeds():
    """Return what trainings of every other kind leave: texts, bags, intervals, images."""
    n, rng, small = 60, np.random.default_rng(0), {"epochs": 1, "layers": (3,)}
    texts = [" ".join([*rng.choice(list("abcdefgh"), 5), str(k)]) for k in range(n)]
    table = {"x": rng.normal(size=n), "color": rng.choice(["red", "blue"], n), "text": texts}
    classes = np.where(table["x"] > 0, "p", "q")
    interval = {"settings": small, "quantiles": [0.1, 0.9], "calibration_fraction": 0.2}
    models = [
        TextClassifier(settings={"epochs": 1}, n_threads=1).fit(texts, classes),
        TabularClassifier(settings={**small, "folds": 2}, n_threads=1).fit(table, classes),
        TabularRegressor(**interval, monotonic={"x": 1}, n_threads=1).fit(table, table["x"]),
        ImageClassifier(settings={"epochs": 1}, n_threads=1).fit(
            rng.integers(0, 256, (n, 6, 6, 1), np.uint8), classes
        ),
    ]
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for k, model in enumerate(models):
            model.model_.save(Path(folder, str(k)))
            files = {path.name: path.read_bytes() for path in Path(folder, str(k)).iterdir()}
            seeds.append(join(files))
    return seeds


def mutate_model(data, draw):
    files = split(data)
    name = draw.choice((RECORD, RECORD, RECORD, THETA, *(n for n in (STATE, ENCODER) if files[n])))
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
            record["files"] = {name: digest(files[name]) for name in FILES[1:] if files[name]}
            files[RECORD] = json.dumps(record).encode()


def run_model(data, folder):
    place = folder / "in"
    place.mkdir()
    for name, content in split(data).items():
        if content:
            (place / name).write_bytes(content)
    model = folders.load(place, plugins=[states])
    use_model(model)
    folders.save(model, folder / "out")
    use_model(folders.load(folder / "out", plugins=[states]))


def use_model(model):
    """Do what `steepest predict` and `steepest show` do."""
    if isinstance(model, Network):
        with contextlib.redirect_stdout(io.StringIO()):
            print(model, model.program(1))
        model.predict(np.zeros((2, model.inputs)), threads=1)
        return
    if isinstance(model.encoder, ImageEncoder):
        model.predict_proba(np.zeros((2, *model.network.input_shape), np.uint8))
        return
    with contextlib.redirect_stdout(io.StringIO()):
        print(model.task.describe(), model.encoder.describe(), model.encoder.names)
        print(model.network, model.network.program(1), model.loss, model.about.get("metrics"))
    missing = [name for name in model.encoder.columns if name not in ROWS.column_names]
    rows = ROWS
    for name in missing:
        rows = rows.append_column(name, pa.array([1] * len(rows)))
    model.predict(rows, proba=model.has_probabilities, threads=1)


# Checkpoints: a record that is mutated is signed again.

X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
Y = (X @ np.ones((3, 2), np.float32)).argmax(axis=1)
STEP = "step-000000000006.safetensors"


def train(folder, **options):
    trainer = Trainer(
        Network(Dense(2), inputs=3), SoftmaxCrossEntropy(), Adam(), batch=10, threads=1
    )
    trainer.fit(
        X, Y, validation=0.25, patience=9, checkpoint=Checkpoint(folder, "1 epoch"), **options
    )


def checkpoint_seeds():
    with tempfile.TemporaryDirectory() as folder:
        train(folder, epochs=2)
        return [(Path(folder) / STEP).read_bytes()]


def mutate_checkpoint(data, draw):
    if draw.random() < 0.2:
        return mutate_bytes(data, draw)
    length = int.from_bytes(data[:8], "little")
    try:
        record = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["checkpoint"])
        return sign_checkpoint(data, json.dumps(mutate_json(record, draw)))
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError):
        return mutate_bytes(data, draw)


def sign_checkpoint(data, record):
    """Return a checkpoint with the arrays of this one and another record."""
    arrays = load(data)
    return save(arrays, {"checkpoint": record, "checksum": _checksum(record, arrays)})


def run_checkpoint(data, folder):
    (folder / "in").mkdir()
    (folder / "in" / STEP).write_bytes(data)
    Checkpoint(folder / "in").load()
    train(folder / "in", epochs=3, resume=True)


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


# ONNX files.

NETWORKS = (
    Network(Dense(3), LayerNorm(), GELU(), Dense(2, bias=False), Softmax(), inputs=4),
    Network(Concat(Identity(), Residual(SiLU(), Dense(2), Mish(), Dense(4))), Scale(), inputs=4),
    Network(ELU(0.5), SELU(), LeakyReLU(), Softplus(), Residual(Tanh()), Sigmoid(), inputs=4),
)


def onnx_seeds():
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            export_onnx(network, Path(folder) / "n.onnx")
            seeds.append((Path(folder) / "n.onnx").read_bytes())
    whole = [file for file in sorted((FIXTURES / "onnx").glob("*.onnx"))
             if not file.with_name(f"{file.name}.data").exists()]  # fmt: skip
    seeds += [file.read_bytes() for file in whole]
    return seeds


def mutate_onnx(data, draw):
    if draw.random() < 0.2:
        return mutate_bytes(data, draw)
    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # the fuzzer's own damage
        return mutate_bytes(data, draw)
    graph = model.graph
    with contextlib.suppress(ValueError, TypeError, IndexError):  # a change that can't be
        for _ in range(draw.choice((1, 1, 2, 3))):
            if draw.random() < 0.5 and graph.node:
                mutate_node(graph, draw.choice(graph.node), draw)
            elif graph.initializer:
                mutate_tensor(draw.choice(graph.initializer), draw)
    return model.SerializeToString()


def mutate_node(graph, node, draw):
    kind = draw.randrange(6)
    if kind == 0:
        node.op_type = draw.choice([*known(), "Conv", "If", "Constant", ""])
    elif kind == 1 and node.input:
        names = [n for other in graph.node for n in (*other.input, *other.output)]
        node.input[draw.randrange(len(node.input))] = draw.choice([*names, "", "x", "y"])
    elif kind == 2:
        graph.node.remove(node)
    elif kind == 3:
        del node.input[draw.randrange(len(node.input) + 1) :]
    elif kind == 4 and node.attribute:
        attribute = draw.choice(node.attribute)
        number = draw.choice(NUMBERS)
        attribute.CopyFrom(onnx.helper.make_attribute(attribute.name, number))
    else:
        graph.node.add().CopyFrom(node)


def mutate_tensor(tensor, draw):
    kind = draw.randrange(5)
    if kind == 0 and tensor.dims:
        number = draw.choice([n for n in NUMBERS if isinstance(n, int) and abs(n) < 2**63])
        tensor.dims[draw.randrange(len(tensor.dims))] = number
    elif kind == 1:
        tensor.data_type = draw.randrange(25)
    elif kind == 2:
        tensor.raw_data = mutate_bytes(tensor.raw_data, draw)
    elif kind == 3:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../etc/passwd")
    else:
        tensor.name = draw.choice(("x", "y", "", tensor.name + "x"))


def run_onnx(data, folder):
    path = folder / "in"
    path.write_bytes(data)
    network = import_onnx(path)
    network.predict(
        ROWS_4 if network.inputs == 4 else np.ones((3, *network.input_shape)), threads=1
    )
    export_onnx(network, folder / "out")
    import_onnx(folder / "out")


ROWS_4 = np.random.default_rng(0).standard_normal((7, 4))
TARGETS = {
    "model": Target(model_seeds, mutate_model, run_model),
    "trained": Target(trained_seeds, mutate_model, run_model),
    "checkpoint": Target(checkpoint_seeds, mutate_checkpoint, run_checkpoint),
    "onnx": Target(onnx_seeds, mutate_onnx, run_onnx),
}
for _suffix in (".csv", ".tsv", ".csv.gz", ".parquet", ".arrow"):
    TARGETS[_suffix[1:]] = Target(table_seeds(_suffix), mutate_table(_suffix), run_table(_suffix))
