"""The commands are found in their folder, and their help is for people who are new to it all."""

import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from steepest import cli
from steepest.cli import app

COMMANDS = typer.main.get_command(app).commands
HELLO = '''
import inspect
from typing import Annotated
import typer


def hello(name: Annotated[str, typer.Argument(help="Whom to greet.")], **others) -> None:
    """Greet somebody.

    The greeting is
    one line.
    """
    print(f"Hello, {name}{others['mark']}")


def options():
    mark = Annotated[str, typer.Option(help="What stands at the end.")]
    return [inspect.Parameter("mark", inspect.Parameter.KEYWORD_ONLY, default="!", annotation=mark)]
'''


def test_one_more_file_is_one_more_command(tmp_path, monkeypatch):
    (tmp_path / "hello.py").write_text(HELLO)
    (tmp_path / "_helper.py").write_text("raise AssertionError")
    assert "hello" not in CliRunner().invoke(app, ["--help"]).output
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    try:
        assert re.search(r"hello +Greet somebody\.", CliRunner().invoke(app, ["--help"]).output)
        assert CliRunner().invoke(app, ["hello", "you"]).output == "Hello, you!\n"
        assert CliRunner().invoke(app, ["hello", "you", "--mark", "?"]).output == "Hello, you?\n"
        shown = CliRunner().invoke(app, ["hello", "--help"]).output
        assert "The greeting is one line." in shown
        assert "[default: !]" in shown
    finally:
        sys.modules.pop("steepest.cli.hello", None)


def test_a_list_of_the_commands_waits_for_none_of_them():
    code = (
        "import sys, typer.testing, steepest.cli\n"
        "done = typer.testing.CliRunner().invoke(steepest.cli.app, ['--help'])\n"
        "assert 'Train a network' in done.output\n"
        "heavy = {'pyarrow', 'sklearn', 'numba', 'steepest.pipeline.recipe', 'steepest.tables'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()


def parameters(name):
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="steepest")
    _, command, _ = group.resolve_command(context, [name])
    inner = typer.Context(command, info_name=name, parent=context)
    return inner, [p for p in command.params if not getattr(p, "hidden", False)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_is_a_sentence_and_says_its_default(name):
    context, found = parameters(name)
    for one in found:
        assert one.help, one.name
        assert re.match(r"[A-Z]", one.help), one.help
        assert one.help.endswith("."), one.help
        assert len(one.help.split()) >= 4, one.help
        required = one.required or "must be given" in one.help
        shown = isinstance(one.show_default, str) or (
            one.show_default and one._extract_default_help_str(ctx=context) is not None
        )
        assert required or shown, one.name


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal(name, width):
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": str(width)}).output
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    assert "..." not in shown.replace("]...", "")
    for sentence in re.split(r"\n\n", cli._help(getattr(cli._modules()[name], name))):
        assert " ".join(sentence.split()) in " ".join(shown.split())
