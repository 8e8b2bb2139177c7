"""ImageClassifier: from pixels or a folder of pictures to a model."""

import pickle
import tracemalloc

import numpy as np
import pytest
from ort import run
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV

import steepest
from steepest import Augment, ImageClassifier, InputError, ModelError

DIGITS = load_digits()
X, Y = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
QUICK = {"epochs": 3, "batch": 32}


@pytest.fixture(scope="module")
def model():
    return ImageClassifier(settings={"epochs": 8}).fit(X[:1400], Y[:1400])


def test_it_learns_digits(model):
    assert model.score(X[1400:], Y[1400:]) > 0.93
    assert model.classes_.tolist() == list(range(10))
    assert len(model.history_) == 8
    assert model.history_["log_loss"][model.best_epochs_[0] - 1] == min(model.history_["log_loss"])
    with pytest.raises(ModelError, match="only rows of tables compile"):
        model.model_.compiled()
    shares = model.predict_proba(X[:50])
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert (model.classes_[shares.argmax(axis=1)] == model.predict(X[:50])).all()


def test_displays_take_images(model):
    pytest.importorskip("matplotlib").use("Agg")
    shown = ConfusionMatrixDisplay.from_estimator(model, X[1400:], Y[1400:])
    assert np.trace(shown.confusion_matrix) == (model.predict(X[1400:]) == Y[1400:]).sum()


def test_it_is_copied_pickled_and_saved(model, tmp_path):
    expected = model.predict_proba(X[:300])
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(X[:300]) == expected).all()
    model.model_.save(tmp_path / "model")
    loaded = steepest.load(tmp_path / "model")
    assert (loaded.predict_proba(X[:300]).astype(expected.dtype) == expected).all()
    assert "8×8 pixels, 1 channel" in (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "8×8 pixels" in repr(loaded)
    with pytest.raises(NotFittedError):
        clone(model).predict(X[:2])


def test_a_search_goes_through_its_parameters():
    search = GridSearchCV(
        ImageClassifier(settings=QUICK), {"augment": [None, Augment(1)]}, cv=2, error_score="raise"
    )
    assert search.fit(X[:200], Y[:200]).best_params_["augment"] in (None, Augment(1))


def test_channels_bytes_and_real_numbers_are_alike():
    found = [
        ImageClassifier(settings=QUICK).fit(given, Y[:200]).predict_proba(given)
        for given in (X[:200], X[:200, ..., None], X[:200].astype(np.float64))
    ]
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_labels_may_be_texts_and_two_classes_have_one_output():
    chosen = Y < 2
    names = np.array(["zero", "one"])[Y[chosen]]
    model = ImageClassifier(settings=QUICK | {"epochs": 12}).fit(X[chosen], names)
    assert model.classes_.tolist() == ["one", "zero"]
    assert model.model_.network.outputs == 1
    assert model.score(X[chosen], names) > 0.95


def test_the_same_seed_gives_the_same_bits_and_another_others():
    first, again, other = (
        ImageClassifier(settings=QUICK, random_state=seed, n_threads=threads)
        .fit(X[:200], Y[:200])
        .model_.network.theta
        for seed, threads in ((1, 1), (1, 2), (2, 1))
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("shape", [(5, 5, 1), (1, 9, 2), (12, 40, 3), (70, 66, 3)])
def test_images_of_any_size(shape):
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
    model = ImageClassifier(settings={"epochs": 1, "width": 4}).fit(images, np.arange(12) % 2)
    assert model.predict(images).shape == (12,)
    assert model.predict(images[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (X[0], Y[:1], r"one image is X\[None\]"),
        (X[:0], Y[:0], "X has no images"),
        (X[:20], Y[:19], "20 rows of X, 19 of y"),
        (X[:20], np.zeros(20, int), "at least two classes"),
        (np.full((9, 8, 8), np.nan), Y[:9], "not finite"),
        (np.ones((9, 3, 200, 200)), Y[:9], "the channels come last"),
        ([np.ones((2, 2)), np.ones((3, 3))], [0, 1], "rows of one length"),
        (X[:20], None, "requires y"),
        ("nowhere", None, "is no folder"),
        ("nowhere", Y, "leave y out"),
    ],
)
def test_what_can_not_be_learned_from(images, labels, message):
    with pytest.raises(InputError, match=message):
        ImageClassifier(settings=QUICK).fit(images, labels)


def test_settings_are_checked():
    with pytest.raises(InputError, match="for images; there are"):
        ImageClassifier(settings={"layers": 3}).fit(X, Y)
    with pytest.raises(InputError, match="augment or 'shift', not both"):
        ImageClassifier(settings={"shift": 3}, augment=None).fit(X, Y)


def test_images_of_another_size_or_range_are_refused(model):
    with pytest.raises(InputError, match="expected images of 8×8"):
        model.predict(np.zeros((2, 9, 8), np.uint8))
    with pytest.raises(InputError, match=r"give X \* 255"):
        model.predict(X[:5] / 255)
    dim = ImageClassifier(settings=QUICK).fit(X[:100] / 255, Y[:100])
    with pytest.raises(InputError, match="give X / 255"):
        dim.predict(X[:5])


def test_a_folder_of_pictures(tmp_path):
    for k in range(60):
        (tmp_path / f"c{Y[k] % 2}").mkdir(exist_ok=True)
        Image.fromarray(X[k]).save(tmp_path / f"c{Y[k] % 2}" / f"{k:03}.png")
    (tmp_path / "c0" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(steepest.ImageError, match=r"c0/broken\.png can't be read"):
        ImageClassifier(settings=QUICK).fit(tmp_path)
    model = ImageClassifier(settings=QUICK, skip=True).fit(tmp_path)
    assert [text.split()[0] for text in model.skipped_] == ["c0/broken.png"]
    (tmp_path / "c0" / "broken.png").unlink()
    assert model.predict(tmp_path).shape == (60,)
    assert set(model.classes_) == {"c0", "c1"}


def test_one_class_weighs_more():
    few = ImageClassifier(settings=QUICK, class_weight={k: 1 + 9 * (k == 3) for k in range(10)})
    plain = ImageClassifier(settings=QUICK)
    counts = [(m.fit(X[:300], Y[:300]).predict(X[:300]) == 3).sum() for m in (few, plain)]
    assert counts[0] > counts[1]


@pytest.mark.parametrize("classes", [2, 10])
def test_onnx_predicts_alike(tmp_path, classes):
    chosen = Y[:300] < classes
    model = ImageClassifier(settings=QUICK).fit(X[:300][chosen], Y[:300][chosen])
    steepest.export_onnx(model, tmp_path / "model.onnx")
    images = X[300:350, ..., None].astype(np.float32)
    found = run(tmp_path / "model.onnx", x=images)
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(images), atol=1e-5)
    assert (found["prediction"] == model.predict(images)).all()


def test_images_to_train_on_are_not_copied():
    """What grows with their number is a tenth, held out, and a few numbers for each."""
    many = np.zeros((7000, 32, 32, 3), np.uint8)
    many[::2] = 255
    labels = np.arange(7000) % 2
    settings = {"width": 1, "epochs": 1, "batch": 8}

    def peak(n):
        tracemalloc.start()
        try:
            stop = [lambda told: True]
            ImageClassifier(settings=settings, callbacks=stop).fit(many[:n], labels[:n])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(3000)  # compiles
    assert peak(7000) - peak(3000) < many[:4000].nbytes / 4


def test_a_folder_in_parts_chooses_the_epoch_by_its_own(tmp_path):
    for part, first in (("train", 0), ("val", 40), ("test", 60)):
        for k in range(first, first + 20):
            place = tmp_path / part / str(Y[k] % 2)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(X[k]).save(place / f"{k}.png")
    model = ImageClassifier(settings={"epochs": 1, "batch": 4}).fit(tmp_path)
    assert model.history_.rows[0]["step"] == 5  # all twenty are trained on
    assert "log_loss" in model.history_.rows[0]
    assert len(model.predict(tmp_path / "test")) == 20
