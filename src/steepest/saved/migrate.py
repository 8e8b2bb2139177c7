"""Records of older schemas, brought up to the present one, a step at a time.

A step takes the record of one schema and returns that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ModelError
from ..validate import FORMER_NAMES
from .folder import FORMAT, NETWORK_FORMAT

__all__ = ["SCHEMA", "migrate"]

SCHEMA = 5
"""The schema that is written; a reader refuses later ones."""

Record = dict[str, Any]


def migrate(record: Record) -> Record:
    """Return the record in the present schema.

    Raises
    ------
    ModelError
        If it is of a later schema, or of none.
    """
    if record.get("format") == NETWORK_FORMAT:
        return _from_network(record)
    schema = record.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise ModelError(f"its schema is {schema!r}, expected a whole number of at least 1")
    if schema > SCHEMA:
        raise ModelError(
            f"it is of schema {schema}, written by a later Steepest; this one reads up to "
            f"{SCHEMA}, so upgrade it"
        )
    for version in range(schema, SCHEMA):
        record = {**_STEPS[version](record), "schema": version + 1}
    return _with_names_of_today(record)


def _with_names_of_today(record: Record) -> Record:
    """Rename settings of the recipe that were called otherwise when the model was written."""
    about = record.get("about")
    recipe = about.get("recipe") if isinstance(about, Mapping) else None
    if not isinstance(about, Mapping) or not isinstance(recipe, Mapping):
        return record
    recipe = {FORMER_NAMES.get(name, name): value for name, value in recipe.items()}
    return {**record, "about": {**about, "recipe": recipe}}


def _from_1(record: Record) -> Record:
    """Schema 1: columns by name, their arrays in place, and loose what is now in "about"."""
    own = ("format", "schema", "network", "loss", "task", "encoder", "versions")
    about = {key: value for key, value in record.items() if key not in own}
    if "test_rows" in about:
        about["rows"] = {"test": about.pop("test_rows")}
    encoder = record["encoder"]
    if not isinstance(encoder, Mapping) or not isinstance(encoder.get("columns"), Mapping):
        raise ModelError("its encoder has no columns")
    columns = [{"name": name, **kind} for name, kind in encoder["columns"].items()]
    return {
        **{key: record[key] for key in own if key in record},
        "encoder": {**encoder, "columns": columns},
        "about": about,
        "files": None,
    }


def _from_2(record: Record) -> Record:
    """Schema 2: categories were flags only, and what a column turned into stood side by side."""
    encoder = record["encoder"]
    if not isinstance(encoder, Mapping) or not isinstance(encoder.get("columns"), list):
        raise ModelError("its encoder has no columns")
    columns = [
        {**kind, "code": False} if kind.get("kind") == "category" else kind
        for kind in encoder["columns"]
    ]
    return {**record, "encoder": {**encoder, "columns": columns, "grouped": False}}


def _from_3(record: Record) -> Record:
    """Schema 3: no word in a text meant that a value is missing; files of text had seen to that.

    Texts and numbers of single rows might stand in it.
    """
    encoder = record["encoder"]
    if not isinstance(encoder, Mapping):
        raise ModelError("its encoder is no object")
    return {**record, "encoder": {**encoder, "missing": [], "shared": 0}}


def _from_4(record: Record) -> Record:
    """Schema 4: nothing was optional, and the recipe had the number of threads in it.

    Texts and numbers of single rows might stand in it.
    """
    about, encoder = record.get("about"), record.get("encoder")
    if isinstance(about, Mapping) and isinstance(about.get("recipe"), Mapping):
        recipe = {name: value for name, value in about["recipe"].items() if name != "threads"}
        about = {**about, "recipe": recipe}
    if isinstance(encoder, Mapping):
        encoder = {"shared": 0, **encoder}
    return {**record, "about": about, "encoder": encoder, "calibration": None}


def _from_network(record: Record) -> Record:
    """Return the record of a network alone, which had a format of its own, as that of a model."""
    schema = record.get("schema")
    if schema != 1 or isinstance(schema, bool):
        raise ModelError(f"its schema is {schema!r}, and of networks alone there was schema 1 only")
    nothing: Record = dict.fromkeys(("loss", "task", "encoder", "calibration"))
    own: Record = {k: record[k] for k in ("network", "versions", "files") if k in record}
    return {**nothing, **own, "format": FORMAT, "schema": SCHEMA, "about": {}}


_STEPS: dict[int, Callable[[Record], Record]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
