"""A rule, or the list of all, as text for a terminal."""

from __future__ import annotations

from textwrap import fill, indent

from gmsa_krm.findings.rules import RULES, Rule

_COLUMNS = 100
_INDENT = "    "
# How an example starts, and what it is a part of where it does not say so itself.
_PARTS = {"spec:": " (in a GMSAConfig)", "{": " (in the JSON of New-CredentialSpec)"}


def explanation(of: Rule) -> str:
    """What a rule finds, why it matters, what to do, and the examples; the last line ends in a line break."""
    sections = [
        f"{of.id} ({of.severity})\n{_wrapped(of.summary)}.",
        f"Why it matters\n{_wrapped(of.why, _INDENT)}",
        f"What to do\n{_wrapped(of.cure, _INDENT)}",
        f"Wrong{_part(of.bad)}\n{indent(of.bad, _INDENT).rstrip()}",
        f"Correct{_part(of.good)}\n{indent(of.good, _INDENT).rstrip()}",
    ]
    return "\n\n".join(sections) + "\n"


def listing() -> str:
    """A line per rule: id, severity, summary."""
    widths = [max(len(text) for text in texts) for texts in zip(*((it.id, it.severity) for it in RULES), strict=True)]
    return "".join(f"{it.id:{widths[0]}}  {it.severity:{widths[1]}}  {it.summary}\n" for it in RULES)


def _wrapped(text: str, before: str = "") -> str:
    # Names of rules, options and fields stay in one piece.
    return fill(text, _COLUMNS, initial_indent=before, subsequent_indent=before, break_on_hyphens=False)


def _part(example: str) -> str:
    return next((part for start, part in _PARTS.items() if example.startswith(start)), "")
