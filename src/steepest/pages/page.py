"""Put a document, the modules that draw it and the styles into one file of HTML.

The file asks nothing of any server, and its policy forbids it to: scripts and styles run only if
their hashes stand in the head. The numbers and texts are JSON, which no browser runs; the modules
write texts as text, never as HTML.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ..printing import harmless

__all__ = ["bundle", "finite", "page"]

_WEB = files(__package__).joinpath("web")
_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_TYPES = re.compile(r"/\*\*.*?\*/", re.DOTALL)  # for who checks the modules, not for browsers
_UNREAD = re.compile(r"^\s+|^//.*\n", re.MULTILINE)  # indents and comments, for who reads them
_EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)

_SHELL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="page"><noscript>This page draws its figures with JavaScript, which is switched off here.\
</noscript></main>
<script type="application/json" id="document">{document}</script>
<script>{script}</script>
</body>
</html>
"""


def page(document: Mapping[str, Any], main: str = "report.js", *, live: bool = False) -> bytes:
    """Return a page as the bytes of a file of HTML.

    Parameters
    ----------
    document : mapping
        In plain JSON types: ``title``, and what the module reads. Numbers that are not finite
        become null.
    main : str
        The module that draws it.
    live : bool
        Whether it may ask the server that it comes from.
    """
    style, script = bundle_style(), bundle(main)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            *["connect-src 'self'"] * live,
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return _SHELL.format(
        policy=policy,
        title=html.escape(harmless(str(document["title"]))),
        style=style,
        document=_json(document),
        script=script,
    ).encode("utf-8", "backslashreplace")


def _json(document: Mapping[str, Any]) -> str:
    """Return JSON that can't end the element it stands in."""
    text = json.dumps(finite(document), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def finite(value: Any) -> Any:
    """Return JSON types with null for what is no finite number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def bundle(main: str) -> str:
    """Return a module and all that it imports as one script.

    Each module becomes a function of its own that returns what it exports, after those it imports.
    """
    numbers: dict[str, int] = {}
    texts: list[str] = []

    def add(name: str) -> int:
        if name not in numbers:
            text = _WEB.joinpath(name).read_text("utf-8")
            folder = name.rpartition("/")[0]

            def imported(match: re.Match[str]) -> str:
                return f"const {{{match[1]}}} = module{add(_resolved(folder, match[2]))};\n"

            text = _IMPORT.sub(imported, _UNREAD.sub("", _TYPES.sub("", text)))
            exports = ", ".join(_EXPORT.findall(text))
            body = _EXPORT.sub(lambda match: match[0].removeprefix("export "), text)
            numbers[name] = len(numbers)
            texts.append(
                f"const module{numbers[name]} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"
            )
        return numbers[name]

    add(main)
    library = _WEB.joinpath("vendor/uPlot.iife.min.js").read_text("utf-8")
    return f'{library}\n(() => {{\n"use strict";\n{"".join(texts)}}})();\n'


@cache
def bundle_style() -> str:
    """Return the styles of all pages."""
    library = _WEB.joinpath("vendor/uPlot.min.css").read_text("utf-8")
    return library + "\n" + _WEB.joinpath("page.css").read_text("utf-8")


def _resolved(folder: str, path: str) -> str:
    """Return the path of an imported module, which is relative to the folder of the other."""
    parts = folder.split("/") if folder else []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
