"""Deployment: a model with its preprocessing as an ONNX file, run by ONNX Runtime.

    pip install "steepest[onnx]" onnxruntime
    python examples/12_deployment.py

Both must say the same of every row.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from steepest import MLPClassifier, TabularClassifier, export_onnx

rng = np.random.default_rng(0)
n = 1000
people = {"age": rng.integers(18, 90, n).astype(float), "town": rng.choice(["Ayr", "Bonn"], n)}
rich = np.where(people["age"] + 20 * (people["town"] == "Ayr") > 60, "yes", "no")
model = TabularClassifier(settings={"epochs": 5}).fit(people, rich)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "model.onnx")
    export_onnx(model, file)
    session = onnxruntime.InferenceSession(file)
    rows = {
        "age": people["age"][:, None],
        "town": people["town"].astype(object)[:, None],
    }
    labels, shares = session.run(["prediction", "probabilities"], rows)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} KB, inputs {[*rows]}")
print("largest difference:", np.abs(shares - model.predict_proba(people)).max())
print("labels alike:", bool((labels.ravel() == model.predict(people)).all()))

# In Python, where microseconds count: a compiled function of one row.
X = rng.standard_normal((500, 20)).astype(np.float32)
small = MLPClassifier((64, 64), max_iter=20, tol=1, random_state=0).fit(X, X[:, 0] > 0)
predict = small.compiled()
began = time.perf_counter()
for _ in range(1000):
    predict(X[0])
print(f"compiled(): {(time.perf_counter() - began) * 1000:.1f} µs a row")
