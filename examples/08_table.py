"""A table as it is: train, test, look at it, and keep the model.

    python examples/08_table.py [TABLE TARGET]

Without a table it takes the sample of census income that comes with Steepest.
"""

import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import steepest
from steepest import Model, TabularClassifier
from steepest.tables.files import read_table

if len(sys.argv) > 2:
    table, target = read_table(sys.argv[1]), sys.argv[2]
else:
    sample = Path(steepest.__file__).parent / "samples" / "census_income.parquet"
    table, target = pq.read_table(sample).slice(0, 2000).drop_columns(["split"]), "income"

rows = table.drop_columns([target]).to_pandas()
rows, test_rows, y, y_test = train_test_split(
    rows, table[target].to_pylist(), test_size=0.25, random_state=0
)

model = TabularClassifier(settings={"epochs": 6}, random_state=0).fit(rows, y)
p = model.predict_proba(test_rows)
print(f"{model.score(test_rows, y_test):.1%} right, log loss {log_loss(y_test, p):.3f}")
for name, text in list(model.model_.encoder.describe().items())[:4]:
    print(f"  {name}: {text}")

with tempfile.TemporaryDirectory() as folder:
    model.model_.save(Path(folder, "model"))
    again = Model.load(Path(folder, "model"))
    one = test_rows.iloc[0].to_dict()
    print(f"one row: {again.predict(one)}, really {y_test[0]}")
