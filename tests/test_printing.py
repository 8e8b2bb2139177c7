from steepest.printing import aligned_table, shortened, shortened_text


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
