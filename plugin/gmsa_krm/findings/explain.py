"""A rule, or the list of all, as text for a terminal."""

from __future__ import annotations

from textwrap import fill, indent

from gmsa_krm.findings.rules import RULES, Rule

_COLUMNS = 100
_INDENT = "    "
# How an example starts, and what it is a part of.
_PARTS = {"spec:": " (in a GMSAConfig)", "{": " (in the JSON of New-CredentialSpec)"}


def explanation(rule: Rule) -> str:
    """What a rule finds, why it matters, how to fix it, and the examples; ends in a line break."""
    sections = [
        f"{rule.id} ({rule.severity})\n{_wrapped(rule.summary)}.",
        f"Why it matters\n{_wrapped(rule.why, _INDENT)}",
        f"What to do\n{_wrapped(rule.cure, _INDENT)}",
        *map(_example, rule.titles, (rule.bad, rule.good)),
    ]
    return "\n\n".join(sections) + "\n"


def _example(title: str, text: str) -> str:
    shown = indent(text, _INDENT).rstrip() if title != "What doctor says" else _wrapped(text, _INDENT)
    return f"{title}{_part(text)}\n{shown}"


def listing() -> str:
    """A line per rule: id, severity, summary."""
    widths = [max(len(text) for text in texts) for texts in zip(*((it.id, it.severity) for it in RULES), strict=True)]
    return "".join(f"{it.id:{widths[0]}}  {it.severity:{widths[1]}}  {it.summary}\n" for it in RULES)


def _wrapped(text: str, before: str = "") -> str:
    # Names of rules, options and fields stay in one piece.
    return fill(text, _COLUMNS, initial_indent=before, subsequent_indent=before, break_on_hyphens=False)


def _part(example: str) -> str:
    return next((part for start, part in _PARTS.items() if example.startswith(start)), "")
