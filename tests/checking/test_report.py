"""What a check found, as it is printed."""

import math

from steepest import Dense, check
from steepest.checking.report import Finding, Report


def test_repr_says_what_is_wrong():
    assert repr(check(Dense(3))) == "Report(Dense(3): as it should be)"
    findings = [Finding("y", "plain Python", 4), Finding("dA", "its contract", hint="lacks")]
    wrong = Report("Dense(3)", findings)
    assert math.isnan(findings[0].difference)
    assert repr(wrong) == "Report(Dense(3): wrong: y, dA)"
    assert repr(Report("Network", parts=[wrong])) == "Report(Network: wrong: Dense(3))"
