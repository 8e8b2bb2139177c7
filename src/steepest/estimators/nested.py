"""Parameters of parameters: ``settings__lr`` and ``solver__lr``, as searches name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

from ..errors import InputError

__all__ = ["NestedParameters"]


class NestedParameters:
    """What an estimator has before scikit-learn's ``BaseEstimator`` among its bases.

    A parameter that is a rule, a schedule, a layer or a loss has the fields of that as parameters
    of its own; ``settings`` has those of the recipe, None where the default counts.
    """

    @classmethod
    def _settings(cls) -> Collection[str]:
        """Return the settings of the recipe that are no parameters of the estimator."""
        return ()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Whether to return parameters of parameters, too: ``settings__lr``, ``solver__lr``.

        Returns
        -------
        dict
            Values by the names of parameters.
        """
        found: dict[str, Any] = super().get_params(deep)  # type: ignore[misc]
        return {**found, **_inner(found, self._settings())} if deep else found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and parameters of parameters: ``settings__lr=0.01``.

        Parameters
        ----------
        **params : object
            By name. A setting of the recipe that is None is as by default.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        InputError
            If a parameter has no such part, or the part can't have such a value.
        """
        own: dict[str, Any] = super().get_params(deep=False)  # type: ignore[misc]
        parts: dict[str, dict[str, Any]] = defaultdict(dict)
        for name in list(params):
            outer, _, inner = name.partition("__")
            if inner and outer in own and not hasattr(params.get(outer, own[outer]), "set_params"):
                parts[outer][inner] = params.pop(name)
        for outer, values in parts.items():
            where = f"{type(self).__name__}.set_params: {outer}"
            whole = params.get(outer, own[outer])
            if outer == "settings":
                params[outer] = _with_settings(where, whole, values, self._settings())
            else:
                params[outer] = _with_fields(where, whole, values)
        super().set_params(**params)  # type: ignore[misc]
        return self


def _inner(values: Mapping[str, Any], settings: Collection[str]) -> dict[str, Any]:
    """Return the parts of some values, by their names, and the parts of these."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name == "settings" and (value is None or isinstance(value, Mapping)):
            parts = {**dict.fromkeys(settings), **(value or {})}
        elif _has_fields(value):
            parts = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
            parts |= _inner(parts, ())
        else:
            continue
        found |= {f"{name}__{part}": of_it for part, of_it in parts.items()}
    return found


def _has_fields(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _with_settings(
    where: str, settings: Mapping[str, Any] | None, values: dict[str, Any], known: Collection[str]
) -> dict[str, Any] | None:
    """Return settings with others of them; those that are None are left out."""
    _check(where, values, {*known, *(settings or {})})
    found = {**(settings or {}), **values}
    return {name: value for name, value in found.items() if value is not None} or None


def _with_fields(where: str, whole: Any, values: dict[str, Any]) -> Any:
    """Return a dataclass with other values of its fields, and of theirs."""
    if not _has_fields(whole):
        raise InputError(
            f"{where} is {whole!r}, which has no part {next(iter(values))!r}; give an object, such "
            "as solver=AdamW() for solver__lr"
        )
    known = [f.name for f in fields(whole) if f.init]
    own: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in values.items():
        outer, _, inner = name.partition("__")
        if inner:
            parts[outer][inner] = value
        else:
            own[name] = value
    _check(where, {**own, **parts}, known)
    for name, of_it in parts.items():
        own[name] = _with_fields(f"{where}__{name}", own.get(name, getattr(whole, name)), of_it)
    return replace(whole, **own)


def _check(where: str, values: Mapping[str, Any], known: Collection[str]) -> None:
    for name in values:
        if name not in known:
            raise InputError(f"{where} has no {name!r}; there are {', '.join(sorted(known))}")
