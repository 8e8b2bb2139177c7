"""Hashed n-grams: the same for a text wherever it stands, of any script, and of any length."""

import numpy as np
import pytest

from steepest.tables import ngrams
from steepest.tables.ngrams import bags, named, words_in

TEXTS = [
    "A good film, and GOOD fun!",
    "",
    "   ...  ",
    "Привет, мир 2024",
    "今日は 良い天気",
    "win £100 now 😀😀",
    "naïve café don't stop",
    "a\x00b\nc\td",
    "x",
]


def plain(text, words, characters):
    """Return how often each n-gram occurs, word by word in Python."""
    found, lowered = {}, f" {text.lower()} "
    kinds = [ngrams._kind(ord(letter)) for letter in lowered]
    spans, start = [], None
    for k, kind in enumerate(kinds):
        if kind == ngrams._WORD and start is None:
            start = k
        if kind != ngrams._WORD and start is not None:
            spans.append((start, k))
            start = None
        if kind == ngrams._ALONE:
            spans.append((k, k + 1))
    tokens = [lowered[a:b] for a, b in spans]
    for n in range(1, words + 1):
        for k in range(len(tokens) - n + 1):
            key = "w", *tokens[k : k + n]
            found[key] = found.get(key, 0) + 1
    spaced = "".join(" " if k == ngrams._APART else c for c, k in zip(lowered, kinds, strict=True))
    for n in range(3, characters + 1):
        for k in range(len(spaced) - n + 1):
            if " " not in spaced[k + 1 : k + n - 1]:
                key = "c", spaced[k : k + n]
                found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize(("words", "characters"), [(1, 0), (2, 0), (3, 4), (2, 5)])
def test_as_many_as_one_by_one(words, characters):
    found = bags(TEXTS, words, characters)
    for k, text in enumerate(TEXTS):
        own = slice(found.starts[k], found.starts[k + 1])
        expected = plain(text, words, characters)
        assert sorted(found.counts[own].tolist()) == sorted(expected.values())
        assert len(set(found.hashes[own].tolist())) == len(expected)


def test_a_hash_depends_on_the_n_gram_alone():
    alone = [bags([text], 2, 4) for text in TEXTS]
    together = bags(TEXTS, 2, 4)
    for k, one in enumerate(alone):
        own = slice(together.starts[k], together.starts[k + 1])
        assert np.array_equal(together.hashes[own], one.hashes)
        assert np.array_equal(together.counts[own], one.counts)
    first, second = bags(["good film"], 2, 0), bags(["a film good film"], 2, 0)
    assert set(first.hashes) < set(second.hashes)
    characters = set(bags(["good"], 1, 4).hashes) - set(bags(["good"], 1, 0).hashes)
    assert len(characters) == 7  # " go", "goo", …; "good" is another one than the word
    assert bags(["Good FILM"], 2, 5).hashes.tolist() == bags(["good film"], 2, 5).hashes.tolist()


def test_a_long_text_is_cut_between_words(monkeypatch):
    text = "many words stand in a very long text " * 40
    whole = bags([text], 1, 5)
    monkeypatch.setattr(ngrams, "PIECE", 100)
    cut = bags(["before", text, "behind"], 1, 5)
    own = slice(cut.starts[1], cut.starts[2])
    assert np.array_equal(cut.hashes[own], whole.hashes)
    assert np.array_equal(cut.counts[own], whole.counts)
    assert cut.words == whole.words + 2
    unspaced = bags(["x" * 1000], 1, 0)
    assert unspaced.words == 10


def test_ten_megabytes_of_text_in_a_cell():
    found = bags(["some words " * 1_000_000], 2, 0)
    assert (found.words, found.hashes.size) == (2_000_000, 4)


def test_names_and_words():
    names = named(TEXTS[0], 2, 3)
    assert set(bags(TEXTS[:1], 2, 3).hashes.tolist()) == set(names)
    assert {"good", "good fun", "goo"} <= set(names.values())
    assert [words_in(text) for text in TEXTS] == [6, 0, 0, 3, 7, 6, 5, 4, 1]
