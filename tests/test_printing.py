import pytest

from steepest.errors import SteepestError, TableError, TableWarning
from steepest.printing import aligned_table, harmless, shortened, shortened_text


def test_columns_are_as_wide_as_their_longest_cell():
    text = aligned_table([("name", "n"), ("a", "100"), ("", "")], left=1)
    assert text.split("\n") == ["name    n", "a     100", ""]


def test_long_tables_keep_both_ends():
    rows = [(str(k),) for k in range(10)]
    assert shortened(rows, 10) == rows
    assert [row[0] for row in shortened(rows, 6)] == ["0", "1", "…", "7", "8", "9"]


def test_long_texts_end_in_dots():
    assert shortened_text("abcdef", None) == shortened_text("abcdef", 6) == "abcdef"
    assert shortened_text("abcdef", 4) == "abc…"


HOSTILE = "a\x1b[31m\x9b\x07\r\u202e\u2028"


def test_what_a_terminal_would_obey_is_spelled_out():
    assert harmless("naïve – 🦉 名") == "naïve – 🦉 名"
    assert harmless(HOSTILE) == r"a\x1b[31m\x9b\x07\r\u202e\u2028"
    assert harmless("a\nb\tc") == r"a\nb\tc"
    assert harmless("a\nb\x1b", lines=True) == "a\n" + r"b\x1b"


@pytest.mark.parametrize("kind", [SteepestError, TableError, TableWarning])
def test_errors_and_warnings_hold_no_control_characters(kind):
    assert str(kind(f"column {HOSTILE}:\nno")) == f"column {harmless(HOSTILE)}:\nno"
