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
        (lambda: Dense(2, weights=[1]), "no initialiser"),
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


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64"), float])
def test_dtypes_are_taken_as_numpy_has_them(dtype):
    assert Network(Dense(2), inputs=1, dtype=dtype).theta.dtype == np.float64


def test_numpy_numbers_and_flags_are_taken():
    assert Dense(np.int32(4), bias=np.bool_(True)).outputs(2) == 4
    assert Adam(lr=np.float32(0.5), epsilon_hat=np.bool_(False)).lr == 0.5
    assert Network(Dense(np.int64(4)), inputs=np.int16(3), seed=np.uint8(2)).seed == 2
    trainer = Trainer(Network(Dense(1)), Squared(), batch=np.int64(2), seed=np.uint64(3))
    assert len(trainer.fit(np.ones((4, 2)), np.ones(4), epochs=np.int8(2))) == 2
