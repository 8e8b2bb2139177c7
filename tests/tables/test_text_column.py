"""A column of free text: what is taken for one, what it becomes, and how it is kept."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import ModelError
from steepest.tables.columns import Category, Counts, Source, Text, load_column
from steepest.tables.encoder import Encoder, counts_text, has_texts
from steepest.tables.ngrams import bags

WORDS = ["red", "green", "blue", "large", "small", "old", "new", "fast", "slow", "warm"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, 6)) for _ in range(60)]


def encoder(texts, **columns):
    table = pa.table({"t": pa.array(texts, pa.string()), **columns})
    return Encoder.fit(table, table.column_names), table


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (TEXTS, Text),
        ([*TEXTS, None, ""], Text),
        (["今日は良い天気です" + str(k) for k in range(30)], Text),
        (["a b c d", "e f g h"] * 30, Category),  # two texts
        ([f"{k % 20} {k % 7} {k % 3} x" for k in range(60)], Category),  # codes
        (["red", "green", "blue"] * 20, Category),
    ],
)
def test_what_is_free_text(texts, kind):
    found, _ = encoder(texts, n=pa.array(np.arange(len(texts))))
    assert isinstance(found.columns.get("t", Category([], False, False, False)), kind)


def test_codes_and_weights_of_a_text():
    found, table = encoder([*TEXTS, None, "", "nothing known here at all"])
    column, X = found.columns["t"], found.transform(table)
    assert any("free text" in said for said in found.tells())
    assert found.texts == [(2 * column.most, column.buckets)]
    codes, weights = X[:, : column.most], X[:, column.most :]
    assert not X[60:62].any()  # missing, and empty
    assert ((codes > 0) == (weights > 0)).all()
    np.testing.assert_allclose((weights[:60] ** 2).sum(1), 1, rtol=1e-5)
    own = set(column.code(bags(TEXTS[:1], column.words, column.characters).hashes).tolist())
    assert set(codes[0][codes[0] > 0].astype(int).tolist()) <= own
    told = found.told("t", TEXTS[0], X[0])
    assert set(TEXTS[0].split()) <= {name for names in told for name in names.split(" / ")}
    again = found.transform(table.take([5, 61, 5]))
    assert np.array_equal(again, X[[5, 61, 5]])


def test_a_long_text_keeps_the_n_grams_of_the_greatest_weight():
    source = Source("t", pa.array(TEXTS), Counts())
    column = Text.fit(source, 1)
    short = replace(column, most=3)
    found = source.ngrams(column.words, column.characters)
    for k, text in enumerate(TEXTS[:5]):
        kept, lists, weights = column.weighted(found)
        codes, before = column.code(found.hashes[kept[lists == k]]), weights[lists == k]
        kept, lists, weights = short.weighted(found)
        left = column.code(found.hashes[kept[lists == k]])
        assert len(left) == 3 < len(codes), text
        least = before[np.isin(codes, left)].min()
        assert (before[~np.isin(codes, left)] <= least).all()
        np.testing.assert_allclose((weights[lists == k] ** 2).sum(), 1, rtol=1e-6)


def test_a_word_for_a_missing_value_has_no_n_grams():
    found, table = encoder([*TEXTS, "NA", None])
    X = found.transform(table)
    assert not X[-2:].any()


def test_rare_n_grams_weigh_more():
    texts = ["common " + word * 3 + f" once{k}" for k, word in enumerate([*"ab" * 10, "c", "c"])]
    column = Text.fit(Source("t", pa.array(texts), Counts()), 1)
    weights = column._weights
    at = {name: column.code(bags([name], 1, 0).hashes)[0] for name in ("common", "aaa", "ccc")}
    assert 0 < weights[at["common"]] < weights[at["aaa"]] < weights[at["ccc"]]
    assert weights[column.code(bags(["once7"], 1, 0).hashes)[0]] == 0  # of a single row


def test_long_texts_keep_what_weighs_most():
    long = " ".join(f"w{k % 3000}" for k in range(200_000))
    column = Text.fit(Source("t", pa.array([long, long, "w1 w2 w3"] * 2), Counts()), 1)
    assert column.most <= 512
    out = np.zeros((2, 2 * column.most), np.float32)
    column.write(Source("t", pa.array([long, "w1"]), Counts()), out)
    assert (out[0] > 0).all()
    assert (out[1] > 0).sum() >= 2


def test_what_no_training_text_had_is_counted():
    found, _ = encoder(TEXTS)
    counts = Counts()
    found.transform(pa.table({"t": ["zq", "ﬁ", "Ж", "red green", ""]}), counts)
    assert counts_text(counts) == ["column 't': 3 values rare or not seen in training"]


def test_it_is_kept_as_plain_data_and_damage_is_refused():
    found, table = encoder(TEXTS)
    record = json.loads(json.dumps(found.to_dict()))
    again = Encoder.from_dict(record)
    assert np.array_equal(again.transform(table), found.transform(table))
    own = record["columns"]["t"]
    for name, value in [
        ("rarity", "AAAA"), ("rarity", "é"), ("rarity", own["rarity"][:-8]), ("buckets", 1000),
        ("buckets", own["buckets"] * 2), ("most", 0), ("words", 0), ("characters", 99),
    ]:  # fmt: skip
        with pytest.raises(ModelError, match="text"):
            load_column({**own, name: value})


def test_tables_are_asked_for_free_text_by_columns_that_can_hold_it():
    table = pa.table({
        "number": np.arange(60.0),
        "code": np.resize(["a", "b"], 60),
        "alike": ["x"] * 60,
        "words": TEXTS,
    })  # fmt: skip
    names = table.column_names
    assert has_texts(table, names)
    assert not has_texts(table, names[:3])
    assert not has_texts(table, ["alike"])  # of no use, which is no reason to fail here
    assert not has_texts(table, [])
    wide = table.set_column(3, "words", pa.array(TEXTS, pa.large_string()))
    assert has_texts(wide, names)
