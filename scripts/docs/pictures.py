"""Draw the pictures of the course, and of how trainings scale: `python scripts/docs/pictures.py`.

They are small SVG files. Every curve of the course is computed, by Steepest where it trains; how
trainings scale is drawn from what `benchmarks/scale.py` has measured, docs/performance/scale.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from steepest import (
    SGD,
    Adam,
    Dense,
    Identity,
    Network,
    ReLU,
    Residual,
    Squared,
    Tanh,
    Trainer,
    gradient,
    per_example_gradients,
)

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS.parent / "benchmarks"))

from scale import CHOSEN, RANKS, SHAPES, efficiency, over, simulated  # noqa: E402

BLUE, ORANGE, GREEN, GREY = "#1c6ea4", "#d9480f", "#2b8a3e", "#868e96"
SHOWN = (1, 2, 4, 16, 64, 256, 1000)
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "steepest",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify_threshold": 0.3,
}


def _panels(count: int = 1, height: float = 3.0, **settings: object) -> tuple[Figure, list]:
    figure = Figure((3.4 * count if count > 1 else 5.2, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False, **settings)[0])


def objective() -> Figure:
    """Draw both average losses over a constant prediction."""
    y, b = np.array([0.0, 1.0, 2.0, 10.0]), np.linspace(-1, 11, 121)
    figure, (axes,) = _panels()
    for name, colour, best, values in (
        ("half the squared error", BLUE, y.mean(), (0.5 * (b[:, None] - y) ** 2).mean(1)),
        ("absolute error", ORANGE, 1.5, abs(b[:, None] - y).mean(1)),
    ):
        axes.plot(b, values, color=colour, label=name)
        axes.plot(best, np.interp(best, b, values), "o", color=colour)
    axes.plot(y, np.zeros(4), "|", color="black", markersize=12, label="the four targets")
    axes.set(xlabel="b", ylabel="average loss", ylim=(-1, 20))
    axes.legend(frameon=False)
    return figure


def descent() -> Figure:
    """Draw four descents on one parabola."""
    figure, panels = _panels(4, 2.6, sharey=True)
    A = np.linspace(-4, 10, 99)
    for axes, lr in zip(panels, (0.1, 1.0, 1.9, 2.1), strict=True):
        where = 3 - 3 * (1 - lr) ** np.arange(8)
        axes.plot(A, (A - 3) ** 2 / 2, color=GREY)
        axes.plot(where, (where - 3) ** 2 / 2, "o-", color=ORANGE, markersize=4, linewidth=1)
        axes.set(title=f"η = {lr}", xlabel="θ", ylim=(-0.5, 18), xlim=(-4, 10))
    panels[0].set_ylabel("L(θ)")
    figure.set_size_inches(9, 2.6)
    return figure


def stochastic_step() -> Figure:
    """Draw three paths of training over the contours of the objective."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((400, 2)) * [1, 0.6]
    y = X @ [2.0, 1.0] + rng.standard_normal(400)
    a, b = np.meshgrid(np.linspace(-2.5, 3, 60), np.linspace(-3, 3, 60))
    L = ((X[:, 0] * a[..., None] + X[:, 1] * b[..., None] - y) ** 2).mean(-1) / 2
    figure, panels = _panels(3, 2.8, sharey=True)
    start = np.array([[-2.0, -2.5]])
    kinds = (("all examples", 400, 60), ("16 examples", 16, 60), ("one example", 1, 150))
    for axes, (name, batch, steps) in zip(panels, kinds, strict=True):
        network = Network(Dense(1, bias=False), inputs=2)
        network.parameters["0.A"][...] = start
        sampling = "full" if batch == 400 else "uniform"
        trainer = Trainer(network, Squared(), SGD(lr=0.15), batch=batch, sampling=sampling)
        path = [start[0]]
        for _ in range(steps):
            rows = rng.integers(400, size=batch) if batch < 400 else slice(None)
            trainer.fit([(X[rows], y[rows])])
            path.append(network.parameters["0.A"][0].copy())
        axes.contour(a, b, L, 9, colors=GREY, linewidths=0.5)
        axes.plot(*np.array(path).T, ".-", color=ORANGE, markersize=2, linewidth=0.8)
        axes.set(title=f"{name} a step", xlabel="θ₁")
    panels[0].set_ylabel("θ₂")
    return figure


def expectation() -> Figure:
    """Draw single gradients and means of 16 around the gradient of all."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 4)), rng.standard_normal(300)
    network = Network(Dense(8), ReLU(), Dense(1), inputs=4, dtype="float64", seed=1)
    each = per_example_gradients(network, Squared(), X, y)["0.A"][:, 0, :2]
    means = each[rng.integers(300, size=(300, 16))].mean(axis=1)
    figure, panels = _panels(2, 3.2, sharex=True, sharey=True)
    for axes, points, title in zip(
        panels, (each, means), ("one example", "mean of 16 examples"), strict=True
    ):
        axes.plot(*points.T, ".", color=BLUE, markersize=3, alpha=0.5)
        axes.plot(*each.mean(0), "o", color=ORANGE, markersize=7)
        axes.set(title=title, xlabel="∂ℓ/∂A₁₁")
    panels[0].set_ylabel("∂ℓ/∂A₁₂")
    return figure


def layer() -> Figure:
    """Draw a sine, and what networks with and without σ make of it."""
    x = np.linspace(-3, 3, 200)[:, None]
    y = np.sin(2 * x[:, 0])
    figure, (axes,) = _panels()
    axes.plot(x, y, color=GREY, linewidth=4, alpha=0.5, label="sin 2x")
    for sigma, units, colour in ((Identity(), 32, GREEN), (Tanh(), 2, BLUE), (Tanh(), 32, ORANGE)):
        trainer = Trainer(
            Network(Dense(units), sigma, Dense(1), inputs=1), Squared(), Adam(lr=0.01), batch=20
        )
        trainer.fit(x, y, epochs=300)
        name = "without σ" if isinstance(sigma, Identity) else f"{units} units of tanh"
        axes.plot(x[::2], trainer.predict(x)[::2], color=colour, label=name)
    axes.set(xlabel="x", ylim=(-1.3, 2.1))
    axes.legend(frameon=False, ncols=2, loc="upper center")
    return figure


def _boxes(names: list[str], down: list[str] | None, height: float) -> Figure:
    """Draw a row of boxes, with values going right above and gradients going left below."""
    figure = Figure((1.75 * len(names) + 1.4, height), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.75, len(names) - 0.2), ylim=(-0.8 if down else -0.35, 0.62))
    axes.axis("off")
    for k, name in enumerate(names):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#f1f3f5", "edgecolor": "black"}
        axes.text(k, 0, name, ha="center", va="center", bbox=box)
        if down and down[k]:
            arrow = {"arrowstyle": "->", "color": ORANGE, "linewidth": 1.6}
            axes.annotate("", (k, -0.55), (k, -0.2), arrowprops=arrow)
            axes.text(k, -0.72, down[k], ha="center", color=ORANGE)
    for k in range(len(names) + 1):
        for y, colour, text, style in (
            (0.18, BLUE, f"$y_{k}$" if k else "$x$", "->"),
            (-0.16, ORANGE, rf"$\nabla_{{y_{k}}}\ell$" if k else r"$\nabla_x\ell$", "<-"),
        ):
            arrow = {"arrowstyle": style, "color": colour, "linewidth": 1.6}
            axes.annotate("", (k - 0.3, y), (k - 0.7, y), arrowprops=arrow)
            shift = 0.1 if y > 0 else -0.15
            axes.text(k - 0.5, y + shift, text, ha="center", color=colour)
    return figure


def chain_rule() -> Figure:
    """Draw values going forwards and gradients going backwards."""
    return _boxes(["$f_1$", "$f_2$", "$f_3$"], None, 1.5)


def phi() -> Figure:
    """Draw one layer, what Φ is given, and what it gives."""
    return _boxes(
        [f"$f_{k},\\; \\Phi_{k}$" for k in (1, 2, 3)],
        [rf"$\nabla_{{\theta_{k}}}\ell$" for k in (1, 2, 3)],
        2.2,
    )


def backwards() -> Figure:
    """Draw the size of the gradient on its way back through ten layers."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((64, 32)), rng.standard_normal((64, 32))
    figure, (axes,) = _panels()
    for name, colour, scale, around in (
        ("A too small", BLUE, 0.5, False),
        ("A too large", ORANGE, 2.0, False),
        ("A too small, y = x + g(x)", GREEN, 0.5, True),
    ):
        blocks = [(Dense(32), Tanh()) for _ in range(10)]
        layers = [Residual(*b) for b in blocks] if around else [each for b in blocks for each in b]
        network = Network(*layers, inputs=32, dtype="float64")
        for key, array in network.parameters.items():
            if key.endswith("A"):
                array[...] = rng.standard_normal((32, 32)) * scale / np.sqrt(32)
        dy = gradient(network, Squared(), X, Y).dy
        ends = [str(k) for k in range(10)] if around else [str(2 * k + 1) for k in range(10)]
        norms = [np.linalg.norm(dy[key]) for key in ends]
        axes.semilogy(range(1, 11), norms, "o-", color=colour, markersize=4, label=name)
    axes.set(xlabel="layer", ylabel="length of the gradient")
    axes.invert_xaxis()
    axes.legend(frameon=False)
    return figure


def scaling() -> Figure:
    """Draw the efficiency of 1 to 1,000 ranks: lines are simulated, points are measured."""
    found = json.loads((DOCS / "performance" / "scale.json").read_text("utf-8"))
    name = next(iter(SHAPES))
    figure, (axes,) = _panels(height=3.4)
    lines = (("100 Gb/s", None, BLUE), ("10 Gb/s", None, ORANGE), ("10 Gb/s", 1, GREEN))
    for network, every, colour in lines:
        values = [simulated(found, name, network, n, every)[0] for n in RANKS]
        what = "every gradient" if every else "k chosen"
        axes.semilogx(RANKS, values, color=colour, label=f"simulated, {network}, {what}")
    axes.plot(2, efficiency(found, name, CHOSEN), "o", color="black")
    axes.plot([], [], "o", color="black", label="measured, one machine, k chosen")
    for case, tasks in found["slow"].items():
        ranks, network = case.split(" ranks, ")
        if int(ranks) == 2 and network == "10 Gb/s":
            axes.plot(2, over(found, name, tasks["every 1"]), "o", color=GREEN)
            axes.plot(2, over(found, name, tasks["every 16"]), "o", color=ORANGE)
    axes.plot([], [], "o", color=ORANGE, label="measured, sums as long as at 10 Gb/s, k = 16")
    axes.plot([], [], "o", color=GREEN, label="the same, every gradient")
    axes.set_xticks(SHOWN, map(str, SHOWN))
    axes.minorticks_off()
    axes.set(xlabel="ranks", ylabel="efficiency", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8)
    return figure


COURSE = (objective, descent, stochastic_step, expectation, layer, chain_rule, phi, backwards)


def main() -> None:
    """Draw all of them, or those whose names are given."""
    mpl.rcParams.update(STYLE)
    targets = {DOCS / "course" / f"{draw.__name__}.svg": draw for draw in COURSE}
    targets[DOCS / "pictures" / "scaling.svg"] = scaling
    if len(sys.argv) > 1:
        targets = {path: draw for path, draw in targets.items() if path.stem in sys.argv}
    for path, draw in targets.items():
        draw().savefig(path, metadata={"Date": None})
        text = path.read_text("utf-8")
        path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")
        print(f"{path.relative_to(DOCS)}: {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
