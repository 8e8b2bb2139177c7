"""Model files of others are read right or refused by name; none is read wrong."""

from collections import Counter, defaultdict

import numpy as np
import onnx
import onnx_zoo
import onnxruntime

from steepest import InputError, ModelError, import_onnx

CLOSE = 1e-5  # of the largest output


def compared(path):
    """Return "right", "wrong", "refused" or "not run", and what was said or how far it is."""
    try:
        network = import_onnx(path)
    except ModelError as error:
        return "refused", str(error).partition("can't be read as a network: ")[2] or str(error)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    X = rows(network)
    found = network.predict(X)
    kind = np.float64 if given.type == "tensor(double)" else np.float32
    try:
        outputs = session.run(None, {given.name: X.astype(kind)})
    except Exception as error:  # whatever it raises for a file that it can't run either
        return "not run", str(error)
    expected = next(filter(None, map(as_rows, outputs)), None)[0]
    if expected.shape != found.shape:
        return "wrong", f"{found.shape} for {expected.shape}"
    far = float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))
    return ("right" if far < CLOSE else "wrong"), f"{far:.1e}"


def rows(network):
    X = np.random.default_rng(1).normal(0, 1.5, (16, *network.input_shape)).astype(np.float32)
    try:
        network.layer.check_inputs(X)
    except InputError:  # of codes
        X = np.abs(X.round()).clip(0, 3)
    return X


def as_rows(output):
    """Return an output of real numbers as (n, q), in a tuple; None of anything else."""
    if isinstance(output, list):
        return (np.array([list(row.values()) for row in output]),)
    if output.dtype.kind != "f":
        return None
    return (output[:, None] if output.ndim == 1 else output,)


def test_files_of_others_are_read_right_or_refused_by_name(tmp_path):
    counts, said, wrong, architectures = Counter(), defaultdict(list), [], set()
    for exporter, name, path in onnx_zoo.files(tmp_path):
        if path is None:
            counts[exporter, "not written"] += 1
            continue
        outcome, words = compared(path)
        counts[exporter, outcome] += 1
        architectures.add(name.partition(" {")[0])
        if outcome == "refused":
            said[words].append(f"{name} ({exporter})")
            kinds = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
            named = any(kind in words for kind in kinds | {"outputs", "axes"})
            assert named, (name, words)
        elif outcome == "wrong":
            wrong.append(f"{name} ({exporter}): {words}")
    print(f"\n{len(architectures)} architectures")
    for exporter in dict(counts):
        print(f"  {exporter[0]:12} {exporter[1]:12} {counts[exporter]:4}")
    outcomes = ("right", "refused", "wrong", "not run", "not written")
    print("  together", {o: sum(n for (_, each), n in counts.items() if each == o)
                         for o in outcomes})  # fmt: skip
    for words, names in said.items():
        print(f"  refused: {words}\n    {', '.join(names)}")
    assert not wrong, "\n".join(wrong)
    assert len(architectures) >= 100
