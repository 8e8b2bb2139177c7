import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from steepest import Layer, PluginError, plugins
from steepest.cli import app
from steepest.pipeline.names import ACTIVATIONS
from steepest.saved.config import from_config, to_config

RIGHT = """
from dataclasses import dataclass
from steepest import Layer

@dataclass(frozen=True, repr=False)
class Twice(Layer):
    factor: float = 2.0

    @staticmethod
    def forward(x, y, factor, rows):
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = factor * x[i, j]

    @staticmethod
    def backward_x(dy, dx, factor, rows):
        for i in rows:
            for j in range(dy.shape[1]):
                dx[i, j] = factor * dy[i, j]
"""
WRONG = RIGHT.replace("factor * dy[i, j]", "-factor * dy[i, j]")


@pytest.fixture
def write(tmp_path):
    """Write a module of a name that no other test uses; forget it afterwards."""
    names = []

    def write(name, text):
        names.append(name)
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    yield write
    for name in names:
        sys.modules.pop(name, None)
        plugins._used.pop(name, None)


def test_a_record_names_it_by_its_path_and_imports_nothing(write):
    path = write("plugin_there", RIGHT)
    record = {"type": "plugin_there:Twice", "factor": 3.0}
    with pytest.raises(PluginError, match=r"--plugin plugin_there\.py"):
        from_config(record, "layer")
    assert "plugin_there" not in sys.modules
    (module,) = plugins.use(path)
    layer = from_config(record, "layer")
    assert layer == module.Twice(3.0)
    assert to_config(layer) == record
    assert module.Twice in plugins.defined(Layer)
    assert ACTIVATIONS["twice"] is ACTIVATIONS["plugin_there:Twice"] is module.Twice
    assert plugins.use(path) == plugins.use(module) == [module]
    for odd in ("plugin_there:dataclass", "plugin_there:Layer", "plugin_there:None"):
        with pytest.raises(PluginError, match="it has Twice"):
            from_config({"type": odd}, "layer")
    with pytest.raises(PluginError, match="no loss 'Twice'"):
        from_config({"type": "plugin_there:Twice"}, "loss")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("plugin_broken", "1 / 0", "ZeroDivisionError"),
        ("plugin_syntax", "def", "SyntaxError"),
        ("plugin_empty", "x = 1", "defines no layer, loss, rule or schedule"),
        ("json", RIGHT, "another module 'json'"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, text, words):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    with pytest.raises(PluginError, match=words):
        plugins.use(path)
    sys.modules.pop("plugin_empty", None)
    with pytest.raises(PluginError, match="does not exist"):
        plugins.use(tmp_path / "nowhere.py")
    (tmp_path / "t.csv").write_text("a,b")
    with pytest.raises(PluginError, match="is no Python file: its name must end in"):
        plugins.use(tmp_path / "t.csv")
    with pytest.raises(PluginError, match="can't be imported"):
        plugins.use("no_such_module_anywhere")


def test_what_nobody_could_import_again_is_not_saved():
    class Local(Layer):
        pass

    with pytest.raises(PluginError, match="top of a file"):
        to_config(Local())
    with pytest.raises(PluginError, match="no layer, loss, rule or schedule"):
        to_config(np.zeros(2))


def test_examples_must_cover_what_is_defined(write):
    missing = plugins.use(write("plugin_few", RIGHT + "\nexamples = []\n"))[0]
    with pytest.raises(PluginError, match="examples lacks Twice"):
        plugins.examples(missing)
    needs = plugins.use(write("plugin_needs", RIGHT.replace(" = 2.0", "")))[0]
    with pytest.raises(PluginError, match="Say what to check"):
        plugins.examples(needs)


def test_check_on_the_command_line_says_what_is_wrong(write):
    good = CliRunner().invoke(app, ["check", str(write("plugin_right", RIGHT))])
    assert good.exit_code == 0, good.output
    assert "central differences" in good.output
    assert "1 of 1 are as they should be" in good.output
    bad = CliRunner().invoke(app, ["check", "-q", str(write("plugin_wrong", WRONG))])
    assert bad.exit_code == 1
    assert "Twice()" in bad.output
    assert "the sign is wrong" in bad.output
    assert "0 of 1 are as they should be" in bad.output
