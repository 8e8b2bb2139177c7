"""Runs ONNX files in ONNX Runtime."""

import numpy as np
import onnxruntime
import pyarrow as pa

from steepest.tables.columns import Boolean, Category, Date
from steepest.tables.parsing import read_numbers, read_seconds, read_truths


def run(path, **inputs):
    """Return the outputs by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def columns(encoder, table):
    """Return what the ONNX form of an encoder wants of a table."""
    found = {}
    for name, kind in encoder.columns.items():
        column = table.column(name)
        if isinstance(kind, Category):
            values = np.array(column.cast(pa.string()).fill_null("").to_pylist(), dtype=object)
        else:
            readers = {Date: read_seconds, Boolean: read_truths}
            values = readers.get(type(kind), read_numbers)(column)[0]
        found[name] = values[:, None]
    return found
