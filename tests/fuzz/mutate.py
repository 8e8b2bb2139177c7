"""Mutations of bytes and of JSON, drawn from a `random.Random`."""

import json
import random

NUMBERS = (
    0, 1, -1, 2, 3, 7, 64, 255, 256, 65535, 10**6, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63,
    10**12, 10**30, 0.0, -0.0, 0.5, 1.5, -1.5, 1e-320, 1e-45, 1e38, 1e39, 1e308, -1e308,
    float("inf"), float("nan"),
)  # fmt: skip
TEXTS = (
    "", " ", "x", "0", "../../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "\0", "\x1b[31mred",
    "\ud800", "🦉", "é", "NaN", "null", "__class__", "os.system", "array", "x" * 5000,
)  # fmt: skip
LAYERS = (
    {"type": "Identity"},
    {"type": "Dense", "units": 2**40},
    {"type": "Dense", "units": 1, "bias": False},
    {"type": "Embedding", "codes": 3, "dim": 2**20},
    {"type": "Embedding", "codes": 2, "dim": 1, "std": 0.0},
    {"type": "Concat", "layers": [{"type": "Identity"}, {"type": "Identity"}]},
    {"type": "Residual", "layers": [{"type": "LayerNorm", "eps": 1e-300}]},
    {"type": "Parallel", "layers": [{"type": "ReLU"}], "widths": [-1]},
    {"type": "Parallel", "layers": [{"type": "ReLU"}], "widths": [19]},
    {"type": "Sequential", "layers": []},
    {"type": "Scale"},
    {"type": "Softmax"},
    {"type": "LeakyReLU", "slope": 1e300},
    {"type": "Trainer"},
)
WORDS = (
    b",", b'"', b'""', b"\n", b"\r\n", b"\r", b";", b"\t", b"NA", b"1e999", b"-0", b"2020-02-30",
    b"2020-01-01T10:00:00+25:00", b"true", b"\xc3\xa9", b"\xef\xbb\xbf", b"x" * 3000, b"1" * 400,
)  # fmt: skip


def mutate_bytes(data, draw: random.Random, most=1 << 16):
    """Return bytes with one or a few small changes."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(9)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = draw.choice((0, 1, 127, 128, 255, 10, 34, 44, draw.randrange(256)))
        elif kind == 2:
            data[at:at] = draw.randbytes(draw.choice((1, 2, 8, 64)))
        elif kind == 8:
            data[at:at] = draw.choice(WORDS)
        elif kind == 3:
            del data[at : at + draw.choice((1, 2, 8, 64, 512))]
        elif kind == 4:
            data[at:at] = data[at : at + draw.choice((1, 8, 64))] * draw.choice((1, 2, 50))
        elif kind == 5:
            del data[at:]
        elif kind == 6:
            width = draw.choice((1, 2, 4, 8))
            number = draw.choice([n for n in NUMBERS if isinstance(n, int) and n >= 0])
            data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
        else:
            start = draw.randrange(len(data) + 1)
            data[at : at + 32] = data[start : start + 32]
    return bytes(data[:most])


def mutate_json(value, draw: random.Random):
    """Return a JSON value with one or a few changes anywhere in it."""
    value = json.loads(json.dumps(value))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        places = list(_places(value, 100))
        if not 0 < len(places) < 5_000:  # nothing to change, or grown enough
            return value
        holder, key = draw.choice(places)
        _change(holder, key, draw, places)
    return value


def _places(value, depth):
    """Yield every (object or list, key or index) inside, down to a depth."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        if depth:
            yield from _places(value[key], depth - 1)


def _change(holder, key, draw, places):
    old = holder[key]
    kind = draw.randrange(9)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = draw.choice((None, True, False, [], {}, [[]], {"type": "Dense"}))
    elif kind == 2:
        holder[key] = draw.choice(NUMBERS)
    elif kind == 3:
        holder[key] = draw.choice(TEXTS)
    elif kind == 4:
        other, name = draw.choice(places)
        holder[key] = json.loads(json.dumps(other[name]))
    elif kind == 5:
        holder[key] = json.loads(json.dumps(draw.choice(LAYERS)))
    elif kind == 6 and isinstance(old, list):
        holder[key] = draw.choice((old * 2, old * 60, old[::-1], old[:1], [*old, *LAYERS[:3]]))
    elif kind == 7:
        for _ in range(draw.choice((1, 30, 70))):
            old = {"type": "Sequential", "layers": [old]} if isinstance(old, dict) else [old]
        holder[key] = old
    elif isinstance(holder, dict):
        holder[draw.choice(TEXTS[:-1])] = holder.pop(key)
    elif isinstance(old, int | float):
        holder[key] = old * draw.choice((-1, 2, 1000, 0.5))
