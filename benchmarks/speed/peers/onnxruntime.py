"""ONNX Runtime on the network that we export."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .. import work as works


class Session:
    name, module, ours, comparable = "onnxruntime", "onnxruntime", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Prediction)

    def __init__(self, work, problem):
        import onnxruntime

        from steepest.interchange.onnx_export import export_onnx

        from .steepest import network_of

        options = onnxruntime.SessionOptions()
        if work.rows == 1:
            options.intra_op_num_threads = 1  # a second one has nothing to do
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.onnx"
            export_onnx(network_of(problem.parameters), file)
            self.session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        self.input, self.X = self.session.get_inputs()[0].name, problem.X
        self.output = self.session.get_outputs()[0].name

    def run(self, count):
        for _ in range(count):
            (self.z,) = self.session.run([self.output], {self.input: self.X})

    def found(self):
        return self.z
