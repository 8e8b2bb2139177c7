"""The engine of pages, in a real browser, beside ours: loss, gradients and ten steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steepest import Gradients, Network, Trainer, layers, losses, rules
from steepest.pipeline.playground.play import LAYERS, LOSSES
from steepest.pipeline.playground.remote import placed
from steepest.saved.config import from_config, known, to_config
from thorough import THOROUGH

TOLERANCE = 1e-5
MANY = 200 if THOROUGH else 24
ROWS, BATCH, STEPS = 24, 7, 12  # three epochs

COMPUTE = """async (problems) => {
  const { Network, Program } = await import("./engine/program.js");
  const { Training } = await import("./engine/training.js");
  return problems.map((problem) => {
    const network = new Network(problem.layers, problem.inputs);
    const named = (vector) => Object.fromEntries(
      network.parameters.map((one) => [one.name, [...network.view(one, vector)]]));
    network.parameters.forEach((one) => network.view(one).set(problem.theta[one.name].flat()));
    const X = Float64Array.from(problem.X.flat()), Y = Float64Array.from(problem.y.flat());
    const data = { X, Y, rows: problem.X.length, targets: problem.targets };
    const program = new Program(network, problem.loss, data.targets, data.rows);
    program.take(X, Y, problem.X.map((_, k) => k));
    const loss = program.descent(data.rows);
    const gradient = named(program.gradient);
    const steps = problem.rules.map((rule) => {
      const other = new Network(problem.layers, problem.inputs);
      other.theta.set(network.theta);
      const training = new Training(other, problem.loss, rule, data, problem.batch, 0);
      for (const rows of problem.batches) {
        training.take(rows);
        training.step();
      }
      return Object.fromEntries(other.parameters.map((one) => [one.name, [...other.view(one)]]));
    });
    return { outputs: network.outputs, loss, gradient, steps };
  });
}"""

SIMPLE = (
    *(layers.ReLU(), layers.LeakyReLU(0.1), layers.Tanh(), layers.Sigmoid(), layers.Softplus()),
    *(layers.SiLU(), layers.Mish(), layers.ELU(1.5), layers.SELU(), layers.GELU()),
    *(layers.GELU("tanh"), layers.Hardtanh(-0.5, 0.7), layers.Hardsigmoid(), layers.Hardswish()),
    *(layers.Scale(), layers.Affine(), layers.RootScale(), layers.PReLU(), layers.Identity()),
    layers.Flatten(),
    *(layers.Dropout(0.0), layers.Parametric(layers.SELU()), layers.Softmax()),
    *(layers.LogSoftmax(), layers.LayerNorm(), layers.RMSNorm(0.1), layers.Standardise()),
)
ALONG_ROWS = tuple(one for one in SIMPLE if one != layers.Flatten())
OF_A_ROW = layers.Softmax, layers.LogSoftmax, layers.LayerNorm  # constant on a single column
RULES = (
    rules.SGD(lr=0.01),
    rules.SGD(lr=0.01, momentum=0.9),
    rules.SGD(lr=0.01, momentum=0.8, nesterov=True),
    rules.SGD(lr=0.01, momentum=0.9, dampening=0.3),
    rules.Adam(lr=0.003),
    rules.Adam(lr=0.003, beta1=0.5, beta2=0.9, eps=0.01),
)


KINDS = "dense", "simple", "periodic", "norm", "residual", "parallel", "concat", "inner"
BAGS = (
    layers.EmbeddingBag(5, 3),
    layers.EmbeddingBag(5, 3, "sum", padding=0),
    layers.EmbeddingBag(5, 2, padding=1),
    layers.EmbeddingBag(5, 3, "sum", padding=0, weighted=True),
)


def members(rng, p, q):
    """Draw members that share layers, of q outputs."""
    inner, _ = chain(rng, p, 1, 3, ALONG_ROWS)
    links = ("identity", "sigmoid", "softmax")[: 2 if q == 1 else 3]
    shared = layers.Sequential(*inner)
    return layers.Sequential(
        layers.Adapters(3), shared, layers.Heads(q), layers.MemberMean(rng.choice(links))
    )


def last(rng, p, q):
    """Draw what has q outputs: one network, members that share layers, or several of these."""
    kind = rng.integers(4)
    if kind == 0:
        return [members(rng, p, q)]
    if kind == 1:
        return [layers.Concat(members(rng, p, q), members(rng, p, q)), layers.Average(2)]
    return [layers.Dense(q)]


def chain(rng, p, depth, length=4, simple=SIMPLE):
    """Draw layers one after the other; return them, and the width of what comes out."""
    found: list[Any] = []
    for _ in range(rng.integers(1, length)):
        kind = rng.choice(KINDS)
        if kind == "residual" and depth:
            inner, q = chain(rng, p, depth - 1, 3, simple)
            found.append(layers.Residual(*inner, *([layers.Dense(p)] if q != p else [])))
        elif kind == "parallel" and depth and p > 1:
            cut = int(rng.integers(1, p))
            parts = (
                chain(rng, cut, depth - 1, 3, simple)[0],
                chain(rng, p - cut, depth - 1, 3, simple)[0],
            )
            widths = cut, p - cut
            branches = [(w, layers.Sequential(*b)) for w, b in zip(widths, parts, strict=True)]
            found.append(layers.Parallel(*branches))
        elif kind == "inner" and depth:
            found.append(layers.Sequential(*chain(rng, p, depth - 1, 3, simple)[0]))
        elif kind == "concat" and depth:
            branches = [
                layers.Sequential(*chain(rng, p, depth - 1, 3, simple)[0]) for _ in range(2)
            ]
            found.append(layers.Concat(*branches))
        elif kind == "periodic":
            functions = layers.Periodic(3, 3), layers.PiecewiseLinear(4, 3)
            found.append(functions[rng.integers(2)])
        elif kind == "simple":
            one = simple[rng.integers(len(simple))]
            found.append(one if p > 1 or type(one) not in OF_A_ROW else layers.Tanh())
        else:
            bias = bool(rng.integers(4))
            found.append(layers.Dense(int(rng.integers(1, 12)), bias=bias))
        p = layers.Sequential(found[-1]).outputs(p)
    return found, p


def drawn_loss(rng):
    """Draw a loss; return it, with targets and the outputs that it needs."""
    q = int(rng.integers(1, 4))
    real, counts = rng.normal(size=(ROWS, q)), rng.poisson(2, (ROWS, q)).astype(float)
    share = rng.dirichlet(np.ones(3), ROWS)
    found = [
        (losses.Squared(), real, q),
        (losses.Absolute(), real, q),
        (losses.Huber(0.5), real, q),
        (losses.Logistic(), (real > 0).astype(float), q),
        (losses.Logistic(0.2), (real > 0).astype(float), q),
        (losses.Hinge(), np.sign(real), q),
        (losses.Poisson(), counts, q),
        (losses.Quantile((0.1, 0.5, 0.8)), real, 3 * q),
        (losses.GaussianNLL(), real, 2 * q),
        (losses.GaussianNLL(full=True, eps=0.5), real, 2 * q),
        (losses.SoftmaxCrossEntropy(), rng.integers(0, q + 1, ROWS), q + 1),
        (losses.SoftmaxCrossEntropy(0.1), share, 3),
        (losses.KLDivergence(), share, 3),
    ]
    return found[rng.integers(len(found))]


def problem(seed):
    """Draw a network in float64, its loss and its data."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 6))
    codes = int(rng.integers(0, 3))
    X = np.hstack([rng.normal(size=(ROWS, p)), rng.integers(0, 5, (ROWS, codes))])
    loss, y, q = drawn_loss(rng)
    start = []
    if codes:
        coded = layers.Embedding(5, 2) if codes != 2 else BAGS[rng.integers(len(BAGS))]
        start.append(layers.Parallel((p, layers.Identity()), (codes, coded)))
    width = layers.Sequential(*start, layers.Identity()).outputs(p + codes)
    middle, width = chain(rng, width, 2)
    made = (*start, *middle, *last(rng, width, q))
    network = Network(*made, inputs=p + codes, seed=seed, dtype="float64")
    network.theta[:] += 0.05 * rng.standard_normal(network.theta.size)
    for value in network.state.values():  # as float32, as which pages get it
        value += 0.05 * rng.standard_normal(value.shape)
        value[...] = value.astype("float32")
    return network, loss, X, y


def calm(rule, network, loss, X, y):
    """Return a rule whose steps are short where the gradient is long, so that none diverges."""
    length = np.linalg.norm(Gradients(network, loss).mean(X, y).vector)
    return rule if rule.adaptive else replace(rule, lr=0.01 / (1 + float(length)))


def batches():
    starts = range(0, ROWS, BATCH)
    cut = [list(range(start, min(start + BATCH, ROWS))) for start in starts]
    return [cut[step % len(cut)] for step in range(STEPS)]


def told(network, loss, X, y, chosen):
    """Return a problem as the engine takes it."""
    return {
        "layers": placed(network.layers, network.input_shape, network.state),
        "inputs": network.inputs,
        "theta": {name: view.tolist() for name, view in network.parameters.items()},
        "X": X.tolist(),
        "y": y.tolist(),
        "targets": 1 if y.ndim == 1 else y.shape[1],
        "loss": to_config(loss),
        "rules": [to_config(rule) for rule in chosen],
        "batch": BATCH,
        "batches": batches(),
    }


def apart(found, expected, floor):
    """Return how far apart arrays are, relative to the largest entry of each."""
    assert found.keys() == expected.keys()
    return max(
        float(
            np.abs(np.reshape(found[name], value.shape) - value).max(initial=0)
            / max(np.abs(value).max(initial=0), floor)
        )
        for name, value in expected.items()
    )


def test_random_networks_agree(modules):
    problems = [problem(seed) for seed in range(MANY)]
    chosen = [[calm(RULES[k % len(RULES)], *one)] for k, one in enumerate(problems)]
    asked = [told(*one, rule) for one, rule in zip(problems, chosen, strict=True)]
    for found, (network, loss, X, y), (rule,) in zip(
        modules.evaluate(COMPUTE, asked), problems, chosen, strict=True
    ):
        gradient = Gradients(network, loss).mean(X, y)
        assert found["outputs"] == network.outputs
        assert found["loss"] == pytest.approx(gradient.loss, rel=TOLERANCE)
        floor = 1e-6 * max(np.abs(gradient.vector).max(), 1e-3)
        assert apart(found["gradient"], gradient.theta, floor) < TOLERANCE, network
        if isinstance(network.layers[-1], layers.Average):
            continue  # its parts are trained one by one, and not together
        trainer = Trainer(network, loss, rule, batch=BATCH, sampling="sequential")
        trainer.fit(X, y, epochs=3)
        assert trainer.step == STEPS
        floor = 1e-3 * np.abs(network.theta).max()
        assert apart(found["steps"][0], dict(network.parameters), floor) < TOLERANCE, (
            network,
            rule,
        )


def kinds_of(layer):
    yield type(layer).__name__
    for inner in getattr(layer, "layers", ()):
        yield from kinds_of(inner)


def test_every_kind_is_drawn(modules):
    drawn = [problem(seed) for seed in range(200)]
    layers_seen = {name for network, *_ in drawn for name in kinds_of(network.layer)}
    losses_seen = {type(loss).__name__ for _, loss, *_ in drawn}
    kinds, lost = modules.evaluate(
        """async () => [
          Object.keys((await import("./engine/kinds.js")).KINDS),
          Object.keys((await import("./engine/losses.js")).LOSSES),
        ]"""
    )
    assert (layers_seen, losses_seen) == (set(kinds), set(lost))


def test_every_kind_is_one_of_python_with_the_same_settings(modules):
    kinds, lost, steps = modules.evaluate(
        """async () => {
          const told = (kinds) => Object.fromEntries(
            Object.entries(kinds).map(([name, kind]) => [name, kind.settings]));
          return [
            told((await import("./engine/kinds.js")).KINDS),
            told((await import("./engine/losses.js")).LOSSES),
            told((await import("./engine/rules.js")).RULES),
          ];
        }"""
    )
    for found, kind in ((kinds, "layer"), (lost, "loss"), (steps, "rule")):
        for name, settings in found.items():
            made = from_config({"type": name, **settings, **NEEDED.get(name, {})}, kind)
            assert type(made) is known(kind)[name]
            assert {k: to_config(made)[k] for k in settings} == settings


NEEDED = {
    "Concat": {"layers": [{"type": "Tanh"}]},
    "Parametric": {"layers": [{"type": "Tanh"}]},
    "Sequential": {"layers": [{"type": "Tanh"}]},
    "Residual": {"layers": [{"type": "Tanh"}]},
    "Parallel": {"layers": [{"type": "Tanh"}], "widths": [1]},
}


def test_what_it_does_not_compute_is_refused_by_name(modules):
    said = modules.evaluate(
        """async () => {
          const { Network } = await import("./engine/program.js");
          try {
            new Network([{ type: "LSTM", units: 3 }], 4);
          } catch (error) {
            return error.message;
          }
        }"""
    )
    assert said.startswith("LSTM: this page does not compute this layer")


def test_the_playground_knows_what_pages_compute(modules):
    kinds, lost = modules.evaluate(
        """async () => [
          Object.keys((await import("./engine/kinds.js")).KINDS),
          Object.keys((await import("./engine/losses.js")).LOSSES),
        ]"""
    )
    assert set(kinds) == LAYERS
    assert set(lost) > LOSSES  # its figures know what to draw of these
