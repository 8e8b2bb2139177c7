"""Records of earlier releases, brought up to date."""

import json

import pyarrow as pa

from steepest.pipeline.fit import fit_table
from steepest.pipeline.model import Model
from steepest.pipeline.request import Request
from steepest.saved.migrate import SCHEMA, migrate


def test_a_recipe_of_an_earlier_release_gets_the_names_of_today(tmp_path):
    table = pa.table({"x": [k / 60 for k in range(60)], "y": [k % 2 == 0 for k in range(60)]})
    settings = {"layers": (4,), "epochs": 1, "matmul_dtype": "bfloat16"}
    fit_table(table, Request("y", settings)).model.save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    record = json.loads(file.read_text("utf-8"))
    record["about"]["recipe"]["products"] = record["about"]["recipe"].pop("matmul_dtype")
    file.write_text(json.dumps(record), "utf-8")
    recipe = Model.load(tmp_path / "m").about["recipe"]
    assert recipe["matmul_dtype"] == "bfloat16"
    assert "products" not in recipe


def test_a_record_without_a_recipe_stays_as_it_is():
    for about in ({}, {"recipe": None}, None):
        record = {"schema": SCHEMA, "about": about}
        assert migrate(record) == record
