"""Text: which of twenty groups a message went to, and the words that say so.

    python examples/07_text.py [messages.parquet]

Messages have the columns group, subject and body. Without a file, short made-up ones are learned.
"""

import sys

import numpy as np

from steepest import TextClassifier


def made_up(n, rng):
    """Return texts about three subjects, each a few words of its own among words of all."""
    subjects = {
        "sky": ["orbit", "moon", "rocket", "launch", "stars", "telescope"],
        "road": ["engine", "brake", "wheel", "gear", "diesel", "mirror"],
        "ice": ["goal", "puck", "skate", "team", "season", "rink"],
    }
    common = [
        "the",
        "a",
        "of",
        "and",
        "to",
        "we",
        "see",
        "was",
        "very",
        "long",
        "today",
        "with",
        "it",
        "is",
        "on",
    ]
    names = rng.choice(list(subjects), n)
    texts = [" ".join([*rng.choice(common, 12), *rng.choice(subjects[name], 2)]) for name in names]
    return np.array(texts, object), names


if len(sys.argv) > 1:
    import pandas as pd

    table = pd.read_parquet(sys.argv[1])
    texts = (table["subject"].fillna("") + "\n" + table["body"].fillna("")).to_numpy()
    groups = table["group"].to_numpy()
else:
    texts, groups = made_up(600, np.random.default_rng(0))

order = np.random.default_rng(1).permutation(len(texts))
test, train = np.split(order, [len(order) // 5])
model = TextClassifier().fit(texts[train], groups[train])
print(f"{len(train):,} texts, {len(model.classes_)} groups")
print(f"right on {len(test):,} others: {model.score(texts[test], groups[test]):.1%}")

text = texts[test[0]]
print(f"\nthis one went to {groups[test[0]]}: {' '.join(text.split())[:70]} …")
print(f"the model says {model.predict([text])[0]}, because of")
for n_gram, effect in model.explain(text, most=5):
    print(f"    {n_gram:<20} {effect:+.2f}")
