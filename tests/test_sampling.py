from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from steepest import (
    SGD,
    Augment,
    Conv2D,
    Dense,
    Flatten,
    InputError,
    Network,
    Squared,
    Trainer,
)
from steepest.arrays import as_inputs
from steepest.kernels.prefetch import ENTRIES_AHEAD, rows_ahead
from steepest.kernels.random import key_of, squares, unit
from steepest.sampling import SAMPLERS, change_images, sampler_named, shuffle
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun


def run_of(sampling, n, batch, seed=0):
    network = Network(Dense(1), inputs=1, dtype="float64")
    X = as_inputs(np.arange(n)[:, None] / n, "float64", "test")
    return TrainingRun(
        network,
        Descent(Squared(), SGD(lr=1e-9), sampler_named(sampling), batch, seed),
        (X, np.zeros((n, 1)), None),
        slots={},
        step=0,
        threads=1,
    )


def numbers_written(sampling, n, batch, steps, seed=0):
    """Return what the sampler wrote in each step: the rows of the batch, and the rows to come.

    Read from the memory of the program, where all is -1 before each step.
    """
    run = run_of(sampling, n, batch, seed)
    numbers = run._arena._blocks["i"].array
    found = []
    with run.engine:
        for step in range(steps):
            numbers[:] = -1
            run.run(np.full(1, 1e-9))
            rows = run.rows(step)
            ahead = rows_ahead(rows) if run.descent.sampler.scattered else 0
            found.append((numbers[:rows].copy(), numbers[rows : rows + ahead].copy()))
    return found


def rows_seen(*arguments, **options):
    """Return the rows of each step."""
    return [rows for rows, _ in numbers_written(*arguments, **options)]


def test_shuffled_epochs_see_every_row_once():
    seen = rows_seen("shuffled", 23, 5, 15)
    epochs = [np.concatenate(seen[k : k + 5]) for k in (0, 5, 10)]
    assert [len(rows) for rows in seen[:5]] == [5, 5, 5, 5, 3]
    for epoch in epochs:
        assert sorted(epoch) == list(range(23))
    assert epochs[0].tolist() != epochs[1].tolist()
    assert epochs[1].tolist() != epochs[2].tolist()
    again = np.concatenate(rows_seen("shuffled", 23, 5, 5))
    other = np.concatenate(rows_seen("shuffled", 23, 5, 5, seed=1))
    assert again.tolist() == epochs[0].tolist()
    assert other.tolist() != epochs[0].tolist()


def test_shuffling_is_fair():
    orders = np.array([np.concatenate(rows_seen("shuffled", 4, 4, 1, seed=s)) for s in range(600)])
    codes = (orders * [64, 16, 4, 1]).sum(axis=1)
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_uniform_draws_are_uniform():
    drawn = np.concatenate(rows_seen("uniform", 10, 8, 500))
    assert stats.chisquare(np.bincount(drawn, minlength=10)).pvalue > 1e-3


def test_sequential_and_full():
    assert [r.tolist() for r in rows_seen("sequential", 5, 2, 4)] == [[0, 1], [2, 3], [4], [0, 1]]
    assert rows_seen("full", 4, 4, 2)[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match=", ".join(SAMPLERS)):
        sampler_named("nonsense")


@pytest.mark.parametrize("sampling", ["shuffled", "uniform"])
@pytest.mark.parametrize(("n", "batch"), [(23, 5), (20, 5), (7, 1), (90, 40), (4, 4)])
def test_the_rows_to_come_are_rows_and_come(sampling, n, batch):
    per_epoch = -(-n // batch)
    written = numbers_written(sampling, n, batch, 3 * per_epoch)
    for _, ahead in written:
        assert len(ahead) > 0
        assert ((ahead >= 0) & (ahead < n)).all()
    for k, ((_, ahead), (following, _)) in enumerate(pairwise(written)):
        if sampling == "uniform" or (k + 1) % per_epoch:
            known = min(len(ahead), len(following))
            assert ahead[:known].tolist() == following[:known].tolist()


def test_the_order_is_that_of_the_textbook():
    n = 3 * ENTRIES_AHEAD + 7
    key = key_of(3, 1)
    order, moves = np.zeros(n, np.int32), np.zeros(ENTRIES_AHEAD, np.int64)
    with np.errstate(over="ignore"):
        shuffle(5, np.array([5, 0]), 10, order, moves, key)
        own = np.int64(squares(5, key) | np.uint64(1))
        expected = list(range(n))
        for k in range(n - 1, 0, -1):
            other = int(unit(k, own) * (k + 1))
            expected[k], expected[other] = expected[other], expected[k]
    assert order.tolist() == expected


# ------------------------------------------------------------------------------------ augmentation


def changed(X, step=3, key=None, threads=1, before=0, **settings):
    """Return images that the kernel has changed, as plain Python, by shares of the rows."""
    n, height, width, channels = X.shape
    own = {"shift": 0, "cutout": 0, "flip": 0} | settings
    y = np.full_like(X, -1).reshape(n, -1)
    key = key_of(0, 1) if key is None else key
    with np.errstate(over="ignore"):
        for thread in range(threads):
            rows = range(n * thread // threads, n * (thread + 1) // threads)
            shape = height, width, channels
            change_images(step, X.reshape(n, -1), y, *shape, *own.values(), key, before, rows)
    return y.reshape(X.shape)


def places(image, other, most):
    """Return by how many lines and columns an image, moved into zeros, is the other one."""
    height, width, _ = image.shape
    padded = np.pad(image, ((most, most), (most, most), (0, 0)))
    return [
        (most - i, most - j)
        for i in range(2 * most + 1)
        for j in range(2 * most + 1)
        if (padded[i : i + height, j : j + width] == other).all()
    ]


RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(1, 2, (400, 6, 5, 2)).astype(np.float32)


def test_images_are_moved_by_every_distance_alike():
    moved = [places(x, y, 2) for x, y in zip(IMAGES, changed(IMAGES, shift=2), strict=True)]
    assert all(len(found) == 1 for found in moved)
    counts = np.unique([5 * i + j for ((i, j),) in moved], return_counts=True)[1]
    assert len(counts) == 25
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_shift_beyond_the_image_leaves_zeros_alone():
    assert {
        len(places(x, y, 9)) > 0 for x, y in zip(IMAGES, changed(IMAGES, shift=9), strict=True)
    } == {True}


def test_half_of_the_images_are_mirrored_and_no_other():
    found = changed(IMAGES, flip=1)
    mirrored = (found == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((found == IMAGES).all(axis=(1, 2, 3)) == ~mirrored).all()
    assert stats.binomtest(int(mirrored.sum()), len(IMAGES)).pvalue > 1e-3


def test_a_hole_is_a_square_anywhere():
    found = changed(IMAGES, cutout=3)
    hole = found == 0
    assert (found[~hole] == IMAGES[~hole]).all()
    assert (hole.all(axis=3) == hole.any(axis=3)).all()
    for gone in hole.all(axis=3):
        lines, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
        assert gone.sum() == len(lines) * len(columns) > 0
        assert max(len(lines), len(columns)) <= 3
    assert hole.any(axis=(0, 3)).all()  # every pixel is in one, of some image


def test_what_is_drawn_depends_on_the_step_and_the_key_alone():
    settings = {"shift": 2, "cutout": 2, "flip": 1}
    first = changed(IMAGES, **settings)
    assert (changed(IMAGES, threads=3, **settings) == first).all()
    assert (changed(IMAGES, step=4, **settings) != first).any()
    assert (changed(IMAGES[3:], before=3, **settings) == first[3:]).all()
    assert (changed(IMAGES, key=key_of(1, 1), **settings) != first).any()


CHANGES = Augment(shift=2, cutout=2, flip=True)


def trained(threads, X, epochs=(4,), folder=None, augment=CHANGES):
    network = Network(Conv2D(3, 3), Flatten(), Dense(1), inputs=X.shape[1:])
    for k, until in enumerate(epochs):
        trainer = Trainer(network, Squared(), SGD(1e-3), batch=7, threads=threads, augment=augment)
        trainer.fit(X, np.arange(len(X)), epochs=until, checkpoint=folder, resume=k > 0)
    return network.theta.copy()


def test_a_training_that_changes_images_has_the_same_bits_with_any_threads_and_resumed(tmp_path):
    X = IMAGES[:50]
    first = trained(1, X)
    assert (trained(2, X) == first).all()
    assert (trained(1, X, epochs=(2, 4), folder=tmp_path / "kept") == first).all()
    assert (trained(1, X, augment=None) != first).any()


def test_the_compiled_kernel_computes_what_the_plain_one_does():
    X, network = IMAGES[:8], Network(Flatten(), Dense(1), inputs=IMAGES.shape[1:])
    augment = Augment(2, 2, True)
    trainer = Trainer(network, Squared(), batch=8, sampling="full", augment=augment, threads=1)
    descent, y = trainer._descent(8), np.zeros((8, 1), np.float32)
    run = TrainingRun(network, descent, (X, y, None), slots={}, step=0, threads=1)
    run.run(np.full(1, 1e-9))
    found = run._arena._blocks["augmented"].array.reshape(X.shape)
    (instruction,) = [i for i in run.whole.instructions if i.function is change_images]
    key = np.int64(instruction.operands["key"].value)
    expected = changed(X, step=0, key=key, shift=2, cutout=2, flip=1)
    assert (found == expected).all()


def test_what_is_no_image_can_not_be_changed():
    with pytest.raises(InputError, match="leave augment out"):
        Trainer(Network(Dense(1)), Squared(), augment=Augment()).fit(np.ones((5, 3)), np.ones(5))
    with pytest.raises(InputError, match="Augment: shift"):
        Augment(shift=-1)
    with pytest.raises(InputError, match="Augment: flip"):
        Augment(flip=2)
