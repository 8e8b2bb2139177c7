"""The JavaScript of docs/guide/deploy.md runs in a real browser.

What it imports, onnxruntime-web, is not there: what stands for it hands the tensors to the ONNX
Runtime of Python. So names, types and shapes are those of the file, or that refuses them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime

from steepest import TabularClassifier, export_onnx

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "deploy.md").read_text("utf-8")
INSTEAD = """
const ort = {
  Tensor: class {
    constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
  },
  InferenceSession: { create: async (file) => ({ run: (feeds) => runInPython(file, feeds) }) },
};
"""
TYPES = {"float64": np.float64, "string": object}


def test_a_model_is_asked_from_a_web_page(chromium, tmp_path):
    rng = np.random.default_rng(0)
    people = {"age": rng.integers(18, 90, 300) / 1.0, "town": rng.choice(["Here", "There"], 300)}
    rich = np.where(people["age"] > 50, "yes", "no")
    model = TabularClassifier(settings={"epochs": 2, "layers": (8,)}).fit(people, rich).model_
    export_onnx(model, tmp_path / "model.onnx")

    def run_in_python(file, feeds):
        session = onnxruntime.InferenceSession(tmp_path / file)
        rows = {
            name: np.array(one["data"], TYPES[one["type"]]).reshape(one["dims"])
            for name, one in feeds.items()
        }
        (prediction,) = session.run(["prediction"], rows)
        return {"prediction": {"data": prediction.ravel().tolist()}}

    (snippet,) = re.findall(r"    import \* as ort.*\n((?:    .*\n|\n(?=    ))+)", PAGE)
    page = chromium.new_page()
    page.expose_function("runInPython", run_in_python)
    found = page.evaluate(f"async () => {{ {INSTEAD} {snippet} return prediction.data; }}")
    page.close()
    assert found == model.predict({"age": [25.0], "town": ["Here"]}).tolist()
