"""Sets of classes that hold the right one as often as is asked."""

import numpy as np
import pytest

from steepest.errors import ModelError
from steepest.probabilities.calibration import Calibration
from steepest.probabilities.sets import MOST, kept_scores, members, scores, uniform

RNG = np.random.default_rng(0)


def drawn(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.4), n)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_the_score_is_what_comes_before_and_a_part_of_its_own():
    p = RNG.dirichlet(np.ones(4), 50)
    found = scores(p, uniform(p))
    for row, own in zip(p, found, strict=True):
        before = np.array([row[row > share].sum() for share in row])
        parts = (own - before) / row
        assert 0 <= parts.min() <= parts.max() < 1
        np.testing.assert_allclose(parts, parts[0], atol=1e-9)
    parts = (found.min(axis=1)) / p.max(axis=1)
    assert 0.3 < parts.mean() < 0.7
    alone = scores(p[7:8], uniform(p[7:8]))
    np.testing.assert_array_equal(alone, found[7:8])  # whatever rows are beside it


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("coverage", [0.6, 0.9, 0.95])
def test_they_cover_what_is_asked_whatever_the_probabilities(classes, coverage):
    p, y = drawn(24_000, classes)
    for q in (p, p[:, ::-1], p**3 / (p**3).sum(axis=1, keepdims=True)):
        u = uniform(q)
        kept = kept_scores(q[:4000], u[:4000], y[:4000])
        found = members(q[4000:], u[4000:], 4000, kept, coverage, empty=True)
        covered = found[np.arange(20_000), y[4000:]].mean()
        assert covered == pytest.approx(coverage, abs=0.02)
        whole = members(q[4000:], u[4000:], 4000, kept, coverage)
        assert whole.any(axis=1).all()
        assert (whole >= found).all()
        assert (whole.sum(axis=1) - found.sum(axis=1)).max() <= 1


@pytest.mark.parametrize("classes", [2, 6])
def test_they_cover_what_is_asked_where_the_network_is_sure(classes):
    rng = np.random.default_rng(1)
    top, other = rng.integers(classes, size=(2, 24_000))
    z = rng.normal(size=(24_000, classes)) + 12 * (top[:, None] == np.arange(classes))
    q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = np.where(rng.random(24_000) < 0.97, top, other)
    made = Calibration(0.1, least=0.01).with_sets(q[:4000], y[:4000])
    alike = np.unique(made.probabilities(q).round(9), axis=0)
    assert len(alike) == classes  # surer than the smoothing lets a network be
    for coverage in (0.6, 0.9, 0.95):
        covered = made.sets(q[4000:], coverage, empty=True)[np.arange(20_000), y[4000:]].mean()
        assert covered == pytest.approx(coverage, abs=0.02)


def test_few_rows_give_whole_sets_and_many_are_thinned():
    p, y = drawn(8, 3)
    u = uniform(p)
    assert members(p, u, 8, kept_scores(p, u, y), 0.9).all()
    assert not members(p, u, 8, kept_scores(p, u, y), 0.5).all()
    assert members(p, u, 0, (), 0.5).all()
    p, y = drawn(2500, 3)
    u = uniform(p)
    kept = kept_scores(p, u, y)
    assert len(kept) == MOST
    own = np.sort(scores(p, u)[np.arange(2500), y])
    at = kept[-(-int(np.ceil(0.9 * 2501)) * MOST // 2500) - 1]
    assert own[int(np.ceil(0.9 * 2501)) - 1] <= at <= own[int(np.ceil(0.9 * 2501)) + 2] + 1e-4


def test_they_are_part_of_the_record():
    p, y = drawn(100, 3)
    made = Calibration(0.1).with_sets(p, y)
    assert Calibration.from_dict(made.to_dict()) == made
    expected = members(made.probabilities(p), uniform(p), made.rows, made.scores, 0.9)
    np.testing.assert_array_equal(made.sets(p, 0.9), expected)
    for change in ({"rows": 99}, {"scores": []}, {"scores": list(made.scores[::-1])}):
        with pytest.raises(ModelError):
            Calibration.from_dict(made.to_dict() | change)
