"""Handwritten digits: an `ImageClassifier` with nothing set.

Give the file mnist.npz, with arrays x_train, y_train, x_test and y_test, to train on all of MNIST:

    python examples/02_mnist.py mnist.npz

Without it this takes the 1,797 small digits that scikit-learn brings along.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from steepest import ImageClassifier

if len(sys.argv) > 1:
    with np.load(sys.argv[1]) as file:
        arrays = {name.lower(): file[name] for name in file.files}
    X, X_test, y, y_test = (arrays[name] for name in ("x_train", "x_test", "y_train", "y_test"))
    settings = {}
else:
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)
    X, X_test, y, y_test = train_test_split(images, digits.target, random_state=0)
    settings = {"epochs": 12}

model = ImageClassifier(settings=settings)
model.fit(X, y)
print(model.model_.network.summary(nested=False, width=40))
print(f"best epoch {model.best_epochs_[0]} of {len(model.history_)}")
print(f"accuracy on {len(y_test):,} images for the test: {model.score(X_test, y_test):.4f}")
