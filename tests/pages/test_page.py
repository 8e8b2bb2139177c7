"""Pages as files: what stands in them, and what their policy lets run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

import steepest.pages
from steepest.pages import page
from steepest.pages.page import bundle, bundle_style
from steepest.pipeline.report import SECTIONS

WEB = Path(steepest.pages.__file__).parent / "web"


def test_policy_names_the_scripts_and_styles_that_are_there():
    text = page({"title": "t", "says": "", "sections": []}).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("odd", ["</script><script>alert(1)</script>", "<!--", "&lt;", "\u2028"])
def test_texts_stay_in_their_element(odd):
    text = page({"title": odd, "says": odd, "sections": []}).decode()
    (found,) = re.findall(r'id="document">(.*?)</script>', text, re.DOTALL)
    assert json.loads(found)["title"] == odd
    assert "<" not in found
    assert odd not in re.search("<title>(.*?)</title>", text)[1] or "<" not in odd


def test_numbers_that_are_not_finite_become_null():
    text = page({"title": "t", "values": [1.5, float("nan"), float("inf")]}).decode()
    (found,) = re.findall(r'id="document">(.*?)</script>', text, re.DOTALL)
    assert json.loads(found)["values"] == [1.5, None, None]


def test_every_module_is_used_and_small():
    script = bundle("report.js") + bundle("live.js") + bundle("play.js")
    for file in WEB.rglob("*.js"):
        if "vendor" not in file.parts:
            lines = [line for line in file.read_text("utf-8").splitlines() if "*" not in line]
            own = [line for line in lines if not line.startswith(("import", "export", "//", "}"))]
            assert max(own, key=len).strip() in script, file
    for main in ("report.js", "live.js"):
        assert len(bundle(main)) + len(bundle_style()) < 120_000
    assert len(bundle("play.js")) + len(bundle_style()) < 215_000


def test_no_module_ends_the_script_it_is_part_of():
    for main in ("report.js", "live.js", "play.js"):
        for odd in ("</script", "<script", "<!--"):
            assert odd not in bundle(main)


def test_every_section_has_a_module_that_draws_it():
    drawn = {file.stem for file in (WEB / "sections").glob("*.js")}
    assert drawn == {part.__name__.rpartition(".")[2] for part in SECTIONS}


def test_types_and_format_of_the_modules():
    here = Path(__file__).parent
    if not (here / "node_modules").is_dir():
        pytest.skip("npm ci has not been run in tests/pages")
    done = subprocess.run(
        ["npm", "run", "check", "--silent"], cwd=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
