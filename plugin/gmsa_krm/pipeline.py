"""What every host does between reading and writing: fetch, generate, stop if there is an error."""

from __future__ import annotations

from gmsa_krm.findings import InputError, has_errors, in_order
from gmsa_krm.generate import Generated, generate
from gmsa_krm.inputs import fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.outside import Outside
    from gmsa_krm.yaml.stream import Document


def run(configs: list[tuple[LoadedConfig, Outside]], documents: list[Document], namespace: str = "") -> Generated:
    """What the configs ask for; the findings of the outcome are those of the whole run, and hold no error.

    `namespace`: that of documents which name none, where the host knows it. Raises InputError with all
    findings if one of them is an error.
    """
    prepared, findings = fetch(configs, documents)
    if has_errors(findings):
        raise InputError(in_order(findings))
    outcome = generate(prepared, documents, namespace)
    outcome.findings = in_order(findings + outcome.findings)
    if has_errors(outcome.findings):
        raise InputError(outcome.findings)
    return outcome
