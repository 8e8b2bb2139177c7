"""A training on a page, in a real browser: ``steepest train --live``."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from steepest import SGD, Dense, Network, Squared, Trainer, Watch
from steepest.inspection.live import Live
from steepest.pipeline.model import Model

X = np.random.default_rng(0).normal(size=(64, 3))
Y = X @ np.ones((3, 1))


@pytest.fixture
def table(tmp_path):
    age = np.random.default_rng(0).integers(18, 90, 400)
    columns = {"age": age, "rich": np.where(age > 50, "yes", "no")}
    pa.parquet.write_table(pa.table(columns), tmp_path / "people.parquet")
    return tmp_path / "people.parquet"


def until(page, condition):
    """Wait until a condition holds, as the policy of the page leaves no other way to ask."""
    for _ in range(1200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def test_the_page_follows_a_training_and_stops_it(chromium, table):
    out = table.parent / "model"
    command = [sys.executable, "-m", "steepest", "train", str(table), "--target", "rich"]
    command += ["--epochs", "1000000", "--patience", "1000000", "--layers", "8", "--live"]
    command += ["-o", str(out), "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        try:
            address = re.search(r"http://\S+", training.stderr.readline())[0]
            page = chromium.new_page()
            faults = []
            page.on("console", lambda message: faults.append(message.text))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(address)
            page.wait_for_selector("#training figure .plot canvas", timeout=120_000)
            until(page, "document.querySelector('#gradients .note').textContent !== ''")
            assert page.inner_text("#gradients .note") == (
                "They are shown after 20 s of training at the earliest: looking at them takes at "
                "most 0.5 % of the time."
            )
            assert re.match(
                r"Epoch [\d,]+ of at most 1,000,000, loss", page.inner_text(".headline")
            )
            before = page.evaluate("document.querySelector('figure').figure.at.at(-1)")
            until(page, f"document.querySelector('figure').figure.at.at(-1) > {before}")
            page.click("button")
            until(page, "document.querySelector('.headline').textContent.includes('has ended')")
            assert page.is_disabled("button")
            assert training.wait(timeout=120) == 0
        finally:
            training.kill()
    assert not faults
    about = Model.load(out).about
    assert np.isfinite(about["metrics"]["log_loss"])
    assert len(about["history"]["loss"]) < 1_000_000


def fit(*callbacks):
    trainer = Trainer(Network(Dense(1), inputs=3), Squared(), SGD(lr=0.1), batch=16)
    return trainer.fit(X, Y, epochs=5, callbacks=list(callbacks)), trainer.network.theta.copy()


def test_who_looks_makes_no_difference_to_what_is_computed():
    watch = Watch(examples=16)
    with Live("t", watch=watch) as live:
        live._server._watched = 1
        shown, theta = fit(watch, live)
    plain, expected = fit()
    np.testing.assert_array_equal(theta, expected)
    np.testing.assert_array_equal(shown["loss"], plain["loss"])


def test_the_page_shows_what_was_seen_of_the_gradients(chromium):
    watch = Watch(examples=16)
    with Live("t", watch=watch) as live:
        page = chromium.new_page()
        page.goto(live.address)
        fit(watch, live)
        live.end("Done.")
        until(page, "document.querySelector('#gradients figure') !== null")
        drawn = page.evaluate(
            "[...document.querySelectorAll('#gradients figure')].map(one => one.figure)"
        )
        page.close()
    seen = {tuple(line["values"]) for figure in drawn for line in figure["lines"]}
    assert tuple(row["dtheta"] for row in watch.rows) in seen


def test_long_histories_are_thinned_with_their_last_epoch():
    from steepest.inspection.live import _thinned

    rows = list(range(1001))
    assert len(_thinned(rows)) <= 400
    assert _thinned(rows)[-1] == 1000
    assert _thinned(rows[:7]) == rows[:7]


def test_an_error_is_told_on_the_page():
    with pytest.raises(ValueError, match="lost"), Live("t") as live:  # noqa: PT012
        sent = []
        live._server.send = sent.append
        raise ValueError("lost")
    assert sent[-1]["ended"] == "The training has ended: lost"
