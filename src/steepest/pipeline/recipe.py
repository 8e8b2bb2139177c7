"""What is trained on a table when nobody says otherwise: settings -> network, loss, rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .. import layers as _layers
from .. import losses as _losses
from ..arrays import Array
from ..errors import InputError
from ..layer import Layer
from ..loss import Loss
from ..network import Network
from ..rule import Rule
from ..rules import Adam
from ..saved.config import from_config
from ..schedule import for_steps
from ..schedules import FlatCosine
from ..training.init_from_data import init_from_data
from ..validate import one_of, renamed_keys
from .average import LastShare
from .decision import check_decision
from .defaults import (
    AVERAGE,
    BAG,
    BATCHES,
    BY_KIND,
    FACTORS,
    FREQUENCIES,
    KINDS,
    LADDER,
    LEAST_EPOCHS,
    MOST_BATCH,
    MOST_EPOCHS,
    STEPS,
    TEXT_EPOCHS,
    TEXT_STEPS,
    bag_by_default,
    by_rows,
    of_few_rows,
    of_many_columns,
)
from .monitor import check_monitor
from .monotone import monotone_layers
from .names import ACTIVATIONS, LOSSES, RULES, SCHEDULES
from .recipe_settings import WHERE, RecipeSettings, has_field

if TYPE_CHECKING:
    from ..tables.encoder import Encoder
    from ..tables.task import Task

__all__ = ["Recipe"]

TEXT = 32
"""Numbers that stand for an n-gram of a text."""
_BAG: dict[str, Any] = {"std": 0.0, "lazy": True, "padding": 0, "weighted": True}


@dataclass(frozen=True)
class Recipe(RecipeSettings):
    """What is trained on a table, made of its settings: the network, the loss, the rule."""

    augment: ClassVar[None] = None
    """Tables aren't changed while a network trains on them."""

    @classmethod
    def for_task(
        cls,
        task: Task,
        settings: Mapping[str, Any] | None = None,
        rows: int = 10_000,
        columns: int = 1,
        texts: bool = False,
        rising: bool = False,
        bag: bool = False,
    ) -> Self:
        """Return the default recipe for a task and so many training rows, with some changed.

        Parameters
        ----------
        task : Task
        settings : mapping, optional
            What is not to be as by default.
        rows, columns : int
            To train on; columns of the table.
        texts, rising : bool
            Whether one of the columns holds free text; whether predictions must rise with one.
        bag : bool
            Whether folds may choose the epochs, so that the default may be a bag.
        """
        wanted = renamed_keys(WHERE, {} if settings is None else settings)
        unknown = sorted(set(wanted) - set(cls.names()), key=str)
        if unknown:
            raise InputError(f"settings: no {unknown[0]!r}; there are {', '.join(cls.names())}")
        given = {name: wanted[name] for name in ("quality", "layers") if name in wanted}
        recipe = cls(frequency=by_rows(FREQUENCIES, rows, cls.frequency), **given)
        alone = texts or rising or any(isinstance(u, Mapping) for u in recipe.layers)
        usual = BY_KIND[task.kind] | ({"members": 1, "average": None} if alone else {})
        usual |= of_many_columns(usual.get("members", 1), columns)
        step = recipe.quality
        if "quality" not in wanted and bag and not alone:
            step = BAG if bag_by_default(task.kind, rows, columns, wanted) else step
        few = of_few_rows(task.kind, rows, step >= BAG or bool(wanted.get("folds")))
        if alone or few.keys() & wanted:
            few = {}
        own = usual | LADDER[step] | dict(few) | ({"members": 1} if rising else {})
        recipe = replace(recipe, **{**own, "quality": step, **wanted})
        loss = recipe.make_loss(task)
        check_monitor(recipe.monitor, task, loss)
        check_decision(recipe.threshold, recipe.cost, task, loss)
        batch = recipe.batch or by_rows(BATCHES, rows, MOST_BATCH)
        a_pass = -(-rows // batch)
        epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS[task.kind] / a_pass)))
        if texts:
            epochs = min(epochs, max(TEXT_EPOCHS, round(TEXT_STEPS / a_pass)))
        return replace(recipe, batch=batch, epochs=recipe.epochs or epochs)

    @property
    def fits(self) -> int:
        """How many networks are trained."""
        return self.ensemble * (self.folds or 1)

    def of_bag(self, encoder: Encoder, bag: int, fold: int = 0) -> Self:
        """Return what a network of a bag trains by: a seed of its own, and what its kind has.

        A kind (`KINDS`) changes what is as by default, but gives no members where layers can't
        have them.
        """
        own = KINDS[bag % len(KINDS)].items()
        kind = {name: value for name, value in own if getattr(self, name) == getattr(Recipe, name)}
        if encoder.rising or any(isinstance(units, Mapping) for units in self.layers):
            kind.pop("members", None)
        return replace(self, ensemble=1, seed=self.seed + bag * self.folds + fold, **kind)

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
        layers = self._hidden(encoder, steps)
        loss = self.make_loss(task)
        outputs = task.width(loss)
        if encoder.rising:
            self._check_monotone(task)
            layers = monotone_layers(layers, encoder.width, encoder.rising, outputs)
        elif self.members > 1:
            heads = _layers.Heads(outputs, "standard_normal")
            layers += [_layers.RootScale(), heads, _layers.MemberMean(loss.link)]
        else:
            layers += [_layers.RootScale(), _layers.Dense(outputs, "standard_normal")]
        seed = self.seed if seed is None else seed
        return Network(*layers, inputs=encoder.width, seed=seed, dtype=self.dtype)

    def _check_monotone(self, task: Task) -> None:
        """Refuse a network that can't rise with columns."""
        if self.members > 1:
            raise InputError(
                f"{WHERE}: members that share layers can't have monotone columns; set members to "
                f"1, got {self.members}"
            )
        if task.kind == "multiclass":
            raise InputError(
                f"target {task.name!r} has {len(task.classes)} classes, and a monotone column "
                "needs a number or two classes"
            )

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

    def start(self, network: Network, sample: Array, seed: int) -> None:
        """Give a network initial values that fit a sample of encoded rows."""
        init_from_data(network, sample, seed=seed)

    def make_loss(self, task: Task) -> Loss:
        """Return the loss for the task."""
        if self.quantiles is not None:
            if not task.is_regression:
                raise InputError(f"quantiles are of numbers; {task.name!r} has classes")
            return _losses.Quantile(self.quantiles)
        name = next(iter(LOSSES[task.kind])) if self.loss is None else self.loss
        one_of(WHERE, f"loss for {task.kind}", name, LOSSES[task.kind])
        kind: Callable[..., Loss] = LOSSES[task.kind][name]
        smooth = has_field(kind, "label_smoothing")
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
