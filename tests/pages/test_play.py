"""The playground in a real browser: its buttons do what they say, its numbers are Python's."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from steepest import Gradients, Model, Network, Trainer, load
from steepest.cli.play import play as command
from steepest.errors import InputError, SteepestError, TableError
from steepest.layers import Dense, Sum
from steepest.losses import Hinge, Logistic, Poisson
from steepest.pages.server import PageServer
from steepest.pipeline.fit import fit_table
from steepest.pipeline.playground import (
    MODULE,
    Remote,
    keep,
    play_model,
    play_page,
    play_pictures,
    play_table,
    play_toys,
)
from steepest.pipeline.playground.play import check_loss
from steepest.pipeline.playground.remote import local
from steepest.pipeline.request import Request
from steepest.rules import SGD
from steepest.saved.config import from_config

HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "x" * 10_000
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}  # what stands on the page has four digits; this is below
STATE = """() => {
  const { session, rows, steps, surface, scatter, landscape, stepped } = playground;
  const { network, training } = session;
  const named = (vector) => Object.fromEntries(
    network.parameters.map((one) => [one.name, [...network.view(one, vector)]]));
  return {
    layers: session.layers, loss: session.loss, rule: session.rule, batch: session.batch,
    theta: named(network.theta), gradient: named(training.program.gradient),
    rows: [...training.rows], next: training.next, steps: training.steps,
    epochs: training.epochs, history: session.history, running: playground.running,
    X: [...rows.X], y: [...rows.y], inputs: rows.inputs, train: rows.train,
    shape: rows.record.shape,
    held: [...surface.base], says: [...session.says(surface.base, 1)],
    scatter: scatter.found, landscape: landscape.found,
  };
}"""


@pytest.fixture(scope="module")
def toys():
    return play_page(play_toys())


def people(n=300):
    rng = np.random.default_rng(0)
    age, town = rng.integers(18, 90, n), rng.choice(["Here", "There", HOSTILE, "Far"], n)
    score = 0.1 * age + 3.0 * (town == "Here") + rng.normal(0, 0.5, n)
    return pa.table(
        {
            "age": age,
            HOSTILE: town,
            "width": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "rich": np.where(score > 6, "yes", "<no>"),
            "kind": np.digitize(score, [5, 7]).astype(str),
            "score": score,
        }
    )


def table_page(target="rich"):
    others = tuple({"rich", "kind", "score"} - {target})
    return play_table(people(), target, ignore=others, name="people.parquet")


class Found:
    """What a page holds, and the same network in Python."""

    def __init__(self, shown):
        self.state = state = shown.evaluate(STATE)
        self.X = np.array(state["X"]).reshape(-1, state["inputs"])
        self.y = np.array(state["y"])
        layers = [from_config(local(one), "layer") for one in state["layers"]]
        self.loss = from_config(state["loss"], "loss")
        self.network = Network(*layers, inputs=tuple(state["shape"]), dtype="float64")
        self.X = self.X.reshape(-1, *state["shape"])
        for name, view in self.network.parameters.items():
            view[...] = np.reshape(state["theta"][name], view.shape)

    def gradient(self, rows):
        return Gradients(self.network, self.loss).mean(self.X[rows], self.y[rows])


def until(shown, condition):
    for _ in range(1200):
        if shown.evaluate(condition):
            return
        shown.wait_for_timeout(100)
    raise AssertionError(condition)


def click(shown, *names):
    for name in names:
        shown.get_by_role("button", name=name, exact=True).click()


def test_losses_and_predictions_are_those_of_python(toys, show):
    shown = show(toys)
    click(shown, "One epoch")
    found = Found(shown)
    train = found.state["train"]
    last = found.state["history"][-1]
    assert last["loss"] == pytest.approx(found.gradient(slice(0, train)).loss, rel=1e-9)
    assert last["held"] == pytest.approx(found.gradient(slice(train, None)).loss, rel=1e-9)
    z = found.network.predict(found.X)
    right = np.mean((z[train:, 0] > 0) == found.y[train:])
    state = shown.inner_text(".state")
    assert f"Loss {last['loss']:.4g}; {last['held']:.4g} on rows held out" in state
    assert f"{100 * right:.1f} % of them right" in state
    said = shown.inner_text(".prediction")
    p = 1 / (1 + np.exp(-z[0, 0]))
    assert f"{100 * max(p, 1 - p):.1f} %" in said
    curve = shown.evaluate("document.querySelector('.workbench figure:has(.plot)').figure")
    assert curve["lines"][0]["values"] == [one["loss"] for one in found.state["history"]]


def cells(shown):
    """Return the tables of an instruction, by their names, as numbers."""
    tables = shown.evaluate(
        """() => [...document.querySelectorAll("#step .matrix")].map((one) => [
          one.caption.querySelector("b").textContent,
          [...one.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))])"""
    )
    return {
        name: np.array(
            [
                [float(cell.replace("−", "-").replace(",", "")) for cell in row if cell != "…"]
                for row in rows
                if row != ["⋮"]
            ]
        )
        for name, rows in tables
    }


def near(shown, expected):
    np.testing.assert_allclose(shown, expected, rtol=6e-4, atol=1e-12)  # four digits


def test_each_instruction_shows_the_numbers_of_python(toys, show):
    shown = show(toys)
    shown.select_option("#batch", "4")
    click(shown, "One instruction")
    before = Found(shown)
    rows = before.state["rows"]
    assert len(rows) == 4
    expected = before.gradient(rows)
    near(cells(shown)["y₁"], expected.y["0"])
    near(cells(shown)["x"], before.X[rows])
    near(cells(shown)["A₁"], before.network.parameters["0.A"][:6])
    assert shown.locator("#step math").count() == 1
    seen = []
    for _ in range(30):
        click(shown, "One instruction")
        seen.append(shown.inner_text("#step .detail h3"))
        tables = cells(shown)
        if seen[-1].startswith("ℓ and"):
            near(tables["∇ℓ at y₅"], expected.dy["4"])
            near(tables["ℓ"][:, 0], expected.losses)
        elif seen[-1] == "Φ of 5 Dense: ∇x":
            near(tables["∇ℓ at y₄"], expected.dy["3"])
        elif seen[-1] == "Φ of 3 Dense: ∇θ":
            near(tables["∇ℓ for A₃"], expected.theta["2.A"])
            near(tables["∇ℓ for b₃"][0], expected.theta["2.b"])
        elif seen[-1] == "The step":
            near(tables["after"], tables["before"] - 0.1 * expected.theta["0.A"])
            break
    assert len(seen) == 13  # as the list of the page says
    assert shown.locator("#step .instructions li").count() == 14
    after = Found(shown)
    for name, gradient in expected.theta.items():
        start = before.network.parameters[name]
        np.testing.assert_allclose(
            after.network.parameters[name], start - 0.1 * gradient, **TOLERANCE
        )
    assert after.state["steps"] == 1


def test_buttons_do_what_they_say(toys, show):
    shown = show(toys)
    click(shown, "One step")
    assert shown.inner_text(".state").startswith("Step 1, epoch 0.")
    click(shown, "One instruction", "One step")  # finishes the one that has begun
    assert shown.inner_text(".state").startswith("Step 2, epoch 0.")
    click(shown, "One epoch")
    assert shown.inner_text(".state").startswith("Step 12, epoch 1.")  # 180 rows, 16 a step
    click(shown, "Run")
    until(shown, "playground.session.training.epochs > 20")
    click(shown, "Pause")
    state = shown.evaluate(STATE)
    assert not state["running"]
    assert state["history"][-1]["loss"] < 0.5 * state["history"][0]["loss"]
    click(shown, "Start again")
    assert shown.inner_text(".state").startswith("Step 0, epoch 0.")
    assert shown.evaluate(STATE)["theta"] != state["theta"]


def test_layers_and_settings_can_be_changed(toys, show):
    shown = show(toys)
    kept = shown.evaluate(STATE)["theta"]["0.A"]
    shown.get_by_label("more units in layer 3").click()
    shown.get_by_label("function of layer 4").select_option("GELU")
    shown.get_by_label("remove layer 2, Tanh").click()
    shown.select_option("#added", "LayerNorm")
    click(shown, "Add before")
    state = shown.evaluate(STATE)
    types = [one["type"] for one in state["layers"]]
    assert types == ["Dense", "Dense", "GELU", "LayerNorm", "Dense"]
    assert state["layers"][1]["units"] == 5
    assert state["theta"]["0.A"] == kept  # what comes before a change stays
    shown.select_option("#rule", "Adam")
    shown.fill("#lr", "0.02")
    shown.press("#lr", "Tab")
    shown.select_option("#batch", "all 180")
    shown.select_option("#loss", "Hinge")
    state = shown.evaluate(STATE)
    assert state["rule"] == {"type": "Adam", "lr": 0.02}
    assert (state["batch"], state["loss"]) == (180, {"type": "Hinge"})
    click(shown, "One step")
    assert shown.evaluate(STATE)["epochs"] == 1
    shown.select_option("#rule", "SGD")
    shown.fill("#lr", "1e30")
    shown.press("#lr", "Tab")
    shown.select_option("#loss", "Squared")
    for _ in range(12):
        click(shown, "One step")
    assert "diverged" in shown.inner_text(".state")
    assert "says no number. It is" in shown.inner_text(".prediction")
    shown.select_option("#which", "A sine")
    assert shown.evaluate(STATE)["inputs"] == 1


def test_gradients_scatter_around_their_mean(toys, show):
    shown = show(toys)
    shown.locator("#expectation").scroll_into_view_if_needed()
    until(shown, "playground.scatter.found")
    found = Found(shown)
    gradients = Gradients(found.network, found.loss)
    single = np.array([gradients.mean(found.X[[k]], found.y[[k]]).vector for k in range(160)])
    mean = single.mean(axis=0)
    told = found.state["scatter"]
    assert told["rows"] == 160
    assert told["length"] == pytest.approx(np.linalg.norm(mean), rel=1e-9)
    far = np.sqrt(((single - mean) ** 2).sum(axis=1).mean())
    assert told["far"] == pytest.approx(far, rel=1e-9)
    assert told["far"] / told["near"] == pytest.approx(4, rel=0.2)  # the root of 16
    assert f"{told['length']:.4g} long" in shown.inner_text("#expectation [role=status]")
    shown.select_option("#size", "64")
    told = shown.evaluate(STATE)["scatter"]
    assert told["far"] / told["near"] == pytest.approx(8, rel=0.2)


def test_the_objective_and_its_descents_are_those_of_python(toys, show):
    shown = show(toys)
    shown.locator("#descent").scroll_into_view_if_needed()
    until(shown, "playground.landscape.found")
    found = Found(shown)
    told = found.state["landscape"]
    assert told["count"] == found.state["train"]
    rows = slice(0, told["count"])
    here = found.gradient(rows)
    grid = np.array(told["grid"]).reshape(41, 41)
    assert grid[20, 20] == pytest.approx(here.loss, rel=1e-9)
    A = found.network.parameters["4.A"]
    start = A.copy()

    def at(a, b):
        A[0, :2] = start[0, :2] + (a, b)
        return found.gradient(rows)

    assert grid[0, 40] == pytest.approx(at(4, -4).loss, rel=1e-9)
    path = told["paths"][0]
    assert path["name"] == "all rows a step"
    (a, b), after = path["points"][:2]
    np.testing.assert_allclose(
        after, np.array([a, b]) - path["eta"] * at(a, b).theta["4.A"][0, :2], rtol=1e-9
    )
    assert path["end"] == pytest.approx(at(*path["points"][-1]).loss, rel=1e-9)
    shown.select_option("#compare", "eta")
    small, good, large = shown.evaluate(STATE)["landscape"]["paths"]
    assert good["end"] < small["end"]
    assert good["end"] < large["end"]
    first = shown.evaluate("playground.landscape.found.paths[0].points[0]")
    click(shown, "Another start")
    assert shown.evaluate("playground.landscape.found.paths[0].points[0]") != first


@pytest.mark.parametrize("target", ["rich", "kind", "score"])
def test_a_table_of_strangers(target, show):
    play = table_page(target)
    content = play_page(play)
    assert len(content) < 500_000
    shown = show(content)
    click(shown, "One epoch", "One epoch")
    found = Found(shown)
    outputs = found.network.predict(np.array([found.state["held"]]))
    said = np.ravel(found.loss.mean(outputs))
    task = play.sets[0].task
    if target == "score":
        said = task.mean + task.deviation * said
    np.testing.assert_allclose(found.state["says"], said, **TOLERANCE)
    assert shown.locator("img").count() == 0
    assert shown.locator(f"text={HOSTILE[:28]}").count() > 0
    # Another value of a column is encoded as Python does it.
    texts = play.sets[0].record["columns"][1]["labels"]
    shown.locator("#what-if-1").select_option(label=texts[2])
    row = int(play.sets[0].record["numbers"][0])
    changed = people().take(pa.array([row]))
    changed = changed.set_column(1, HOSTILE, pa.array([texts[2]]))
    expected = play.sets[0].encoder.transform(changed)[0]
    np.testing.assert_allclose(shown.evaluate(STATE)["held"], expected, **TOLERANCE)


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_nobody_is_left_out(width, scheme, show):
    shown = show(play_page(table_page()), width, scheme)
    click(shown, "One instruction")
    shown.locator("#descent").scroll_into_view_if_needed()
    until(shown, "playground.landscape.found")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    found = serious(shown)
    assert not found, json.dumps(found)[:2000]


def serious(shown):
    """Return what axe finds serious on a page as it is now."""
    axe = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("npm ci has not been run in tests/pages")
    shown.evaluate(axe.read_text("utf-8"))
    found = shown.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [one for one in found if one["impact"] in ("serious", "critical")]


def downloaded(shown, name):
    with shown.expect_download() as waiting:
        click(shown, name)
    return Path(waiting.value.path()).read_bytes()


def test_one_file_holds_the_network_as_it_is(toys, show):
    shown = show(toys)
    shown.get_by_label("more units in layer 1").click()
    click(shown, "One epoch")
    state = shown.evaluate(STATE)
    content = downloaded(shown, "This page as one file")
    assert len(content) < 500_000
    again = show(content)
    found = again.evaluate(STATE)
    assert found["layers"] == state["layers"]
    for name, values in state["theta"].items():
        np.testing.assert_allclose(found["theta"][name], values, **TOLERANCE)
    click(again, "One step")


@pytest.mark.parametrize("kind", ["toy", "table"])
def test_python_code_trains_the_same_network(kind, toys, show, tmp_path):
    shown = show(toys if kind == "toy" else play_page(table_page()))
    shown.select_option("#rule", "Adam")
    code = downloaded(shown, "Python code").decode()
    pa.parquet.write_table(people(), tmp_path / "people.parquet")
    code = code.replace('read_table("', f'read_table("{tmp_path.as_posix()}/')
    code = code.replace("epochs=20", "epochs=1")
    found: dict[str, object] = {}
    exec(compile(code, "network.py", "exec"), found)
    shapes = {name: view.shape for name, view in found["network"].parameters.items()}
    expected = Found(shown).network.parameters
    assert shapes == {name: view.shape for name, view in expected.items()}
    assert found["trainer"].batch == shown.evaluate(STATE)["batch"]


def test_a_model_is_kept_and_played_with_again(chromium, show, tmp_path):
    play, folder = table_page(), tmp_path / "model"
    document = play.document(str(folder))
    with PageServer(document, MODULE, {"keep": lambda sent: keep(play, sent, folder)}) as server:
        page = chromium.new_page()
        page.goto(server.address)
        click(page, "One epoch", f"Write the model to {folder}")
        until(page, "document.querySelector('#take [role=status]').textContent")
        assert "a model." in page.inner_text("#take [role=status]")
        state = page.evaluate(STATE)
        page.close()
    model = Model.load(folder)
    for name, view in model.network.parameters.items():
        np.testing.assert_allclose(view.ravel(), state["theta"][name], **TOLERANCE)
    shown = show(play_page(play_model(model, people(), name="people.parquet")))
    again = shown.evaluate(STATE)
    for name, values in state["theta"].items():
        np.testing.assert_allclose(again["theta"][name], values, **TOLERANCE)


@pytest.mark.parametrize("target", ["rich", "kind", "score"])
@pytest.mark.parametrize("settings", [{}, {"folds": 2, "ensemble": 2}])
def test_a_model_can_be_played_with_in_a_file(target, settings, show):
    settings = {"epochs": 1, "layers": (8,), **settings}
    others = tuple({"rich", "kind", "score"} - {target})
    fit = fit_table(people(), Request(target, settings, ignore=others))
    shown = show(play_page(play_model(fit.model, people())))
    found = Found(shown)
    rows = people().take(pa.array(shown.evaluate("playground.rows.record.numbers")))
    X = fit.model.encoder.transform(rows)
    expected = fit.model.loss.mean(fit.model.network.predict(X))
    if target == "score":
        expected = fit.model.task.mean + fit.model.task.deviation * expected
    said = shown.evaluate("[...playground.session.says(playground.rows.X, playground.rows.count)]")
    np.testing.assert_allclose(said, np.ravel(expected), rtol=1e-4, atol=1e-5)
    assert found.network.theta.size == fit.model.network.theta.size
    click(shown, "One instruction", "One step")
    assert "Parallel, columns" in shown.inner_text(".instructions")


def test_members_are_trained_each_by_a_loss_of_its_own(show):
    settings = {"epochs": 1, "layers": (8,), "members": 3, "dropout": 0.0}
    fit = fit_table(people(), Request("rich", settings, ignore=("kind", "score")))
    shown = show(play_page(play_model(fit.model, people())))
    before = Found(shown)
    click(shown, "One step")
    after = Found(shown)
    order = shown.evaluate("[...playground.session.training.order]")[: after.state["batch"]]
    trainer = Trainer(before.network, before.loss, SGD(lr=0.01), batch=len(order))
    trainer.fit(before.X[order], before.y[order], epochs=1)
    np.testing.assert_allclose(before.network.theta, after.network.theta, rtol=1e-6, atol=1e-9)


def messages(n=120):
    """Texts of two kinds, most of whose words are of neither."""
    rng = np.random.default_rng(0)
    words = [f"word{k}" for k in range(60)]
    kind = rng.integers(0, 2, n)
    own = np.where(kind, "free prize", "see you")
    texts = [f"{' '.join(rng.choice(words, 6))} {one}" for one in own]
    return pa.table({"text": texts, "size": rng.normal(size=n), "kind": kind.astype(str)})


def test_a_model_of_texts_has_what_the_page_uses_and_is_kept_whole(show, tmp_path):
    table = messages()
    fit = fit_table(table, Request("kind", {"epochs": 2, "layers": (4,)}))
    (bag,) = (name for name in fit.model.network.parameters if name.endswith("1.E"))
    whole = fit.model.network.parameters[bag]
    play = play_model(fit.model, table.slice(0, 40), name="t.parquet")
    assert len(play.sets[0].cuts[0].codes) < len(whole) / 10
    shown = show(play_page(play))
    rows = table.take(pa.array(shown.evaluate("playground.rows.record.numbers")))
    said = shown.evaluate("[...playground.session.says(playground.rows.X, playground.rows.count)]")
    np.testing.assert_allclose(said, fit.model.outputs(rows)[:, 0], rtol=1e-4, atol=1e-5)
    shown.get_by_text("Python that trains").click()
    shown.locator("#code", has_text=f"EmbeddingBag({len(whole)}, ").wait_for()
    click(shown, "One step")
    state = shown.evaluate(STATE)
    sent = {"set": 0, **{name: state[name] for name in ("layers", "loss", "theta")}}
    assert keep(play, sent, tmp_path / "kept") == "model"
    kept = Model.load(tmp_path / "kept")
    assert kept.network.layers == fit.model.network.layers
    said = shown.evaluate("[...playground.session.says(playground.rows.X, playground.rows.count)]")
    np.testing.assert_allclose(said, kept.outputs(rows)[:, 0], rtol=1e-4, atol=1e-5)
    changed = np.flatnonzero((kept.network.parameters[bag] != whole).any(axis=1))
    assert 0 < len(changed) < len(whole) / 10
    placed = json.loads(Remote().place({"layers": state["layers"], "shape": state["shape"]}))
    assert [local(one) for one in placed] == [local(one) for one in state["layers"]]
    sent["layers"] = placed
    assert keep(play, sent, tmp_path / "kept") == "model"
    sent["theta"][bag] = sent["theta"][bag][:-1]
    with pytest.raises(InputError, match="finite numbers for"):
        keep(play, sent, tmp_path / "kept")


def test_a_network_of_toys_is_kept(tmp_path):
    play = play_toys()
    record = play.sets[0].record
    network = Network(*(from_config(one, "layer") for one in record["layers"]), inputs=2)
    theta = {name: view.ravel().tolist() for name, view in network.parameters.items()}
    sent = {"set": 0, "layers": record["layers"], "loss": record["loss"], "theta": theta}
    assert keep(play, sent, tmp_path / "network") == "network"
    np.testing.assert_array_equal(load(tmp_path / "network").theta, network.theta)
    for wrong in (
        None,
        {},
        {**sent, "set": 9},
        {**sent, "set": True},
        {**sent, "layers": [{"type": "os.system"}]},
        {**sent, "layers": [{"type": "LSTM", "units": 2}]},
        {**sent, "theta": {}},
        {**sent, "theta": {**theta, "0.A": [float("nan")] * 12}},
    ):
        with pytest.raises(SteepestError):
            keep(play, wrong, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.fixture
def digits(tmp_path):
    """Pictures of digits in a file."""
    from sklearn.datasets import load_digits

    found = load_digits(n_class=3)
    X = (15 * found.images[:160, :, :, None]).astype(np.uint8)
    np.savez(tmp_path / "digits.npz", X=X, y=found.target[:160])
    return tmp_path / "digits.npz"


@pytest.fixture
def served(chromium):
    """Serve a playground; what its page logs or throws is a fault, as is a foreign request."""
    opened, faults = [], []

    def serve(play, folder=None):
        remote = Remote()
        answers = {"place": remote.place, "start": remote.start, "compute": remote.compute}
        if folder is not None:
            answers["keep"] = lambda sent: keep(play, sent, folder)
        told = None if folder is None else str(folder)
        server = PageServer(play.document(told, served=True), MODULE, answers)
        page = chromium.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: r.url.startswith(server.address[:20]) or faults.append(r.url))
        page.goto(server.address)
        opened.append((server, page))
        return page, server

    yield serve
    for server, page in opened:
        page.close()
        server.close()
    assert not faults


def test_pictures_are_told_apart(digits, show):
    play = play_pictures(digits)
    shown = show(play_page(play))
    click(shown, "One epoch")
    found = Found(shown)
    rows = found.state["rows"] or list(range(8))
    assert found.X.shape[1:] == (8, 8, 1)
    images = np.load(digits)["X"][play.sets[0].record["numbers"]].astype(float)
    train = images[: found.state["train"]]
    np.testing.assert_allclose(found.X, (images - train.mean()) / train.std(), **TOLERANCE)
    assert found.state["history"][-1]["loss"] == pytest.approx(
        found.gradient(slice(0, found.state["train"])).loss, rel=1e-9
    )
    click(shown, *["One epoch"] * 15)
    until(shown, "playground.surface.found.right >= 36")
    label = shown.get_attribute(".workbench canvas.plane", "aria-label")
    z = Found(shown).network.predict(found.X[found.state["train"] :])
    right = int((z.argmax(axis=1) == found.y[found.state["train"] :]).sum())
    assert label == f"40 pictures held out. The network tells {right} of them right."
    assert rows
    assert not serious(shown)
    shown.click(".workbench canvas.plane", position={"x": 60, "y": 10})
    assert shown.evaluate("playground.surface.row") == found.state["train"] + 1


def test_classes_of_strangers_are_texts(tmp_path, show):
    X = np.random.default_rng(0).integers(0, 255, (60, 4, 4, 1), np.uint8)
    y = np.where(np.arange(60) % 2, HOSTILE, "</script><b>x</b>")
    np.savez(tmp_path / "<img src=x>.npz", X=X, y=y)
    shown = show(play_page(play_pictures(tmp_path / "<img src=x>.npz")), 390)
    click(shown, "One epoch", *["One instruction"] * 3)
    shown.locator("#take summary").click()
    assert shown.locator("img").count() == shown.locator("main b:not(li b, caption b)").count() == 0
    assert "<img src=x>.npz" in shown.inner_text("header")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


def test_python_computes_what_the_page_can_not(digits, served, tmp_path):
    page, _ = served(play_pictures(digits), tmp_path / "model")
    page.select_option("#added", "Conv2D")
    page.select_option("#before", "0")
    click(page, "Add before")
    page.select_option("#added", "BatchNorm")
    page.select_option("#before", "1")
    click(page, "Add before", "One epoch", *["One instruction"] * 9)
    found = Found(page)
    kinds = [type(layer).__name__ for layer in found.network.layers]
    assert kinds == ["Conv2D", "BatchNorm", "Flatten", "Dense", "Tanh", "Dense"]
    gradient = found.gradient(found.state["rows"])
    assert page.inner_text("#step .detail h3") == "Φ of 5 Tanh: ∇x"
    click(page, *["One instruction"] * 5)
    assert page.inner_text("#step .detail h3") == "Φ of 1 Conv2D: ∇θ"
    assert "Python computes it. Conv2D: y = b + Σ x A" in page.inner_text("#step .detail")
    for name, values in page.evaluate(STATE)["gradient"].items():
        np.testing.assert_allclose(values, gradient.theta[name].ravel(), rtol=1e-4, atol=1e-5)
    click(page, "This page as one file")
    assert "Python computes Conv2D, BatchNorm, so" in page.inner_text("#take [role=status]")
    # Python is asked some hundred times meanwhile.
    page.locator("#descent button", has_text="Compute this figure").click(timeout=180_000)
    assert page.evaluate("playground.landscape.found.grid.length") == 11 * 11
    click(page, f"Write the model to {tmp_path / 'model'}")
    until(page, "document.querySelector('#take [role=status]').textContent.startsWith('Written')")
    row = page.evaluate("playground.surface.row")
    number = page.evaluate("playground.rows.record.numbers")[row]
    p = Model.load(tmp_path / "model").predict_proba(np.load(digits)["X"][[number]])
    np.testing.assert_allclose(p.ravel(), page.evaluate(STATE)["says"], rtol=1e-4, atol=1e-5)


def test_who_loses_python_is_told(digits, chromium):
    remote = Remote()
    answers = {"place": remote.place, "start": remote.start, "compute": remote.compute}
    page = chromium.new_page()
    with PageServer(play_pictures(digits).document(served=True), MODULE, answers) as server:
        page.goto(server.address)
        page.select_option("#added", "MaxPool")
        page.select_option("#before", "0")
        click(page, "Add before", "One step")
        page.select_option("#added", "Conv2D")
        page.select_option("#before", "2")
        click(page, "Add before")
        assert "Conv2D" in page.inner_text(".layers + .fields + .note")
    click(page, "One step")
    assert page.inner_text(".state").startswith("Python can't be reached any more")
    page.close()


def test_a_model_of_other_layers_is_played_with_and_refused_as_a_file(served):
    layers = (Dense(4), Sum(Dense(3), Dense(3)), Dense(1))
    encoded = play_table(people(), "rich", ignore=("kind", "score")).sets[0]
    network = Network(*layers, inputs=encoded.encoder.width)
    model = Model(network, Logistic(), encoded.encoder, encoded.task, {})
    play = play_model(model, people())
    with pytest.raises(InputError, match=r"only Python computes Sum, so .* leave out --output"):
        play_page(play)
    page, _ = served(play)
    found = Found(page)
    np.testing.assert_array_equal(found.network.theta, network.theta)
    click(page, "One instruction")
    gradient = Found(page).gradient(page.evaluate(STATE)["rows"])
    click(page, *["One instruction"] * 8)
    state = page.evaluate(STATE)
    for name, values in state["gradient"].items():
        np.testing.assert_allclose(values, gradient.theta[name].ravel(), rtol=1e-4, atol=1e-5)
    click(page, "Start again")
    again = page.evaluate(STATE)["theta"]
    assert again["1.0.A"] != state["theta"]["1.0.A"]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"layer": {"type": "Dense", "units": 2}},
        {"layer": {"type": "Dense", "units": 2}, "shape": [-1], "theta": {}, "state": {}},
        {"layer": {"type": "os.system"}, "shape": [2], "theta": {}, "state": {}},
        {"layer": {"type": "Tanh"}, "shape": [2], "theta": {}, "state": {}, "x": "AAAA"},
        {"layer": {"type": "Tanh"}, "shape": [2], "theta": {}, "state": {}, "x": 3},
    ],
)
def test_questions_that_make_no_sense_are_refused(wrong):
    for answer in (Remote().compute, Remote().start, Remote().place):
        with pytest.raises(SteepestError):
            answer(wrong)


LARGE = {"type": "Dense", "units": 10**9}


@pytest.mark.parametrize("layers", [[LARGE], [{"type": "Sequential", "layers": [LARGE, LARGE]}]])
def test_a_network_of_no_use_to_a_page_is_refused_before_it_is_made(layers, tmp_path):
    """Each would take gigabytes."""
    asked = {"layers": layers, "shape": [2], "layer": layers[0], "seed": 0, "theta": {}}
    for answer in (Remote().place, Remote().start, Remote().compute):
        with pytest.raises(InputError, match=r"the page asks for \d.* the playground takes 50,000"):
            answer(asked)
    sent = {"set": 0, "loss": {"type": "Logistic"}, "layers": layers, "theta": {}}
    with pytest.raises(InputError, match="the page asks for"):
        keep(play_toys(), sent, tmp_path / "kept")


def test_an_answer_of_no_use_to_a_page_is_refused_before_it_is_made():
    x = base64.b64encode(np.zeros(60_000, np.float32)).decode()
    theta = {"A": base64.b64encode(np.zeros(1000, np.float32)).decode()}
    layer = {"type": "Dense", "units": 1000, "bias": False}
    asked = {"layer": layer, "shape": [1], "theta": theta, "state": {}, "x": x}
    with pytest.raises(InputError, match=r"60,000,000 numbers in an answer"):
        Remote().compute(asked)


def test_texts_are_no_inputs_of_a_table_and_it_says_so(show, tmp_path):
    rng = np.random.default_rng(0)
    words = ["here", "there", "far", "near", "old", "new", "red", "blue"]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(200)]
    table = pa.table({"text": texts, "size": rng.normal(size=200), "kind": ["a", "b"] * 100})
    found = play_table(table, "kind", name="t.parquet")
    assert {name.split(" (")[0] for name in found.sets[0].record["inputs"]} == {"size"}
    assert found.sets[0].record["left"] == ["text", "kind"]
    assert "Texts are no inputs here (text);" in show(play_page(found)).inner_text("header")
    with pytest.raises(TableError, match=r"only texts beside 'kind', .* play MODEL t\.par"):
        play_table(table.drop_columns("size"), "kind", name="t.parquet")


def test_losses_that_are_not_computed_are_refused():
    with pytest.raises(InputError, match="the loss is Poisson"):
        check_loss(Poisson())
    with pytest.raises(InputError, match="Logistic with pos_weight"):
        check_loss(Logistic(pos_weight=2.0))
    check_loss(Hinge())
    with pytest.raises(TableError, match="no column 'poor'; it has age"):
        play_table(people(), "poor")


def test_the_command_writes_a_page_and_says_what_lacks(tmp_path, show):
    pa.parquet.write_table(people(), tmp_path / "people.parquet")
    table, out = tmp_path / "people.parquet", tmp_path / "play.html"
    with pytest.raises(InputError, match=r"--target COLUMN; people.parquet has age, "):
        command(table)
    with pytest.raises(InputError, match="--target and --ignore are for a table"):
        command(target="rich")
    with pytest.raises(InputError, match="a second one goes with a model"):
        command(table, table, target="rich")
    with pytest.raises(InputError, match="--keep needs Python behind the page"):
        command(table, target="rich", output=out, keep=tmp_path / "model")
    command(table, target="rich", output=out)
    shown = show(out.read_bytes())
    assert "All 300 rows of people.parquet" in shown.inner_text("header")


def test_the_command_serves_a_page_until_it_is_stopped(chromium):
    started = [sys.executable, "-m", "steepest", "play"]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as served:
        try:
            address = re.search(r"http://\S+", served.stderr.readline())[0]
            page = chromium.new_page()
            page.goto(address)
            click(page, "One step")
            assert page.inner_text(".state").startswith("Step 1")
            page.close()
            served.send_signal(signal.SIGINT)
            assert served.wait(timeout=60) == 130
        finally:
            served.kill()
