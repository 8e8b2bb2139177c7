"""The plan of the house: who may import whom, and where Numba and LLVM are known."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "steepest"

# A file imports from its own room and from rooms on lower floors; types count as imports.
GROUND = ("errors", "validate", "arrays", "records", "printing", "plotting", "settings", "collect")
CONTRACTS = ("contract", "emitter", "layer", "loss", "rule", "schedule", "schedules", "onnx_form")
CONTRACTS += ("onnx_reading", "init", "metrics", "shape", "state", "example_gradients")
CONTRACTS += ("declarations",)
FLOORS = (
    ("ground",),
    ("system", "pages"),
    ("ranks",),
    *((name,) for name in ("kernels", "compiler", "engine", "contracts")),
    ("layers", "losses", "rules", "sampling", "parameters"),
    *((name,) for name in ("lowering", "network", "training")),
    ("trainer", "decoder"),
    ("inspection",),
    ("plugins", "tables", "images", "probabilities"),
    ("saved",),
    ("checking", "pipeline"),
    ("interchange", "estimators", "model"),
    ("warmup",),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# Tables and images know no network: what lies between is on lower floors, yet not theirs to use.
ALLOWED = {"tables": {"ground", "system"}, "images": {"ground", "system"}}


def module_of(file: Path) -> str:
    """Return the dotted name below ``steepest``; a package is ``package.__init__``."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts)


MODULES = {module_of(file): file for file in sorted(SOURCE.rglob("*.py"))}


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the modules of Steepest that a module imports, types included, with the line."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = module.split(".")[: -node.level]
            name = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{name}.{alias.name}".strip(".")
                for found in (inner, f"{inner}.__init__", name, f"{name}.__init__".strip(".")):
                    if found in MODULES:
                        yield found, node.lineno
                        break


def room(module: str) -> str:
    """Return the folder that a module is in; the files beside the folders make up two rooms."""
    first = module.split(".")[0]
    return "ground" if first in GROUND else "contracts" if first in CONTRACTS else first


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    own = room(module)
    wrong = [
        f"{MODULES[module]}:{line} imports {found}"
        for found, line in imports(module)
        if room(found) != own
        and (LEVEL[room(found)] >= LEVEL[own] or room(found) not in ALLOWED.get(own, set(LEVEL)))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle():
    """Follow imports, types included; a module that leads back to itself is a fault."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for found, _ in imports(module):
                if found != module:
                    visit(found, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def others(module: str) -> Iterator[tuple[str, int]]:
    """Yield the packages that a module imports by their full names, with the line."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0], node.lineno


def test_numba_and_llvm_are_known_by_the_compiler_alone():
    for module, file in MODULES.items():
        for package, line in others(module):
            known = package in ("numba", "llvmlite")
            assert not known or room(module) == "compiler", f"{file}:{line} imports {package}"
            assert package != "steepest", f"{file}:{line} imports by a full name; use dots"


def test_the_heart_is_short():
    """From the contract of a layer by one layer and the step to one rule."""
    heart = ("layer", "layers.dense", "training.step", "rules.sgd")
    lines = {name: len(MODULES[name].read_text("utf-8").splitlines()) for name in heart}
    assert sum(lines.values()) < 450, lines


LINES, PARAMETERS, NESTING = 60, 8, 4
"""What a function may have; lines without its docstring, parameters without ``self``."""

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.FunctionDef)

# Who may have more parameters, with the reason. Nobody has more lines, or deeper blocks.
REASONS = {
    "its parameters are the options of the command": {
        "cli.explain.explain",
        "cli.predict.predict",
        "cli.train.train",
    },
    "its arguments are all that a product through windows can have": {
        "compiler.intrinsics._multiply_windows",
        "kernels.windows.add_windows_and_sum",
        "kernels.windows.multiply_windows",
        "kernels.windows.summing_windows",
        "kernels.windows.channel_windows",
        "kernels.windows.windows",
        "kernels.windows_bfloat16.windows",
    },
    "its arguments are those of BLAS ?gemm": {
        "compiler.intrinsics._gemm_call",
        "kernels.matmul.gemm",
        "kernels.matmul_bfloat16.gemm",
    },
    "its parameters are scikit-learn's, or settings beside them": {
        "estimators.classifier.MLPClassifier.__init__",
        "estimators.regressor.MLPRegressor.__init__",
        "estimators.image.ImageClassifier.__init__",
        "estimators.tabular.TabularClassifier.__init__",
        "estimators.tabular.TabularRegressor.__init__",
        "estimators.text.TextClassifier.__init__",
    },
    "its parameters are settings that users give by name": {
        "checking.check",
        "inspection.importance.importance",
        "trainer.Trainer.__init__",
        "trainer.Trainer.fit",
    },
    "a kernel has an argument for each operand": {
        "compiler.simd._update_strip",
        "compiler.simd.microtile_of.multiply",
        "engine.driver.drive",
        "kernels.drawing.draw_tokens",
        "layers._attention.kernels.backward_x",
        "layers._attention.kernels.forward",
        "layers._attention.one_step.attend",
        "layers._bag.csr.backward_theta",
        "layers._bag.csr.forward",
        "layers._convolution.kernels.backward_theta",
        "layers._convolution.kernels.backward_theta_by_channels",
        "layers._convolution.kernels.backward_theta_widened",
        "layers._convolution.pairs.backward_theta",
        "layers._convolution.winograd.convolve",
        "layers._convolution.winograd_gradients.backward_theta",
        "layers._dense.csr.backward_theta",
        "layers._dense.example_gradients.gradients_sparse",
        "layers._dense.example_gradients.gradients_sparse_rows",
        "layers._dense.example_gradients.squares_sparse",
        "layers._dense.one_example.update_and_forward",
        "layers._recurrence.kernels.pack",
        "layers._recurrence.theta.backward_theta",
        "layers.batch_norm.BatchNorm.average",
        "layers.batch_norm.BatchNorm.backward_x",
        "layers.batch_norm.BatchNorm.settle",
        "layers.group_norm.GroupNorm.backward_theta",
        "layers.group_norm.GroupNorm.forward",
        "layers.embedding_bag.EmbeddingBag.backward_theta",
        "layers.gru.GRU.backward",
        "layers.gru.GRU.backward_theta",
        "layers.gru.GRU.forward",
        "layers.gru.backward_before",
        "layers.gru.backward_theta_before",
        "layers.gru.forward_before",
        "layers.lstm.LSTM.backward",
        "layers.lstm.LSTM.forward",
        "layers.max_pool.MaxPool.forward",
        "layers.monotone_dense.MonotoneDense.backward_theta",
        "layers.periodic.Periodic.backward_theta",
        "layers.piecewise_linear.PiecewiseLinear.backward_theta",
        "layers.tied_embedding.TiedEmbedding.backward_theta",
        "layers.recurrent.Recurrent.backward",
        "layers.recurrent.Recurrent.forward",
        "layers.recurrent.backward_relu",
        "layers.recurrent.forward_relu",
        "losses._class_weights.gradient_weighted",
        "losses.gaussian_nll.GaussianNLL.gradient",
        "losses.logistic.Logistic.gradient_weighted",
        "losses.poisson.Poisson.gradient_of_rates",
        "probabilities.log_loss.CalibratedLogLoss.gradient",
        "probabilities.log_loss.CalibratedLogLoss.value",
        "rules.adadelta.Adadelta.step",
        "rules.adafactor.follow",
        "rules.adam.Adam.step",
        "rules.adam.Adam.step_amsgrad",
        "rules.adamax.Adamax.step",
        "rules.asgd.ASGD.step",
        "rules.nadam.NAdam.step",
        "rules.radam.RAdam.step",
        "rules.rmsprop.RMSprop.step_centred_momentum",
        "rules.rprop.Rprop.step",
        "rules.schedule_free_adamw.ScheduleFreeAdamW.step",
        "sampling.change_images",
    },
}


def functions(node: ast.AST, name: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield all functions of a module, with their names in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = f"{name}.{child.name}"
            if isinstance(child, ast.FunctionDef):
                yield inner, child
            yield from functions(child, inner)
        else:
            yield from functions(child, name)


def depth(node: ast.AST) -> int:
    """Return how many blocks lie within one another; an ``elif`` is no block within its ``if``."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not chained))
    return deepest


def beyond(function: ast.FunctionDef) -> tuple[bool, bool, bool]:
    """Return whether a function has too many lines, too many parameters, too deep blocks."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        lines -= text.end_lineno - text.lineno + 1
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    count = len(named) + (given.vararg is not None) + (given.kwarg is not None)
    count -= bool(named) and named[0].arg in ("self", "cls")
    return lines > LINES, count > PARAMETERS, depth(function) > NESTING


def test_functions_are_short():
    long, wide, deep = set(), set(), set()
    for module, file in MODULES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for name, function in functions(tree, module.removesuffix(".__init__")):
            for found, too_much in zip((long, wide, deep), beyond(function), strict=True):
                if too_much:
                    found.add(name)
    assert not long, f"more than {LINES} lines"
    assert not deep, f"blocks deeper than {NESTING}"
    assert wide == set().union(*REASONS.values()), f"more than {PARAMETERS} parameters"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a, b, c, d, e, f, g, h):\n" + "    pass\n" * 59, (False, False, False)),
        ("def f():\n    '''Long.\n\n" + "    …\n" * 80 + "    '''", (False, False, False)),
        ("def f():\n" + "    pass\n" * 60, (True, False, False)),
        ("def f(a, *b, c, d, e, f, g, h, **i): pass", (False, True, False)),
        ("def f(self, a, b, c, d, e, f, g, h): pass", (False, False, False)),
        (
            "def f():\n if a:\n  for b in c:\n   while d:\n    with e:\n     if f: pass",
            (False, False, True),
        ),
        ("def f():\n if a: pass" + "\n elif b: pass" * 6, (False, False, False)),
    ],
)
def test_what_is_beyond(source, expected):
    assert beyond(ast.parse(source).body[0]) == expected
