"""The settings of what is trained on a table: their names, defaults, help and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, fields
from functools import partial
from typing import Annotated, Any

from .. import losses as _losses
from ..errors import InputError
from ..saved.config import from_config
from ..settings import Setting
from ..training.run import MATMUL_DTYPES
from ..validate import (
    DTYPES,
    flag,
    fraction,
    number,
    one_of,
    plain,
    positive_count,
    renamed,
    sequence,
)
from ..validate import seed as checked_seed
from . import recipe_words as words
from .defaults import AVERAGE, LADDER
from .monitor import MONITORS
from .names import ACTIVATIONS, RULES, SCHEDULES

__all__ = ["WHERE", "RecipeSettings", "has_field"]

WHERE = "settings"
_network, _training = partial(Setting, "The network"), partial(Setting, "The training")


@dataclass(frozen=True)
class RecipeSettings:
    """Settings of a network for a table, and of its training.

    The defaults depend on the task and on the number of rows (`Recipe.for_task`). They follow
    RealMLP-TD (Holzmüller, Grinsztajn & Steinwart 2024, arXiv:2407.04491): periodic embeddings of
    numbers, embeddings of categories, a learnable scale, the NTK parametrisation, initial values
    from the data, parametric activations, coslog4 learning rates, dropout and weight decay that
    fall to 0, label smoothing, and the best epoch by validation. What differs: the ranks of numbers
    beside the numbers, and codes of frequent ones (`steepest.tables.columns`); but for several
    classes, waves of a higher frequency, more dropout and weight decay; for numbers, another
    learning rate; an average of the weights; members that share layers for numbers, for two
    classes, and for few rows; and, for time, half the units and fewer epochs.

    Attributes
    ----------
    quality : int
        From 1 to 4, a step of a ladder on which training takes longer and predictions get better:
        one network, of members that share layers but for many rows of several classes; a bag of
        networks over folds of the rows; two bags; three whose networks have members. By
        default it is the second where that takes no more than about twice the time of the first
        and folds may choose the epochs (`steepest.pipeline.defaults.bag_by_default`).
        It gives ``members``, ``folds`` and ``ensemble`` their defaults (`LADDER`).
    members : int
        Members of an ensemble that share the hidden layers (`steepest.Adapters`); 1 for none.
    folds : int
        Train a bag of so many networks, each on the rows but for a fold, which chooses its best
        epoch (`steepest.pipeline.bags`); 0 for none.
    ensemble : int
        How many networks are trained, each from another seed; the model is their average. With
        folds, how many bags, of networks of up to four kinds; these have weights.
    layers : tuple of int or mapping
        Units of hidden layers, or layers instead of them as `steepest.saved.config` writes them;
        8 is short for ``(8,)``.
    activation : str
        One of `steepest.pipeline.names.ACTIVATIONS`; its strength is learned for each unit.
    bins : int
        Each number enters as piecewise linear functions over so many quantile bins, in place of
        waves; 0 for none.
    frequency : float
        Standard deviation of the frequencies of the periodic embeddings, by default by the number
        of rows, and 0 for many columns; 0 for none.
    embedding : int
        Numbers that stand for a value of a category of many.
    quantiles : tuple of float, optional
        Levels, increasing, that take the place of a regression's loss.
    dropout, weight_decay : float
        At first; constant for half of the steps, then along a cosine to 0.
    batch, epochs : int, optional
        By default by the number of rows.
    average : float, optional
        Predict with an exponential moving average of θ (`steepest.rule.Rule.ema`) whose window is
        this share of all steps (`LastShare`); 0 for none. By default `AVERAGE`, or as for the kind
        of task, and none with columns of text: a step changes few rows of their tables, and an
        average would change all.
        Rules with an average of their own have no other.
    patience : int, optional
        Stop after so many epochs that are no better. By default all epochs are run, and the best
        is kept.
    matmul_dtype : {"bfloat16"}, optional
        Round the factors of products of matrices, as for `Trainer`.
    monitor : str, optional
        What the best epoch is chosen by (`steepest.pipeline.monitor`): "validation_loss", or a
        metric of `steepest.metrics`, of honest probabilities. By default the log loss of classes,
        and the loss of numbers.
    calibrate : bool
        Whether probabilities are calibrated on the rows to validate on, where that helps
        (`steepest.probabilities.calibrate`).
    threshold : float or str, optional
        Of two classes: the probability from which the second one is predicted, or a metric by which
        it is chosen on the rows to validate on.
    cost : str or mapping, optional
        What it costs to miss each class (`steepest.pipeline.decision`).
    products : {"bfloat16"}, optional
        The former name of ``matmul_dtype``.

    Each annotation says what the setting is to people: `steepest train` has an option of every
    field.
    """

    quality: Annotated[
        int,
        _network(
            "A step from 1 to 4: 1 trains one network, mostly an ensemble whose members share "
            "layers, 2 a bag of 8 networks over folds of the rows, 3 two bags of unlike networks, "
            "4 four. Each step takes longer than the one before, and usually "
            "gives a better model.",
            words.quality(),
        ),
    ] = 1
    members: Annotated[
        int,
        _network(
            "How many members of an ensemble share the hidden layers. The model is their average.",
            words.by_quality("members", 1),
        ),
    ] = 1
    folds: Annotated[
        int,
        _network(
            "Train a bag: divide the rows into this many parts, and train as many networks, each "
            "on all parts but one. 0 trains on one set of rows.",
            words.by_quality("folds", 0),
        ),
    ] = 0
    ensemble: Annotated[
        int,
        _network(
            "How many networks to train, each from another seed; with folds, how many bags, "
            "of networks of up to four kinds. The model is their average.",
            words.by_quality("ensemble", 1),
        ),
    ] = 1
    layers: Annotated[
        tuple[int | Mapping[str, Any], ...],
        _network(
            "How many units each hidden layer has, separated by commas, like 256,128. An empty "
            "text leaves a linear model.",
            value="LIST",
        ),
    ] = (128, 128, 128)
    activation: Annotated[
        str,
        _network(
            f"The activation function of the hidden units: {words.either(ACTIVATIONS)}.",
            _default("activation"),
        ),
    ] = "selu"
    frequency: Annotated[
        float,
        _network(
            "Each number of the table also enters as waves. This says how high their frequencies "
            "are at first: higher ones follow finer detail. 0 leaves the waves out.",
            _default("frequency"),
        ),
    ] = 4.0
    bins: Annotated[
        int,
        _network(
            "In place of waves, let each number enter as piecewise linear functions of it, over "
            "this many bins between quantiles of its column. 0 keeps the waves."
        ),
    ] = 0
    embedding: Annotated[
        int,
        _network(
            "How many learned numbers stand for each value of a column with many different texts."
        ),
    ] = 8
    dropout: Annotated[
        float,
        _network(
            "The share of the units left out at random in each step, against overfitting. It falls "
            "to 0 over the second half of the training.",
            _default("dropout"),
        ),
    ] = 0.35
    layer_norm: Annotated[
        bool,
        _network(
            "In each row, shift and scale the values of a hidden layer to mean 0, variance 1."
        ),
    ] = False
    loss: Annotated[
        str | None,
        _training(
            f"The loss that training minimises: {words.losses()}.",
            "the first one for the task",
        ),
    ] = None
    quantiles: Annotated[
        tuple[float, ...] | None,
        _network(
            "When a number is predicted, predict these quantiles of it, like 0.05,0.5,0.95.",
            "one value, near the mean",
            "LIST",
        ),
    ] = None
    label_smoothing: Annotated[
        float,
        _training(
            "The part of each row's target that is spread over all classes, so that the network "
            "does not become too sure of one.",
            _default("label_smoothing"),
        ),
    ] = 0.1
    rule: Annotated[
        str, _training(f"The method that turns a gradient into a step: {words.either(RULES)}.")
    ] = "adam"
    lr: Annotated[
        float,
        _training(
            "The learning rate: how far each step goes. If it is too small, training is slow; if "
            "it is too large, training does not converge.",
            _default("lr"),
        ),
    ] = 0.04
    schedule: Annotated[
        str,
        _training(
            f"How the learning rate changes while the network trains: {words.either(SCHEDULES)}."
        ),
    ] = "coslog4"
    momentum: Annotated[
        float | None,
        _training("With the rule sgd, the part of each step that the next one keeps.", "0"),
    ] = None
    l2: Annotated[
        float, _training("The strength of a penalty on large weights, added to the loss.")
    ] = 0.0
    weight_decay: Annotated[
        float,
        _training(
            "How strongly each step shrinks the weights, against overfitting. It falls to 0 over "
            "the second half of the training.",
            _default("weight_decay"),
        ),
    ] = 0.1
    average: Annotated[
        float | None,
        _training(
            "Predict with a running average of the weights over about this share of the steps of "
            "the training, the last ones. 0 predicts with the weights of the last step alone.",
            words.by_task("average", f"{AVERAGE:g}; 0 with columns of text"),
        ),
    ] = None
    clip_norm: Annotated[
        float | None,
        _training(
            "The greatest length of a gradient: a longer one is scaled down to it, so that no "
            "single step goes too far.",
            "no limit",
        ),
    ] = None
    batch: Annotated[
        int | None,
        _training("How many rows each step learns from.", words.batches()),
    ] = None
    epochs: Annotated[
        int | None,
        _training(
            "How many times the training goes through all of its rows, at most.",
            f"as many as make {words.steps()}, but {words.epochs()}",
        ),
    ] = None
    patience: Annotated[
        int | None,
        _training(
            "Stop after this many epochs (passes through the rows) in a row that were no better on "
            "the validation rows.",
            "run all epochs",
        ),
    ] = None
    monitor: Annotated[
        str | None,
        _training(
            "What decides which epoch (pass through the rows) was best, on the validation rows: "
            "validation_loss, which is the training's own loss, or a score such as log_loss, "
            "accuracy, auc, f1, mse, mae or r2.",
            "log_loss for classes, validation_loss for numbers",
        ),
    ] = None
    calibrate: Annotated[
        bool,
        _training(
            "Whether probabilities of classes are calibrated on the validation rows, where that "
            "helps."
        ),
    ] = True
    threshold: Annotated[
        str | float | None,
        _training(
            "Of two classes, predict the second if its probability is at least this, like 0.3. "
            "With the name of a score, such as f1, balanced_accuracy or matthews_corrcoef, it is "
            "the probability at which that score is best on the validation rows.",
            "0.5, or what the class weights say",
            "NUMBER|SCORE",
        ),
    ] = None
    cost: Annotated[
        str | Mapping[Any, float] | None,
        _training(
            "What it costs to miss each class, like yes=5,no=1: the class with the greatest cost "
            "times probability is predicted. Training is not changed.",
            "the class weights",
            "LIST",
        ),
    ] = None
    seed: Annotated[
        int,
        _training(
            "The number that all random choices follow from: the same seed gives the same model."
        ),
    ] = 0
    threads: Annotated[
        int | None,
        _training("How many threads of the processor to use.", "as many as make it faster"),
    ] = None
    dtype: Annotated[str, _training(f"The precision of all numbers: {words.either(DTYPES)}.")] = (
        "float32"
    )
    matmul_dtype: Annotated[
        str | None,
        _training(
            "A lower precision for the factors of matrix products: "
            f"{words.either(MATMUL_DTYPES)}. It is faster on processors with AVX512-BF16.",
            "that of all numbers",
        ),
    ] = None
    products: InitVar[str | None] = None

    def __post_init__(self, products: str | None) -> None:
        """Check everything; plugins in use (`steepest.plugins`) add to what can be named."""
        given = renamed(WHERE, "products", products, "matmul_dtype", self.matmul_dtype)
        object.__setattr__(self, "matmul_dtype", given)
        for name in self.names():  # a search draws NumPy's numbers; a record takes Python's
            object.__setattr__(self, name, plain(getattr(self, name)))
        layers: Any = self.layers
        if type(layers) is int:
            object.__setattr__(self, "layers", (layers,))
        flag(WHERE, "layer_norm", self.layer_norm)
        flag(WHERE, "calibrate", self.calibrate)
        for name in ("embedding", "ensemble", "members"):
            positive_count(WHERE, name, getattr(self, name))
        number(WHERE, "quality", self.quality, least=1, most=max(LADDER), whole=True)
        number(WHERE, "bins", self.bins, least=0, whole=True)
        number(WHERE, "folds", self.folds, least=0, whole=True)
        if self.folds == 1:
            raise InputError(f"{WHERE}: folds must be 0 or at least 2, got 1")
        for name in ("batch", "epochs", "patience", "threads"):
            if getattr(self, name) is not None:
                positive_count(WHERE, name, getattr(self, name))
        if self.quantiles is not None:
            _losses.Quantile(self.quantiles)
        sequence(WHERE, "layers", self.layers)
        for units in self.layers:
            if isinstance(units, Mapping):
                from_config(units, "layer")
            else:
                positive_count(WHERE, "layers", units)
        for name in ("dropout", "label_smoothing", "average"):
            if getattr(self, name) is not None:
                fraction(WHERE, name, getattr(self, name))
        number(WHERE, "lr", self.lr, above=0)
        for name in ("l2", "weight_decay", "frequency"):
            number(WHERE, name, getattr(self, name), least=0)
        object.__setattr__(self, "seed", checked_seed(WHERE, self.seed))
        if self.monitor is not None:
            one_of(WHERE, "monitor", self.monitor, MONITORS)
        one_of(WHERE, "activation", self.activation, ACTIVATIONS)
        one_of(WHERE, "rule", self.rule, RULES)
        one_of(WHERE, "schedule", self.schedule, SCHEDULES)
        one_of(WHERE, "dtype", self.dtype, DTYPES)
        if self.matmul_dtype is not None:
            one_of(WHERE, "matmul_dtype", self.matmul_dtype, MATMUL_DTYPES)
            if self.dtype != "float32":
                raise InputError(
                    f"{WHERE}: matmul_dtype {self.matmul_dtype} is for dtype float32, got "
                    f"{self.dtype}"
                )
        if self.clip_norm is not None:
            number(WHERE, "clip_norm", self.clip_norm, above=0)
        if self.momentum is not None:
            number(WHERE, "momentum", self.momentum, least=0, most=1)
            if not has_field(RULES[self.rule], "momentum"):
                having = words.either(
                    [name for name, kind in RULES.items() if has_field(kind, "momentum")]
                )
                raise InputError(
                    f"{WHERE}: momentum belongs to the rule {having}, not to {self.rule}"
                )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(f.name for f in fields(cls))


def has_field(kind: Any, setting: str) -> bool:
    """Return whether a class has a field of this name."""
    return setting in getattr(kind, "__dataclass_fields__", {})


def _default(name: str) -> str:
    """Return what a setting is by default, in words."""
    return words.by_task(name, getattr(RecipeSettings, name))
