"""A mistake in a config, and the finding that it gets."""

from __future__ import annotations

from dataclasses import dataclass

from conftest import Check


@dataclass(frozen=True)
class Mistake:
    """A config with a mistake.

    `field` and `at`: the path of the field, and the text that the finding points at, to the end of its line.
    `words`: the parts of the message that a user needs, above all the value to write instead.
    `also`: the rules of further findings that the mistake causes.
    """

    name: str
    config: str
    rule: str
    field: str
    at: str
    words: tuple[str, ...] = ()
    severity: str = "error"
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def assert_is_found(mistake: Mistake, check: Check) -> None:
    # The default source of the certificate has a warning of its own, which comes where nothing else is wrong.
    found = [it for it in check(mistake.config).findings if it.rule != "generated-certificate"]
    assert sorted(it.rule for it in found) == sorted([mistake.rule, *mistake.also])
    (finding,) = [it for it in found if (it.rule, it.field) == (mistake.rule, mistake.field)]
    assert (finding.severity, finding.file) == (mistake.severity, "gmsa.yaml")
    assert finding.text == mistake.at
    assert finding.says(*mistake.words), finding.message
