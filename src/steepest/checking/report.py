"""What a check found: an array a line, each with the worst of its entries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..errors import CheckError

__all__ = ["DIFFERENCES", "HEAD", "Finding", "Report", "gradient_of"]


def gradient_of(name: str) -> str:
    """Return the name of a parameter's gradient: A -> dA, 0.A -> 0.dA."""
    path, _, last = name.rpartition(".")
    return f"{path}.d{last}" if path else f"d{last}"


@dataclass(frozen=True)
class Finding:
    """One comparison of an array with what it should be.

    Attributes
    ----------
    array : str
        ``y``, ``dx``, ``dA``, ``loss``, ``theta``, …
    against : str
        What it was compared with.
    entries : int
        How many entries were compared; 0 if the comparison could not be made.
    at : tuple of int
        Where the worst entry stands.
    expected, got, tolerance : float
        Of the worst entry.
    hint : str
        What the mistake looks like, or why there was no comparison.
    """

    array: str
    against: str
    entries: int = 0
    at: tuple[int, ...] = ()
    expected: float = math.nan
    got: float = math.nan
    tolerance: float = 0.0
    hint: str = ""

    @property
    def difference(self) -> float:
        """The size of the worst entry's error."""
        return abs(self.got - self.expected)

    @property
    def ratio(self) -> float:
        """The error in units of the tolerance; at most 1 if all is well."""
        difference = self.difference
        if math.isnan(difference):
            return math.inf
        if difference == 0 or self.tolerance == 0:
            return 0.0 if difference == 0 else math.inf
        return difference / self.tolerance

    @property
    def ok(self) -> bool:
        """Whether the array is as it should be."""
        return self.entries > 0 and self.ratio <= 1

    def __str__(self) -> str:
        if not self.entries:
            return f"{self.array}: {self.hint}"
        place = f"[{', '.join(map(str, self.at))}]" if self.at else ""
        text = (
            f"{self.array}{place} against {self.against}: expected {self.expected:.9g}, got "
            f"{self.got:.9g}"
        )
        return f"{text}: {self.hint}" if self.hint else text


@dataclass(repr=False)
class Report:
    """All that was compared of one layer, loss, rule, schedule or network.

    Attributes
    ----------
    name : str
        What was checked.
    findings : list of Finding
    parts : list of Report
        Of what it consists of: a network's layers and loss.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    parts: list[Report] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return all(f.ok for f in self.findings) and all(part.ok for part in self.parts)

    def worst(self) -> list[Finding]:
        """Return one comparison of each array: what is wrong with it, else the gradient's worst."""
        found: dict[str, Finding] = {}
        for finding in self.findings:
            known = found.get(finding.array)
            if known is None or _weight(finding) > _weight(known):
                found[finding.array] = finding
        return list(found.values())

    def raise_if_wrong(self) -> None:
        """Raise `CheckError` for the first comparison that went wrong, if one did."""
        for part in self.parts:
            part.raise_if_wrong()
        for finding in self.findings:
            if not finding.ok:
                message = f"{self.name} is wrong. {finding}"
                raise CheckError(message, self.name, finding.array, self)

    def lines(self) -> list[str]:
        """Return its name and an array a line, in the columns of `HEAD`."""
        found = [line for part in self.parts for line in part.lines()]
        if self.findings:
            found.append(self.name)
        for f in self.worst():
            verdict = f.against if f.ok else f"WRONG, {f.against}: {f.hint}".rstrip(": ")
            if not f.entries:
                found.append(f"  {f.array:<10}  {verdict}")
                continue
            place = f"[{', '.join(map(str, f.at))}]" if f.at else ""
            error = f"{f.difference:.1e}" if f.difference else "0"
            numbers = (place, f"{f.expected:.7g}", f"{f.got:.7g}", error)
            found.append(_line(f.array, str(f.entries), *numbers, verdict))
        return found

    def __str__(self) -> str:
        return "\n".join([HEAD, *self.lines()])

    def __repr__(self) -> str:
        """Say whether all is well; ``print`` shows what was compared."""
        wrong = list(dict.fromkeys(f.array for f in self.findings if not f.ok))
        wrong += [part.name for part in self.parts if not part.ok]
        verdict = f"wrong: {', '.join(wrong)}" if wrong else "as it should be"
        return f"Report({self.name}: {verdict})"


def _weight(finding: Finding) -> tuple[bool, bool, float]:
    return not finding.ok, finding.against == DIFFERENCES, finding.ratio


def _line(*cells: str) -> str:
    widths = (-10, 7, -9, 13, 13, 8)
    padded = [
        cell.ljust(-width) if width < 0 else cell.rjust(width)
        for cell, width in zip(cells[:-1], widths, strict=True)
    ]
    return "  " + "  ".join([*padded, cells[-1]])


DIFFERENCES = "central differences"
HEAD = _line("array", "entries", "worst at", "expected", "got", "error", "against")
