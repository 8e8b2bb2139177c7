"""Every public constructor checks its arguments: no raw error for wrong ones."""

import contextlib
import inspect
from dataclasses import dataclass

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
    Layer,
    MLPClassifier,
    Network,
    Parameter,
    ReLU,
    Rule,
    Squared,
    State,
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
        (lambda: Adam(factors=[1]), "Adam: factors must be numbers in a mapping by name"),
        (lambda: Adam(factors={0: 1.0}), "Adam: factors must be numbers in a mapping by name"),
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
        (lambda: Parameter("x"), r"Parameter: shape must be whole numbers like \(3, 4\), got 'x'"),
        (lambda: Parameter((2, -1)), "shape must be a whole number of at least 0, got -1"),
        (lambda: Parameter((2,), decays="no"), "Parameter: decays must be True or False"),
        (lambda: Parameter((2,), rows=3), "Parameter: rows must be a FewRows such as"),
        (lambda: State(None), "State: shape must be whole numbers"),
        (lambda: State((2,), start="a"), "State: start must be a finite number, got 'a'"),
        (lambda: State((2,), start=(1.0, "a")), "each of start must be a finite number, got 'a'"),
        (
            lambda: Adam(lr=lambda: 0.1),
            r"lr must be a function of \(steps\), .*too many",
        ),
        (lambda: Dense(2, weights=lambda a: 1.0), r"weights must be a function of \(rng, shape\)"),
        (
            lambda: Network(Dense(2, weights=lambda r, s: np.full(s, np.nan)), inputs=2),
            r"must return finite numbers in an array of shape \(2, 2\), got ndarray",
        ),
        (lambda: Network(Dense(2, weights=lambda r, s: 1j), inputs=2), r"\(2, 2\), got 1j"),
        (lambda: Dropout(lambda a, b: a), "can't be called so: missing a required argument: 'b'"),
    ],
)
def test_one_sentence_says_what_is_wrong(make, message):
    with pytest.raises(InputError, match=message):
        make()


class Wanting:
    """What PyTorch's tensors do that are asked for their gradient."""

    shape, ndim, dtype = (4, 2), 2, np.dtype(float)

    def __len__(self):
        return 4

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach() first")


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
        (lambda n: steepest.History([{0: 1.0}]), "rows must be mappings"),
        (lambda n: Trainer(n, "squared"), "Trainer: loss must be a loss"),
        (lambda n: Trainer(n, Squared(), "adam"), "Trainer: rule must be a rule .* got 'adam'"),
        (lambda n: Trainer(n, Squared(), Adam), "the class Adam: make one, like Adam"),
        (lambda n: Trainer(n, Squared()).fit(X, Y, resume="no"), "resume must be True or False"),
        (lambda n: Trainer(n, Squared()).fit(X, Y, metrics=np.array(3)), "expected names or func"),
        (lambda n: Trainer(n, Squared()).evaluate(X, Y, metrics=[Adam]), "is the class Adam"),
        (lambda n: Trainer(n, Squared()).evaluate(X, Y, metrics=[len]), r"a function of \(y, pred"),
        (
            lambda n: Trainer(n, Squared()).evaluate(X, Y, metrics={"a": lambda y, p: "x"}),
            "metrics: a must return a number, got 'x'",
        ),
        (
            lambda n: Trainer(n, Squared()).fit(X, Y, metrics={0: max}),
            "a name must be a text, got 0",
        ),
        (
            lambda n: steepest.importance(n, Squared(), X, Y, metric=lambda y, p: None),
            "metrics: <lambda> must return a number, got None",
        ),
        (lambda n: Trainer(n, Squared()).evaluate(Wanting(), Y), "X must be numbers .* detach"),
        (lambda n: MLPClassifier().fit(Wanting(), [0, 1]), "MLPClassifier: .* detach"),
        (lambda n: MLPClassifier().fit(X, Wanting()), "MLPClassifier: .* detach"),
        (
            lambda n: Trainer(n, Squared()).fit(X, Y, callbacks=[lambda: None]),
            r"each of callbacks must be a function of \(progress\)",
        ),
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


def own_layer(answers):
    """Return a layer of a user's, whose methods return what they are told to."""
    methods = {name: lambda *_, answer=answer: answer for name, answer in answers.items()}
    return type("Own", (Layer,), methods)()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"outputs": None}, r"layer 0: Own: outputs\(2\) must be a whole number .*, got None"),
        ({"outputs": 0}, r"layer 0: Own: outputs\(2\) must be a whole number of at least 1, got 0"),
        ({"outputs": "3"}, r"outputs\(2\) must be a whole number of at least 1, got '3'"),
        ({"output_shape": 3}, r"layer 0: Own: output_shape\(\(2,\)\) must be whole numbers like"),
        ({"parameters": [1]}, r"layer 0: Own.parameters must return a dict by name, .* got \[1\]"),
        ({"parameters": {"a": (2,)}}, "Own.parameters: 'a' must be a parameter such as Parameter"),
        ({"parameters": {1: Parameter((2,))}}, "must name arrays as kernels do, like 'A', got 1"),
        ({"state": {"a b": State((2,))}}, "Own.state must name arrays as kernels do"),
    ],
    ids=str,
)
def test_what_a_layer_of_a_user_says_is_looked_at(answers, message):
    with pytest.raises(InputError, match=message):
        Network(own_layer(answers), Dense(1), inputs=2)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("x", "got 'x'; for one that never changes, give the number"),
        (0.1, "got 0.1; for one that never changes, give the number itself"),
        (None, "got None"),
        (
            np.array([-1.0]),
            "an array of 1 finite numbers of at least 0, one for each step, got .-1.0.",
        ),
        (np.array([1j]), r"got \[1j\]"),
    ],
)
def test_what_a_schedule_of_a_user_returns_is_looked_at(returned, said):
    def falling(steps):
        return returned

    trainer = Trainer(Network(Dense(1)), Squared(), Adam(lr=falling))
    with pytest.raises(InputError, match=f"the schedule falling must return .*{said}"):
        trainer.fit(X, Y, epochs=1)


@dataclass(frozen=True, kw_only=True)
class OwnRule(Rule):
    slots = ("a b",)

    @staticmethod
    def step(self, theta, g, entries):
        theta[0] = g[0]


@dataclass(frozen=True, kw_only=True)
class Slotless(OwnRule):
    slots = ()


@dataclass(frozen=True, kw_only=True)
class Misspelt(Slotless):
    @staticmethod
    def step(theta, g, entries):
        theta[0] = nothing  # noqa: F821


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (OwnRule(), r"OwnRule: slots must be names in a tuple, like \('m', 'v'\), got \('a b',\)"),
        (Slotless(), "step is no static method: .* and take self out of its arguments"),
        (Misspelt(), "Misspelt.step can't be compiled: NameError: name 'nothing' is not defined"),
    ],
)
def test_what_a_rule_of_a_user_lacks_is_said(rule, message):
    with pytest.raises(InputError, match=message) as caught:
        Trainer(Network(Dense(1)), Squared(), rule).fit(X, Y, epochs=1)
    assert "\x1b" not in str(caught.value)


def test_outputs_that_no_memory_can_hold():
    network = Network(steepest.ZeroPad(10**18), inputs=(4, 4, 2))
    with pytest.raises(steepest.OutOfMemoryError, match="more than a process can have"):
        network.predict(np.ones((1, 4, 4, 2)))
