"""Reports in a real browser: what is drawn is what Python found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from steepest.inspection.watch import Watch
from steepest.pages import page
from steepest.pipeline.fit import fit_table
from steepest.pipeline.report import Known, document
from steepest.pipeline.request import Request
from steepest.pipeline.train import RunOptions
from thorough import all_or

HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "x" * 10_000


def fitted(target, **settings):
    rng = np.random.default_rng(0)
    n = 600
    age, town = rng.integers(18, 90, n), rng.choice(["Here", "There", HOSTILE], n)
    score = 0.1 * age + 3.0 * (town == "Here") + rng.normal(0, 0.5, n)
    table = pa.table(
        {
            "age": age,
            HOSTILE: town,
            "noise": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "same": np.ones(n),
            "rich": np.where(score > 6, "yes", "<no>"),
            "kind": np.digitize(score, [5, 7]).astype(str),
            "score": score,
        }
    )
    others = {"rich", "kind", "score"} - {target}
    watch = Watch()
    request = Request(
        target=target,
        settings={"layers": (6, 4), "epochs": 4, "batch": 32, **settings},
        ignore=tuple(sorted(others)),
        test=0.3,
        options=RunOptions(callbacks=lambda trainer: (watch,)),
    )
    fit = fit_table(table, request)
    known = Known(
        fit.tested, "test rows", data=fit.data, watch=watch, time="row-order", notes=fit.notes
    )
    return fit, known


@pytest.fixture(scope="module")
def documents():
    """The documents of a model of each kind."""
    kinds = {
        "binary": ("rich", {}),
        "several": ("kind", {}),
        "number": ("score", {}),
        "quantiles": ("score", {"quantiles": (0.05, 0.5, 0.95)}),
    }
    found = {}
    for kind, (target, settings) in kinds.items():
        fit, known = fitted(target, **settings)
        found[kind] = document(fit.model, known)
    return found


def section(document, name):
    return next(part for part in document["sections"] if part["name"] == name)


@pytest.mark.parametrize("kind", ["binary", "several", "number", "quantiles"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_every_section_is_drawn(documents, show, kind, width, scheme):
    shown = show(page(documents[kind]), width, scheme)
    assert shown.title() == documents[kind]["title"]
    names = shown.eval_on_selector_all("section", "all => all.map(one => one.id)")
    assert names == [part["name"] for part in documents[kind]["sections"]]
    plots = shown.locator(".plot canvas")
    shown.wait_for_selector(".plot canvas")
    assert plots.count() == shown.locator(".plot").count() > 0
    wide = shown.evaluate("document.documentElement.scrollWidth")
    assert wide <= width  # tables scroll in themselves


def test_figures_hold_the_numbers_of_python(documents, show):
    shown = show(page(documents["binary"]))
    figures = shown.evaluate(
        "[...document.querySelectorAll('figure')].map(one => one.figure).filter(one => one)"
    )
    curves = {figure["title"]: figure for figure in figures}
    curve = section(documents["binary"], "classes")["curves"][0]
    (roc,) = (figure for title, figure in curves.items() if title.startswith("ROC of yes"))
    assert [roc["at"], roc["lines"][0]["values"]] == curve["roc"]
    training = section(documents["binary"], "training")
    drawn = {line["label"]: line["values"] for line in curves["Loss"]["lines"]}
    assert drawn["training rows"] == training["losses"]["loss"]
    assert curves["Loss"]["mark"] == training["best"]
    effect = section(documents["binary"], "effects")["effects"][0]
    thick = next(line for line in curves[effect["name"]]["lines"] if "faint" not in line)
    assert thick["values"] == effect["mean"]["yes"]


def test_a_bag_is_shown_as_one_of_its_networks(show):
    fit, known = fitted("rich", folds=2)
    found = document(fit.model, known)
    shown = show(page(found))
    rows = section(found, "training")["train"]
    said = shown.inner_text("#training")
    begin = f"The first of 2 networks: 4 epochs over {rows:,} rows but a fold, one of 2, in "
    assert said.partition("\n")[2].strip().startswith(begin)
    assert "was kept, by the rows of that fold (dashed line)." in said
    layers = section(found, "network")
    parameters = f"{fit.model.network.theta.size:,} parameters"
    told = f"the average of 2 networks, here the first; in all {parameters}"
    assert told in shown.inner_text("#network")
    assert 2 * sum(layer["parameters"] for layer in layers["layers"]) == layers["parameters"]


def test_periods_hold_the_numbers_of_python(documents, show):
    shown = show(page(documents["number"]))
    figures = shown.evaluate(
        "[...document.querySelectorAll('#slices figure')].map((one) => one.figure)"
    )
    periods = section(documents["number"], "slices")["periods"]
    assert [figure["labels"] for figure in figures] == [[one["from"] for one in periods]] * 2
    drawn = [line["values"] for figure in figures for line in figure["lines"]]
    assert drawn == [[one[name] for one in periods] for name in ("score", "said", "truth")]


def cells(shown, name, table=0):
    rows = shown.locator(f"#{name} table").nth(table).locator("tbody tr")
    return [rows.nth(k).locator("th, td").all_inner_texts() for k in range(rows.count())]


def test_tables_hold_the_numbers_of_python(documents, show):
    shown = show(page(documents["binary"]))
    scores = section(documents["binary"], "answer")["scores"]
    for row, score in zip(cells(shown, "answer"), scores, strict=True):
        value = score["value"]
        share = score["name"] == "accuracy"
        assert row[1] == (f"{100 * value:.1f} %" if share else f"{value:.4g}")
    table = np.array(section(documents["binary"], "classes")["confusions"])
    found = [[int(cell) for cell in row[1:]] for row in cells(shown, "classes")]
    np.testing.assert_array_equal(found, np.hstack([table, table.sum(axis=1, keepdims=True)]))
    hardest = section(documents["binary"], "hardest")["hardest"]
    assert [int(row[0].replace(",", "")) for row in cells(shown, "hardest")] == [
        one["row"] for one in hardest
    ]


def test_the_threshold_says_what_it_costs(documents, show):
    shown = show(page(documents["binary"]))
    found = section(documents["binary"], "classes")["thresholds"]
    shown.fill("#cost-miss", "5")
    shown.click("text=Take the cheapest")
    costs = [
        false + 5 * (found["positives"] - true)
        for true, false in zip(found["true_positives"], found["false_positives"], strict=True)
    ]
    best = int(np.argmin(costs))
    assert shown.input_value("#threshold") == str(best)
    assert f"cost {costs[best]:,}." in shown.inner_text(".outcome")
    shown.focus("#threshold")
    shown.keyboard.press("ArrowRight")
    assert f"cost {costs[best + 1]:,}." in shown.inner_text(".outcome")


def test_numbers_can_be_read_without_the_drawing(documents, show):
    shown = show(page(documents["number"]))
    first = shown.locator("#training .numbers").first
    first.locator("summary").click()
    first.locator("tbody tr").first.wait_for()
    training = section(documents["number"], "training")
    assert first.locator("tbody tr").count() == len(training["epoch"])


def test_texts_of_strangers_are_texts(documents, show):
    shown = show(page(documents["binary"]))
    assert shown.locator("img").count() == 0
    assert shown.locator(f"text={HOSTILE[:28]}").count() > 0


def test_words_of_strangers_are_texts(show):
    rng = np.random.default_rng(0)
    ends = rng.choice(["win", "pay"], 120)
    texts = [f"{HOSTILE} {k} <script>alert(1)</script> {end}" for k, end in enumerate(ends)]
    kind = np.where(ends == "win", f"</script><b>{HOSTILE}", "&amp;")
    target = f"{HOSTILE} target"
    table = pa.table({HOSTILE: texts, target: kind})
    fit = fit_table(table, Request(target, {"layers": (6,), "epochs": 2}))
    found = document(fit.model, Known(table, "rows"))
    (effect,) = section(found, "effects")["effects"]
    (words,) = effect["words"].values()
    shown = show(page(found), 390)
    assert shown.locator("img, b, section script").count() == 0
    assert [row[0] for row in cells(shown, "effects")] == [one["word"] for one in words]
    assert {"script", "alert"} <= {one["word"] for one in words}
    assert shown.evaluate("document.documentElement.scrollHeight") < 20_000
    cut = shown.locator("#classes details.cut").first
    cut.locator("summary").click()
    spelled = HOSTILE.replace("\u202e", r"\u202e")
    assert cut.locator("span").inner_text() == f"</script><b>{spelled}"
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown.inner_text("main"))
    spoken = "[...document.querySelectorAll('*')].map((one) => one.ariaLabel?.length ?? 0)"
    assert max(shown.evaluate(spoken)) < 1000
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("kind", "scheme"),
    all_or(
        [("binary", "light"), ("quantiles", "dark")],
        [(kind, scheme) for kind in ("binary", "quantiles") for scheme in ("light", "dark")],
    ),
)
def test_nobody_who_uses_a_reader_or_a_keyboard_is_left_out(documents, show, kind, scheme):
    """Between them the default cases have every section and both schemes."""
    axe = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("npm ci has not been run in tests/pages")
    shown = show(page(documents[kind]), 1200, scheme)
    shown.evaluate(axe.read_text("utf-8"))  # the policy lets no script of a page in
    found = shown.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, json.dumps(serious)[:2000]
