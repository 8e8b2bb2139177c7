"""The pages of the reference, made of `steepest.__all__`: a name without a page is an error."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import steepest
from steepest import Layer, Loss, Rule
from steepest.checking import draw

EXAMPLES = Path(__file__).parents[2] / "docs" / "reference" / "examples.md"

# A page: its title, what its head says, and the modules (from their beginnings) whose names it has.
PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "networks": (
        "Networks and training",
        "A `Network` is layers and their parameters; a `Trainer` gives it a loss and a rule.",
        ("network", "trainer", "training", "decoder", "sampling", "ranks"),
    ),
    "estimators": (
        "Estimators",
        "scikit-learn's interface: `fit`, `predict`, `score`, parameters that searches reach.",
        ("estimators",),
    ),
    "layers": (
        "Layers and activations",
        "A layer is a frozen dataclass: its arguments are its fields. Wrong ones raise an "
        "`InputError` that says what was expected, and so does an input of a shape that it does "
        "not take, when the network is built. The [guide](../guide/layers.md) has them by purpose.",
        ("layers",),
    ),
    "losses": (
        "Losses",
        "A loss compares the outputs of a network, as they are, with targets. Targets that it does "
        "not take raise an `InputError`, before the first step.",
        ("losses",),
    ),
    "rules": (
        "Update rules",
        "A rule says what becomes of a gradient. `lr` is a number or a schedule. Arguments that "
        "make no sense raise an `InputError`.",
        ("rules",),
    ),
    "schedules": (
        "Schedules",
        "A schedule stands in the place of a number of a rule, and changes it from step to step.",
        ("schedules",),
    ),
    "models": (
        "Models and files",
        "What the command line and the estimators write, and files of other programs.",
        ("pipeline", "interchange"),
    ),
    "inspection": (
        "Gradients made visible",
        "What backpropagation computes, as arrays and as summaries. "
        "[The guide](../guide/gradients.md) tells how.",
        ("inspection",),
    ),
    "contracts": (
        "Checks and contracts",
        "What a layer, loss, rule or schedule of your own derives from, and what says whether it "
        "is right. [How to write one](../guide/your_own_layer.md).",
        ("checking", "layer", "loss", "rule", "schedule", "state", "declarations"),
    ),
    "errors": (
        "Errors",
        "Every error of Steepest is a `SteepestError`, and says where, what was expected, what "
        "came, and what to do. Most are also an error of Python that says the same: an "
        "`InputError` is a `ValueError`.",
        ("errors",),
    ),
}
HOMES = {module: page for page, (_, _, modules) in PAGES.items() for module in modules}
CATALOGUE = ("layers", "losses", "rules", "schedules")


def module_of(name: str) -> str:
    """Return the module or folder that a public name comes from."""
    return str(getattr(steepest, name).__module__.split(".")[1])


def page_of(name: str) -> str:
    """Return the page that a public name stands on."""
    module = module_of(name)
    if module not in HOMES:
        raise KeyError(
            f"steepest.{name} comes from steepest.{module}, which no page of the reference has: "
            f"add {module!r} to a page in {Path(__file__).name}"
        )
    return HOMES[module]


def own_examples() -> dict[str, str]:
    """Return the snippets of docs/reference/examples.md by their headings."""
    text = EXAMPLES.read_text("utf-8")
    return dict(re.findall(r"^## (\w+)\n+```python\n(.*?)```", text, re.MULTILINE | re.DOTALL))


def example(name: str) -> str:
    """Return code that shows a name at work, or nothing where its docstring has an example."""
    known = own_examples()
    thing = getattr(steepest, name)
    if name in known:
        return known[name]
    if page_of(name) == "errors":
        return known["SteepestError"].replace("SteepestError", name)
    if page_of(name) in CATALOGUE:
        return _of_catalogue(thing)
    return ""


def _of_catalogue(kind: type[Any]) -> str:
    """Return an example of a layer, loss, rule or schedule: the first of its file's own."""
    examples = sys.modules[kind.__module__].examples
    one = next(each for each in examples if type(each) is kind)
    text = repr(one)
    names = sorted({n for n in re.findall(r"\b[A-Z]\w*(?=\()", text) if hasattr(steepest, n)})

    def imports(*more: str) -> str:
        return f"from steepest import {', '.join(sorted({*names, *more}))}\n\n"

    if issubclass(kind, Layer):
        shape = draw.shape(one)
        given = shape[0] if len(shape) == 1 else shape
        network = steepest.Network(one, inputs=shape)
        lines = [f"network = Network({text}, inputs={given})"]
        lines += [f"network.input_shape, network.output_shape  # {shape}, {network.output_shape}"]
        for key, array in network.parameters.items():
            lines.append(f'network.parameters["{key}"].shape  # {array.shape}')
        return imports("Network") + "\n".join(lines) + "\n"
    if issubclass(kind, Loss):
        return imports("Dense", "Network", "Trainer") + f"Trainer(Network(Dense(3)), {text})\n"
    if issubclass(kind, Rule):
        return imports("Dense", "Network", "Squared", "Trainer") + (
            f"Trainer(Network(Dense(1)), Squared(), {text})\n"
        )
    return imports("Adam") + f"rule = Adam(lr={text})\n"


def _entry(name: str) -> str:
    thing = getattr(steepest, name)
    small = page_of(name) in (*CATALOGUE, "errors")
    lines = [f"[](){{ #steepest.{name} }}", "", f"::: {thing.__module__}.{thing.__qualname__}"]
    lines += ["    options:", f"      heading: {name}", f"      toc_label: {name}"]
    if small:
        lines += ["      members: false"]
    if page_of(name) in CATALOGUE:
        formula = inspect.cleandoc(sys.modules[thing.__module__].__doc__ or "")
        lines += ["", "**Formula**", "", formula]
    code = example(name)
    if code:
        lines += ["", "**Example**", "", "```python", code.rstrip(), "```"]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Return the reference: from the path of each page to its Markdown."""
    names: dict[str, list[str]] = {page: [] for page in PAGES}
    for name in steepest.__all__:
        names[page_of(name)].append(name)
    for page, own in names.items():  # in the order of the modules of the page
        own.sort(key=lambda name: PAGES[page][2].index(module_of(name)))
    found = {}
    for page, (title, head, _) in PAGES.items():
        entries = "\n\n".join(_entry(name) for name in names[page])
        found[f"reference/{page}.md"] = f"# {title}\n\n{head}\n\n{entries}\n"
    rows = []
    for page, (title, _, _) in PAGES.items():
        links = " · ".join(f"[`{name}`][steepest.{name}]" for name in names[page])
        rows.append(f"## [{title}]({page}.md)\n\n{links}\n")
    found["reference/index.md"] = (
        "# Reference\n\nEvery name here is imported from `steepest`. What is not here may change "
        "without notice ([what is promised](../promises.md)).\n\n" + "\n".join(rows)
    )
    return found
