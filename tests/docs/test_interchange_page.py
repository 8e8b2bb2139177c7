"""The snippets and the command of docs/guide/interchange.md work."""

import re
from pathlib import Path

import numpy as np
from ort import run
from typer.testing import CliRunner

from steepest.cli import app

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "guide" / "interchange.md").read_text(encoding="utf-8")


def test_snippets_and_command(tmp_path, monkeypatch):
    (tmp_path / "model").symlink_to(ROOT / "tests" / "fixtures" / "model_schema_1")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for snippet in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL):
        exec(compile(snippet, "interchange.md", "exec"), namespace)
    X = np.ones((2, 20), np.float32)
    wanted = namespace["network"].predict(X, threads=1)
    np.testing.assert_allclose(run("network.onnx", x=X)["y"], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(namespace["again"].predict(X, threads=1), wanted)
    (command,) = re.findall(r"```sh\n(.*?)\n```", DOCS, re.DOTALL)
    done = CliRunner().invoke(app, command.split()[1:])
    assert done.exit_code == 0, done.output
    assert Path("model.onnx").stat().st_size > 1000
