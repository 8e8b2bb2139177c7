"""What is trained on a table when nobody says otherwise: settings -> network, loss, rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar

import numpy as np

from .. import layers as _layers
from .. import losses as _losses
from ..arrays import Array
from ..errors import InputError
from ..layer import Layer
from ..loss import Loss
from ..network import Network
from ..rule import IfPresent, Rule
from ..rules import Adam
from ..saved.config import from_config
from ..schedule import Schedule, for_steps
from ..schedules import FlatCosine
from ..settings import Setting
from ..training.init_from_data import init_from_data
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
    renamed_keys,
    sequence,
)
from ..validate import seed as checked_seed
from .decision import check_decision
from .monitor import MONITORS, check_monitor
from .monotone import monotone_layers
from .names import ACTIVATIONS, LOSSES, RULES, SCHEDULES

if TYPE_CHECKING:
    from ..tables.encoder import Encoder
    from ..tables.task import Task

_T = TypeVar("_T")

__all__ = ["Recipe"]

FACTORS = IfPresent(
    {"*.s": 6.0, **dict.fromkeys(("*.b", "*.w", "*.omega", "*.phi", "*.W", "*.c", "*.R"), 0.1)}
)
"""Of an adaptive rule's learning rate: scales are fast; biases, activations, waves and members'
scales are slow."""
STEPS = {"binary": 1600, "multiclass": 3000, "regression": 6000}
"""How many steps a training takes, if epochs are not given."""
BY_KIND: dict[str, dict[str, Any]] = {
    "binary": {},
    "multiclass": {"dropout": 0.15, "weight_decay": 0.02, "frequency": 0.1},
    "regression": {"lr": 0.05, "dropout": 0.25, "activation": "mish"},
}
"""What a kind of task has in place of the defaults; `benchmarks/defaults.py` has what classes were
chosen by. Several classes have the paper's own rates and waves."""
FREQUENCIES = ((8_192, 0.3), (20_000, 1.0))
"""Up to so many rows, waves are as long as this: few rows can't tell short ones from noise."""
WAVED = 1_000
"""Up to so many columns, numbers also enter as waves, which are most of the inputs of a layer."""
# Measured, one seed each. R² on rows held out of abalone (3,100 rows), 0.47 with 4 and 0.55 with
# 0.3; of California housing (7,500), 0.807 with 4 and 0.830 with 1. Accuracy on census income
# (29,000), 0.865 with 1 and 0.869 with 4.
_BATCHES, _MOST_BATCH = ((1_024, 64), (8_192, 128), (60_000, 256), (200_000, 512)), 1024

AVERAGE = 1 / 16
"""The share of the steps over which weights are averaged."""

LADDER: dict[int, dict[str, Any]] = {
    1: {},
    2: {"members": 16},
    3: {"members": 4, "folds": 8},
    4: {"members": 4, "folds": 8, "ensemble": 3},
}
"""What each step of ``quality`` has in place of the defaults."""

TEXT = 32
"""Numbers that stand for an n-gram of a text."""
_BAG: dict[str, Any] = {"std": 0.0, "lazy": True, "padding": 0, "weighted": True}

_WHERE = "settings"
_network, _training = partial(Setting, "The network"), partial(Setting, "The training")
_KINDS = {
    "binary": "with two classes",
    "multiclass": "with more classes",
    "regression": "with a number to predict",
}


@dataclass(frozen=True)
class LastShare(Schedule):
    """1 − 1/(share · total): the decay of an average over about the last ``share`` of the steps.

    A constant decay averages over as many steps of a short training as of a long one, and hardly
    leaves the first θ in one of a few dozen steps.
    """

    share: float
    total: int | None = None

    def __call__(self, steps: Array, /) -> Array:
        """Return the decay at each of ``steps``."""
        window = max(1.0, self.share * (self.total or 0))
        return np.full(np.shape(steps), 1 - 1 / window)


@dataclass(frozen=True)
class Recipe:
    """Settings of a network for a table, and of its training.

    The defaults depend on the task and on the number of rows (`for_task`). They follow RealMLP-TD
    (Holzmüller, Grinsztajn & Steinwart 2024, arXiv:2407.04491): periodic embeddings of numbers,
    embeddings of categories, a learnable scale, the NTK parametrisation, initial values from the
    data, parametric activations, coslog4 learning rates, dropout and weight decay that fall to 0,
    label smoothing, and the best epoch by validation. What differs: the ranks of numbers beside the
    numbers (`steepest.tables.columns`); but for several classes, waves of a higher frequency, more
    dropout and weight decay; for numbers, another learning rate; and, for time, half the units and
    fewer epochs.

    Attributes
    ----------
    quality : int
        From 1 to 4, a step of a ladder on which training takes longer and predictions get better:
        one network; members that share layers; a bag of networks over folds of the rows; several
        bags. It gives ``members``, ``folds`` and ``ensemble`` their defaults (`LADDER`).
    members : int
        Members of an ensemble that share the hidden layers (`steepest.Adapters`); 1 for none.
    folds : int
        Train a bag of so many networks, each on the rows but for a fold, which chooses its best
        epoch (`steepest.pipeline.bags`); 0 for none.
    ensemble : int
        How many networks are trained, each from another seed; the model is their average. With
        folds, how many bags; these have weights.
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
        this share of all steps (`LastShare`); 0 for none. By default `AVERAGE`, and none with
        columns of text: a step changes few rows of their tables, and an average would change all.
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

    augment: ClassVar[None] = None
    """Tables aren't changed while a network trains on them."""

    quality: Annotated[
        int,
        _network(
            "A step from 1 to 4: 1 trains one network, 2 an ensemble whose members share layers, 3 "
            "a bag of networks over folds of the rows, 4 several bags. Each takes longer, and is "
            "better most of the time."
        ),
    ] = 1
    members: Annotated[
        int,
        _network(
            "How many members of an ensemble share the hidden layers. The model is their average.",
            _by_quality("members", 1),
        ),
    ] = 1
    folds: Annotated[
        int,
        _network(
            "Train a bag: divide the rows into so many parts, and train a network on all but each "
            "of them. 0 trains on one set of rows.",
            _by_quality("folds", 0),
        ),
    ] = 0
    ensemble: Annotated[
        int,
        _network(
            "How many networks to train, each from another seed. The model is their average. With "
            "folds it is how many bags.",
            _by_quality("ensemble", 1),
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
            f"The activation function of the hidden units: {_either(ACTIVATIONS)}.",
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
            "Let each number enter as functions that bend at quantiles of its column, so many bins "
            "apart, in place of waves. 0 keeps the waves."
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
            f"The error that the training makes small: {_losses_by_kind()}.",
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
            "When a class is predicted, the part of each row's target that is spread over all "
            "classes, so that the network does not become too sure."
        ),
    ] = 0.1
    rule: Annotated[
        str, _training(f"The method that turns a gradient into a step: {_either(RULES)}.")
    ] = "adam"
    lr: Annotated[
        float,
        _training(
            "The learning rate: how far each step goes. If it is too small, training is slow; if "
            "it is too large, training does not settle.",
            _default("lr"),
        ),
    ] = 0.04
    schedule: Annotated[
        str,
        _training(f"How the learning rate changes while the network trains: {_either(SCHEDULES)}."),
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
            f"{AVERAGE:g}; 0 with columns of text",
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
        _training("How many rows each step learns from.", _by_rows_text(_BATCHES, _MOST_BATCH)),
    ] = None
    epochs: Annotated[
        int | None,
        _training(
            "How many times the training goes through all of its rows, at most.",
            f"as many as these steps take: {_by_kind_text(STEPS)}; from 8 to 256",
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
            "What the best epoch (pass through the rows) is chosen by, on the validation rows: "
            "validation_loss, the error that the training makes small, or a score such as "
            "log_loss, accuracy, auc, f1, mse, mae or r2.",
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
            "Of two classes, predict the second from this probability on, like 0.3. Or choose it: "
            "with the name of a score, such as f1, balanced_accuracy or matthews_corrcoef, it is "
            "the probability at which that is best on the validation rows.",
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
    dtype: Annotated[str, _training(f"The precision of all numbers: {_either(DTYPES)}.")] = (
        "float32"
    )
    matmul_dtype: Annotated[
        str | None,
        _training(
            f"A lower precision for the factors of matrix products: {_either(MATMUL_DTYPES)}. It "
            "is faster on processors with AVX512-BF16.",
            "that of all numbers",
        ),
    ] = None
    products: InitVar[str | None] = None

    def __post_init__(self, products: str | None) -> None:
        """Check everything; plugins in use (`steepest.plugins`) add to what can be named."""
        given = renamed(_WHERE, "products", products, "matmul_dtype", self.matmul_dtype)
        object.__setattr__(self, "matmul_dtype", given)
        for name in self.names():  # a search draws NumPy's numbers; a record takes Python's
            object.__setattr__(self, name, plain(getattr(self, name)))
        layers: Any = self.layers
        if type(layers) is int:
            object.__setattr__(self, "layers", (layers,))
        flag(_WHERE, "layer_norm", self.layer_norm)
        flag(_WHERE, "calibrate", self.calibrate)
        for name in ("embedding", "ensemble", "members"):
            positive_count(_WHERE, name, getattr(self, name))
        number(_WHERE, "quality", self.quality, least=1, most=max(LADDER), whole=True)
        number(_WHERE, "bins", self.bins, least=0, whole=True)
        number(_WHERE, "folds", self.folds, least=0, whole=True)
        if self.folds == 1:
            raise InputError(f"{_WHERE}: folds must be 0 or at least 2, got 1")
        for name in ("batch", "epochs", "patience", "threads"):
            if getattr(self, name) is not None:
                positive_count(_WHERE, name, getattr(self, name))
        if self.quantiles is not None:
            _losses.Quantile(self.quantiles)
        sequence(_WHERE, "layers", self.layers)
        for units in self.layers:
            if isinstance(units, Mapping):
                from_config(units, "layer")
            else:
                positive_count(_WHERE, "layers", units)
        for name in ("dropout", "label_smoothing", "average"):
            if getattr(self, name) is not None:
                fraction(_WHERE, name, getattr(self, name))
        number(_WHERE, "lr", self.lr, above=0)
        for name in ("l2", "weight_decay", "frequency"):
            number(_WHERE, name, getattr(self, name), least=0)
        object.__setattr__(self, "seed", checked_seed(_WHERE, self.seed))
        if self.monitor is not None:
            one_of(_WHERE, "monitor", self.monitor, MONITORS)
        one_of(_WHERE, "activation", self.activation, ACTIVATIONS)
        one_of(_WHERE, "rule", self.rule, RULES)
        one_of(_WHERE, "schedule", self.schedule, SCHEDULES)
        one_of(_WHERE, "dtype", self.dtype, DTYPES)
        if self.matmul_dtype is not None:
            one_of(_WHERE, "matmul_dtype", self.matmul_dtype, MATMUL_DTYPES)
            if self.dtype != "float32":
                raise InputError(
                    f"{_WHERE}: matmul_dtype {self.matmul_dtype} is for dtype float32, got "
                    f"{self.dtype}"
                )
        if self.clip_norm is not None:
            number(_WHERE, "clip_norm", self.clip_norm, above=0)
        if self.momentum is not None:
            number(_WHERE, "momentum", self.momentum, least=0, most=1)
            if not _has(RULES[self.rule], "momentum"):
                having = _either([name for name, kind in RULES.items() if _has(kind, "momentum")])
                raise InputError(
                    f"{_WHERE}: momentum belongs to the rule {having}, not to {self.rule}"
                )

    @classmethod
    def for_task(
        cls,
        task: Task,
        settings: Mapping[str, Any] | None = None,
        rows: int = 10_000,
        columns: int = 1,
    ) -> Self:
        """Return the default recipe for a task and so many training rows, with some changed."""
        wanted = renamed_keys(_WHERE, {} if settings is None else settings)
        unknown = sorted(set(wanted) - set(cls.names()), key=str)
        if unknown:
            raise InputError(f"settings: there are {', '.join(cls.names())}; got {unknown[0]!r}")
        step = cls(quality=wanted.get("quality", cls.quality)).quality
        waves = _by_rows(FREQUENCIES, rows, cls.frequency) if columns <= WAVED else 0.0
        recipe = cls(frequency=waves)
        recipe = replace(recipe, **(BY_KIND[task.kind] | LADDER[step] | wanted))
        loss = recipe.make_loss(task)
        check_monitor(recipe.monitor, task, loss)
        check_decision(recipe.threshold, recipe.cost, task, loss)
        batch = recipe.batch or _by_rows(_BATCHES, rows, _MOST_BATCH)
        epochs = recipe.epochs or min(256, max(8, round(STEPS[task.kind] / -(-rows // batch))))
        return replace(recipe, batch=batch, epochs=epochs)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(f.name for f in fields(cls))

    @property
    def fits(self) -> int:
        """How many networks are trained."""
        return self.ensemble * (self.folds or 1)

    @property
    def sizes(self) -> tuple[Any, ...]:
        """The units of the hidden layers, or the names of those of another kind."""
        return tuple(u["type"] if isinstance(u, Mapping) else u for u in self.layers)

    def network(
        self, task: Task, encoder: Encoder, seed: int | None = None, steps: int | None = None
    ) -> Network:
        """Return an untrained network for the task and for what the encoder writes.

        Its schedules stretch over ``steps``; over one call of `Trainer.fit` if that is not given.
        """
        layers: list[Layer] = self._hidden(encoder, steps)
        loss = self.make_loss(task)
        outputs = task.width(loss)
        if encoder.rising:
            if self.members > 1:
                raise InputError(
                    f"{_WHERE}: members that share layers can't have monotone columns; set members "
                    f"to 1, got {self.members}"
                )
            if task.kind == "multiclass":
                raise InputError(
                    f"target {task.name!r} has {len(task.classes)} classes, and a monotone column "
                    "needs a number or two classes"
                )
            layers = monotone_layers(layers, encoder.width, encoder.rising, outputs)
        elif self.members > 1:
            heads = _layers.Heads(outputs, "standard_normal")
            layers += [_layers.RootScale(), heads, _layers.MemberMean(loss.link)]
        else:
            layers += [_layers.RootScale(), _layers.Dense(outputs, "standard_normal")]
        seed = self.seed if seed is None else seed
        return Network(*layers, inputs=encoder.width, seed=seed, dtype=self.dtype)

    def _hidden(self, encoder: Encoder, steps: int | None) -> list[Layer]:
        """Return the layers before the last one, for all columns that predictions need not rise
        with; none if there are no such columns.
        """
        if encoder.rising == encoder.width:
            return []
        activation = ACTIVATIONS[self.activation]
        layers: list[Layer] = [*self._embed(encoder), _layers.Scale()]
        if self.members > 1:
            layers.append(_layers.Adapters(self.members))
        for units in self.layers:
            if isinstance(units, Mapping):
                layers.append(from_config(units, "layer"))
            else:
                layers += [_layers.RootScale(), _layers.Dense(units, "standard_normal")]
            if self.layer_norm:
                layers.append(_layers.LayerNorm())
            layers.append(_layers.Parametric(activation()))
            if self.dropout:
                layers.append(_layers.Dropout(FlatCosine(self.dropout, steps)))
        return layers

    def start(self, network: Network, sample: Array, seed: int) -> None:
        """Give a network initial values that fit a sample of encoded rows."""
        init_from_data(network, sample, seed=seed)

    def _embed(self, encoder: Encoder) -> list[Layer]:
        """Return what comes first: functions of numbers, flags as they are, embeddings of texts and
        of codes.
        """
        functions: Layer = _layers.Identity()
        if self.bins:
            functions = _layers.PiecewiseLinear(self.bins)
        elif self.frequency:
            functions = _layers.Periodic(std=self.frequency)
        codes = encoder.codes
        texts = [
            (width, _layers.EmbeddingBag(buckets, TEXT, "sum", **_BAG))
            for width, buckets in encoder.texts
        ]
        used = encoder.numbers + sum(width for width, _ in texts) + len(codes) + encoder.rising
        branches: list[tuple[int, Layer]] = [
            (encoder.numbers, functions),
            (encoder.width - used, _layers.Identity()),
            *texts,
            (len(codes), _layers.Embedding(max(1, sum(codes)), self.embedding)),
        ]
        branches = [(width, layer) for width, layer in branches if width]
        return [branches[0][1]] if len(branches) == 1 else [_layers.Parallel(*branches)]

    def make_loss(self, task: Task) -> Loss:
        """Return the loss for the task."""
        if self.quantiles is not None:
            if not task.is_regression:
                raise InputError(f"quantiles are of numbers; {task.name!r} has classes")
            return _losses.Quantile(self.quantiles)
        name = next(iter(LOSSES[task.kind])) if self.loss is None else self.loss
        one_of(_WHERE, f"loss for {task.kind}", name, LOSSES[task.kind])
        kind: Callable[..., Loss] = LOSSES[task.kind][name]
        smooth = _has(kind, "label_smoothing")
        return kind(label_smoothing=self.label_smoothing) if smooth else kind()

    def make_rule(self, steps: int | None = None, lazy: bool = False) -> Rule:
        """Return the update rule; ``steps`` as of `network`.

        ``lazy`` says whether the network has tables of which a step changes only some rows.
        """
        own: dict[str, Any] = {} if self.momentum is None else {"momentum": self.momentum}
        rule, lr = RULES[self.rule], SCHEDULES[self.schedule](self.lr)
        if rule.adaptive:
            own["factors"] = FACTORS
        if issubclass(rule, Adam):
            own["beta2"] = 0.95
        made = rule(
            lr=lr if steps is None else for_steps(lr, steps),
            l2=self.l2,
            weight_decay=FlatCosine(self.weight_decay, steps) if self.weight_decay else 0.0,
            clip_norm=self.clip_norm,
            **own,
        )
        average = self.average
        if average is None:
            average = 0.0 if lazy else AVERAGE
        if not average or made.predicts is not None:  # it has an average of its own
            return made
        return replace(made, ema=LastShare(average, steps))


def _by_rows(steps: tuple[tuple[int, _T], ...], rows: int, most: _T) -> _T:
    """Return what goes with the first number of rows that is not exceeded; else ``most``."""
    return next((value for bound, value in steps if rows <= bound), most)


def _has(kind: Any, setting: str) -> bool:
    """Return whether a class has a field of this name."""
    return setting in getattr(kind, "__dataclass_fields__", {})


# ------------------------------------------------------------------- what annotations say of it


def _either(names: Iterable[str]) -> str:
    """Return "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _losses_by_kind() -> str:
    return "; ".join(f"{_KINDS[kind]} {_either(found)}" for kind, found in LOSSES.items())


def _by_rows_text(steps: tuple[tuple[int, Any], ...], most: Any) -> str:
    parts = [f"{value:g} up to {bound:,} rows" for bound, value in steps]
    return ", ".join([*parts, f"{most:g} for more"])


def _by_kind_text(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{value:,} {_KINDS[kind]}" for kind, value in values.items())


def _by_quality(name: str, otherwise: int) -> str:
    """Return what a setting is by default, if that depends on the quality."""
    steps = {q: own[name] for q, own in LADDER.items() if name in own}
    return "; ".join([f"{otherwise}", *(f"{v} with quality {q}" for q, v in steps.items())])


def _default(name: str) -> str:
    """Return what a setting is by default, if that depends on the task or the number of rows."""
    value = getattr(Recipe, name)
    shown = f"{value}"
    if name == "frequency":
        shown = f"{_by_rows_text(FREQUENCIES, value)}; 0 for more than {WAVED:,} columns"
    others = {kind: own[name] for kind, own in BY_KIND.items() if name in own}
    return "; ".join([shown, *(f"{other} {_KINDS[kind]}" for kind, other in others.items())])
