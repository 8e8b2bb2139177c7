"""Model folders: what is in them, how they are written and read, and how old ones are brought up.

    record.py    a model as a JSON record and arrays, and back; every size is checked first
    size.py      how large a network may be
    folder.py    the bytes of a folder, written whole or not at all
    migrate.py   records of older schemas
    card.py      the folder's README: what the model does, for people

`docs/internals/model_format.md` describes the format.
"""

__all__: list[str] = []
