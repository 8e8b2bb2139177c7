"""How a table is written, where it can't be found out."""

from dataclasses import fields

import pytest

from steepest.errors import InputError
from steepest.settings import declared
from steepest.tables.options import FILE_OPTIONS, TableOptions


def test_every_option_is_declared_and_those_of_files_are_among_them():
    names = [one.name for one in declared(TableOptions)]
    assert names == [field.name for field in fields(TableOptions)]
    assert set(FILE_OPTIONS) < set(names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ",,"}, "delimiter must be one ASCII character, got ',,'"),
        ({"delimiter": '"'}, "delimiter must be one ASCII character"),
        ({"delimiter": 3}, "delimiter must be a text, got 3"),
        ({"decimal": ";"}, "decimal must be"),
        ({"thousands": "x"}, "thousands must be one of"),
        ({"decimal": ",", "thousands": ","}, "can't both be ','"),
        ({"date_format": "dd/mm/yyyy"}, "date_format must say how a date is written"),
        ({"date_format": "%Q"}, "date_format must say how a date is written"),
        ({"date_format": "%d/%m"}, "date_format must say how a date is written"),
        ({"delimiter": "\ud800"}, "delimiter must be one ASCII character"),
        ({"encoding": "base64"}, "there is none called 'base64'"),
        ({"encoding": "klingon"}, "there is none called 'klingon'"),
        ({"header": "no"}, "header must be true or false"),
        ({"missing": "foo"}, "missing must be a list of texts"),
        ({"missing": [3]}, "missing must be a list of texts"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options, message):
    with pytest.raises(InputError, match=message):
        TableOptions(**options)
