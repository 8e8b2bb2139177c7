"""numpydoc's validation of the docstrings of all public names, and of all that estimators have."""

import inspect
import re
from types import FunctionType

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

import steepest
from steepest import Layer, Loss, Rule, Schedule

ESTIMATORS = tuple(n for n in steepest.__all__ if hasattr(getattr(steepest, n), "get_params"))
WHERE_THEY_HELP = {"ES01", "EX01", "SA01"}  # more than a summary, examples, what to see as well
OF_THE_HOUSE = {
    "PR07": "a parameter whose name and type say all has no description",
    "PR08": "a description may begin with the symbol that it is about",
    "SS02": "a docstring may begin with a formula",
    "SS03": "a docstring may be a formula",
}
CONTRACTS = (Layer, Loss, Rule, Schedule)  # what their methods do stands in the contract


def findings(path, *others):
    return [
        each for each in validate(path)["errors"] if each[0] not in WHERE_THEY_HELP.union(*others)
    ]


def own_methods(kind):
    """Yield the public methods and properties that a class of ours has, and its bases of ours."""
    for name in dir(kind):
        owner = next(each for each in kind.__mro__ if name in vars(each))
        generated = name.startswith("set_") and name.endswith("_request")  # by scikit-learn
        if name[0] == "_" or generated or not owner.__module__.startswith("steepest"):
            continue
        if isinstance(vars(owner)[name], FunctionType | classmethod | property):
            yield name


def methods():
    for name in (name for name in steepest.__all__ if name not in ESTIMATORS):
        kind = getattr(steepest, name)
        if inspect.isclass(kind) and (kind in CONTRACTS or not issubclass(kind, CONTRACTS)):
            yield from (f"steepest.{name}.{method}" for method in own_methods(kind))


def public():
    yield from (
        f"steepest.{name}" for name in steepest.__all__ if callable(getattr(steepest, name))
    )
    yield from methods()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators(name):
    kind = getattr(steepest, name)
    for path in (f"steepest.{name}", *(f"steepest.{name}.{m}" for m in own_methods(kind))):
        assert not findings(path), path


def listed(thing):
    """Return the parameters that a docstring lists; of a class, those of its bases too."""
    docs = [thing] if not inspect.isclass(thing) else thing.__mro__[:-1]
    entries = (entry for each in docs for entry in get_doc_object(each)["Parameters"])
    return {name.strip("* ") for entry in entries for name in entry.name.split(",")}


def is_left_out_rightly(code, message, thing):
    if not get_doc_object(thing)["Parameters"]:
        return code in ("PR01", "RT01")
    return code == "PR01" and set(re.findall(r"'\*{,2}(\w+)'", message)) <= listed(thing)


@pytest.mark.parametrize("path", sorted({*public()}))
def test_public_names(path):
    """One line may say all; who lists parameters lists them all, or a base of the class does."""
    thing = Validator._load_obj(path)
    assert not [
        each for each in findings(path, OF_THE_HOUSE) if not is_left_out_rightly(*each, thing)
    ]
