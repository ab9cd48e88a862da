"""What an Application may set of the plugin, as Argo CD hands it over, and as its UI is told of it."""

from __future__ import annotations

import json
import re

from gmsa_krm.config.overrides import Override, of_file, of_form
from gmsa_krm.findings import ERROR, Finding, InputError, Place, input_error
from gmsa_krm.outside import FileProblem
from gmsa_krm.yaml.stream import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.outside import Outside

VARIABLE = "ARGOCD_APP_PARAMETERS"
ENVIRONMENTS = "environments"
_MAX_ENVIRONMENT = 1024 * 1024
_RELEASE = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,51}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?")

# name: (form, title, tooltip); Argo CD's forms are string, array and map.
_KNOWN = {
    "environment": (
        "string",
        "Environment or cluster",
        f"Fields of the GMSAConfig are taken from {ENVIRONMENTS}/NAME.yaml in the application's folder",
    ),
    "config": (
        "map",
        "Fields of the GMSAConfig",
        "Path in spec and value, such as webhook.replicas: 3 or domains[0].sid: S-1-5-21-…",
    ),
    "certificate-source": (
        "string",
        "Source of the webhook's certificate",
        "CertManager, Derive, ExistingSecret or Files",
    ),
    "helm-release": ("string", "Helm: release name", "Default: the name of the application"),
    "helm-values": ("map", "Helm: values", "As with --set"),
    "helm-value-files": ("array", "Helm: files of values", "Relative to the chart's folder, within the repository"),
}


class Parameters:
    """`overrides` of GMSAConfigs, the strongest last; the rest is for helm."""

    def __init__(self) -> None:
        self.overrides: list[Override] = []
        self.helm_release = ""
        self.helm_values: dict[str, str] = {}
        self.helm_value_files: list[str] = []


def announcement() -> str:
    """JSON for Argo CD's UI; what it shows as the value of a parameter is never sent back."""
    announced = []
    for name, (form, title, tooltip) in _KNOWN.items():
        entry = {"name": name, "title": title, "tooltip": tooltip, "collectionType": form}
        announced.append({**entry, form: {"string": "", "array": [], "map": {}}[form]})
    return json.dumps(announced, ensure_ascii=False)


def read_parameters(text: str | None, outside: Outside) -> Parameters:
    """The parameters in ARGOCD_APP_PARAMETERS, which is absent or `null` where there are none.

    Raises InputError with all mistakes.
    """
    findings: list[Finding] = []
    given = _given(text, findings)
    parameters = Parameters()
    environment = given.get("environment", "")
    if environment and not findings:
        parameters.overrides += _environment(environment, outside)
    source = given.get("certificate-source", "")
    for fields, of in (
        (given.get("config", {}), "parameter config"),
        ({"webhook.certificate.source": source} if source else {}, "parameter certificate-source"),
    ):
        try:
            parameters.overrides += of_form(fields, of)
        except InputError as error:
            findings += error.findings
    parameters.helm_release = given.get("helm-release", "")
    if parameters.helm_release and not _RELEASE.fullmatch(parameters.helm_release):
        # also: helm would take it for an option, and --post-renderer runs programs
        findings.append(
            _finding(
                f"{parameters.helm_release[:80]!a} is no release name (a-z, 0-9, - and ., 53 characters)",
                "helm-release",
            )
        )
    parameters.helm_values = given.get("helm-values", {})
    parameters.helm_value_files = given.get("helm-value-files", [])
    for key in parameters.helm_values:
        if not key or any(it in key for it in "=,"):
            findings.append(_finding(f"{key[:80]!a} is no path of a value; write it like image.tag", "helm-values"))
    if findings:
        raise InputError(findings)
    return parameters


def _given(text: str | None, findings: list[Finding]) -> dict[str, Any]:
    """{name: value}, each of the form that is announced."""
    try:
        data = json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise input_error(
            "parameter", "is no JSON; Argo CD sets it from spec.source.plugin.parameters", Place(VARIABLE)
        ) from None
    if data is None:
        return {}
    if not isinstance(data, list):
        raise input_error(
            "parameter", "is no list of parameters; give spec.source.plugin.parameters a list", Place(VARIABLE)
        )
    given: dict[str, Any] = {}
    for index, entry in enumerate(data):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            findings.append(_finding(f"the entry {index} has no name; the names are {', '.join(_KNOWN)}"))
        elif name not in _KNOWN:
            findings.append(_finding(f"is unknown; there are {', '.join(_KNOWN)}", name))
        elif name in given:
            findings.append(_finding("is there twice; remove one", name))
        else:
            given[name] = _value(name, entry, findings)
    return given


def _value(name: str, entry: dict[str, Any], findings: list[Finding]) -> Any:
    form = _KNOWN[name][0]
    empty: Any = {"string": "", "array": [], "map": {}}[form]
    given = [key for key in ("string", "array", "map") if entry.get(key) is not None]
    value = entry.get(form)
    if any(key != form for key in given):
        findings.append(
            _finding(
                f"wants a {form}, found {'an' if given[0] == 'array' else 'a'} {next(key for key in given if key != form)}; write `{form}:`",
                name,
            )
        )
        return empty
    if value is None:
        return empty
    parts = list(value.values()) if form == "map" and isinstance(value, dict) else value if form == "array" else [value]
    if not isinstance(value, type(empty)) or not all(isinstance(part, str) for part in parts):
        findings.append(
            _finding(
                f"wants a {form} of strings; quote each value" if form != "string" else "wants a string; quote it", name
            )
        )
        return empty
    if any(
        not part.isprintable() and ("\0" in part or not _is_unicode(part))
        for part in [*parts, *(value if form == "map" else ())]
    ):
        findings.append(_finding("holds a character that no program takes (NUL, or half of a pair)", name))
        return empty
    return value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= it <= "\udfff" for it in text)


def _finding(message: str, name: str = "") -> Finding:
    return Finding(ERROR, "parameter", message, Place(f"parameter {name[:80]!a}" if name else VARIABLE))


def _environment(name: str, outside: Outside) -> list[Override]:
    if not _NAME.fullmatch(name):
        message = f"{name[:80]!a} is no name of an environment (letters, digits, -, _ and .)"
        raise InputError([_finding(message, "environment")])
    file = f"{ENVIRONMENTS}/{name}.yaml"
    try:
        data = outside.read(file, _MAX_ENVIRONMENT)
    except FileProblem as problem:
        cure = "the file says what differs there, as a part of a GMSAConfig's spec"
        raise InputError([_finding(f"{str(problem).partition(';')[0]}; {cure}", "environment")]) from None
    return of_file(decode(data, file), file)
