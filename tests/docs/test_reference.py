"""Every public name is in the reference, with an example that runs."""

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest

import steepest

ROOT = Path(__file__).parents[2]


def load(name):
    """Import a module of scripts/docs, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


reference = load("reference")
EXAMPLES = {name: reference.example(name) for name in steepest.__all__}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reference"))
        namespace = {}
        exec(reference.own_examples()["Before"], namespace)
        yield namespace


@pytest.mark.parametrize("name", steepest.__all__)
def test_a_page_has_it(name):
    assert f"{{ #steepest.{name} }}" in reference.pages()[f"reference/{reference.page_of(name)}.md"]


@pytest.mark.parametrize("name", steepest.__all__)
def test_it_has_an_example(name):
    assert EXAMPLES[name] or "Examples\n--------" in inspect.getdoc(getattr(steepest, name))


@pytest.mark.parametrize("name", sorted(name for name in EXAMPLES if EXAMPLES[name]))
def test_the_example_runs(name, before):
    exec(compile(EXAMPLES[name], name, "exec"), dict(before))


def test_no_example_is_of_a_name_that_is_gone():
    assert set(reference.own_examples()) - {"Before"} <= set(steepest.__all__)


def test_names_without_a_page_are_an_error(monkeypatch):
    monkeypatch.setattr(
        steepest, "Stray", type("Stray", (), {"__module__": "steepest.stray"}), False
    )
    with pytest.raises(KeyError, match="which no page of the reference has"):
        reference.page_of("Stray")
