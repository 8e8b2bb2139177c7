"""Every public constructor checks its arguments: no raw error for wrong ones."""

import contextlib
import inspect

import numpy as np
import pytest

import steepest
from steepest import (
    Adam,
    Checkpoint,
    Cosine,
    Dense,
    Dropout,
    Gradients,
    InputError,
    Network,
    ReLU,
    Rule,
    Squared,
    SteepestError,
    Trainer,
    Watch,
)

WRONG = [None, "abc", "", -1, 0, 2.5, float("nan"), float("inf"), 10**400, True, [], [1, 2], {},
         {"a": 1}, np.array([1.0]), np.array(None), b"x", 1 + 2j, object(), int, Dense, Dense(2),
         Cosine]  # fmt: skip
NEEDS = {"Embedding": (3, 2), "Parametric": (ReLU(),), "Network": (Dense(2),), "Dropout": (0.1,),
         "Trainer": (Network(Dense(1)), Squared()), "Dense": (3,), "Checkpoint": ("here",),
         "Gradients": (Network(Dense(1)), Squared()), "Periodic": (2,)}  # fmt: skip
X, Y = np.ones((4, 2)), np.ones(4)
KINDS = (steepest.Layer, steepest.Loss, Rule, steepest.Schedule)
ABSTRACT = {"Layer", "Loss", "Rule", "Schedule"}


def constructors():
    for name in steepest.__all__:
        kind = getattr(steepest, name)
        made = isinstance(kind, type) and name not in ABSTRACT
        if made and (name in NEEDS or issubclass(kind, KINDS)):
            yield kind


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", list(constructors()), ids=lambda kind: kind.__name__)
def test_wrong_arguments_are_told_by_our_errors_alone(kind):
    """What is accepted can be shown; all else is refused by an error of ours."""
    parameters = [
        p for p in inspect.signature(kind).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]  # fmt: skip
    given = NEEDS.get(kind.__name__, ())
    known = {p.name: value for p, value in zip(parameters, given, strict=False)}
    if kind is Network:
        known = {}
    elif not given:
        known = {p.name: 0.1 for p in parameters if p.default is p.empty}
    layers = given if kind is Network else ()
    for parameter in parameters:
        for value in WRONG:
            with contextlib.suppress(SteepestError):
                assert repr(kind(*layers, **{**known, parameter.name: value}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(lr=Cosine), r"Adam: lr is the class Cosine: make one, like Cosine\(…\)"),
        (lambda: Adam(lr=10**400), "Adam: lr must be"),
        (lambda: Adam(factors=[1]), "Adam: factors must be numbers by the names"),
        (lambda: Adam(epsilon_hat="yes"), "epsilon_hat must be True or False, got 'yes'"),
        (lambda: Adam(penalty_over_batch=1), "penalty_over_batch must be True or False"),
        (lambda: Dropout(Cosine), "rate is the class Cosine"),
        (lambda: Dense(2, bias=None), "Dense: bias must be True or False"),
        (lambda: Dense(2, weights=[1]), r"Dense: weights must be one of .* array, got \[1\]"),
        (lambda: Network(Dense(2), dtype="foo"), "dtype must be one of float32, float64"),
        (lambda: Network(Dense(2), dtype=None), "dtype must be one of float32, float64"),
        (lambda: Network(Dense(2), seed=-1), "Network: seed must be"),
        (lambda: Network(Dense(2), seed=2**63), "Network: seed must be"),
        (lambda: Network(ReLU), "expected layers"),
        (lambda: Gradients(Dense(2), Squared()), "Gradients: network must be a network"),
        (lambda: Gradients(Network(Dense(2)), Squared), "got the class Squared"),
        (lambda: Watch(say="print"), "Watch: say must be a function"),
        (lambda: Watch(seed="a"), "Watch: seed must be"),
        (lambda: Checkpoint(3), "Checkpoint: folder must be a path, got 3"),
        (lambda: Checkpoint("a", report="print"), "Checkpoint: report must be a function"),
    ],
)
def test_one_sentence_says_what_is_wrong(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: steepest.gradient("n", Squared(), X, Y), "network must be a network such as"),
        (lambda n: steepest.importance(n, Squared, X, Y), "loss must be a loss .* the class Squa"),
        (
            lambda n: steepest.importance(n, Squared(), X, Y, {"a": [9]}),
            "some of the 2 columns",
        ),
        (lambda n: steepest.importance(n, Squared(), X, Y, [1]), "groups must be columns by name"),
        (lambda n: steepest.init_from_data(n, X, seed="a"), "seed must be a whole number"),
        (lambda n: steepest.from_state_dict(n, 3), "expected a module, or a mapping"),
        (lambda n: steepest.export_onnx(3, "a.onnx"), "got an object of type int"),
        (lambda n: steepest.import_onnx(3), "import_onnx: path must be a path"),
        (lambda n: steepest.load(None), "load: folder must be a path"),
        (lambda n: steepest.load("a", plugins="b.py"), "plugins must be a list"),
        (lambda n: steepest.check(ReLU(), rtol="a"), "check: rtol must be"),
        (lambda n: steepest.check(ReLU(), seed=None), "check: seed must be"),
        (lambda n: steepest.conformal_margin("a", Y, Y), "conformal_margin: y"),
        (lambda n: steepest.History([1]), "rows must be mappings"),
        (lambda n: Trainer(n, "squared"), "Trainer: loss must be a loss"),
        (lambda n: Trainer(n, Squared(), "adam"), "Trainer: rule must be a rule .* got 'adam'"),
        (lambda n: Trainer(n, Squared(), Adam), "the class Adam: make one, like Adam"),
        (lambda n: Trainer(n, Squared()).fit(X, Y, resume="no"), "resume must be True or False"),
        (lambda n: Trainer(n, Squared()).fit(X, Y, metrics=np.array(3)), "expected names or func"),
        (lambda n: Trainer(n, Squared()).evaluate(X, Y, metrics=[Adam]), "is the class Adam"),
    ],
)
def test_functions_say_what_is_wrong(call, message):
    with pytest.raises(SteepestError, match=message):
        call(Network(Dense(1), inputs=2))


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64"), float])
def test_dtypes_are_taken_as_numpy_has_them(dtype):
    assert Network(Dense(2), inputs=1, dtype=dtype).theta.dtype == np.float64


def test_numpy_numbers_and_flags_are_taken():
    assert Dense(np.int32(4), bias=np.bool_(True)).outputs(2) == 4
    assert Adam(lr=np.float32(0.5), epsilon_hat=np.bool_(False)).lr == 0.5
    assert Network(Dense(np.int64(4)), inputs=np.int16(3), seed=np.uint8(2)).seed == 2
    trainer = Trainer(Network(Dense(1)), Squared(), batch=np.int64(2), seed=np.uint64(3))
    assert len(trainer.fit(np.ones((4, 2)), np.ones(4), epochs=np.int8(2))) == 2
