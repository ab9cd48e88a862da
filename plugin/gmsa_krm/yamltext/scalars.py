"""The type that the YAML readers of the Kubernetes ecosystem give a plain scalar.

kubectl and Helm read YAML 1.1 (go-yaml v2), kustomize and Argo CD mostly YAML 1.2 with 1.1's booleans
(go-yaml v3), Python tools all of 1.1 (sexagesimal numbers, timestamps). A text that any of them could read
as something other than a string is ambiguous.
"""

from __future__ import annotations

import re

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
    **{
        form: "boolean"
        for word in ("y", "n", "yes", "no", "on", "off", "true", "false")
        for form in (word, word.capitalize(), word.upper())
    },
    "=": "special key",
    "<<": "special key",
    "...": "document end",
}

# The numbers of YAML 1.1, 1.2 and go-yaml together.
_NUMBER = re.compile(
    r"""[-+]?(?:
        [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?  # 12, 0123, 1_000, 1., 1.5, 1e3
        | \.[0-9_]+(?:[eE][-+]?[0-9]+)?                 # .5
        | 0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
        | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?   # 12:30, sexagesimal
        | \.(?:inf|Inf|INF)
    ) | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+).*)?")

_STARTS = frozenset("+-.0123456789")


def meaning(text: str) -> str:
    """`string`, or the type that some reader gives the plain scalar: null, boolean, number, date, special key."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] in _STARTS:
        text = text.replace("_", "")  # go-yaml ignores it anywhere
        if _NUMBER.fullmatch(text):
            return "number"
        if _DATE.fullmatch(text):
            return "date"
    return "string"
