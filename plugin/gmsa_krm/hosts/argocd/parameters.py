"""The parameters that an Application may set, as Argo CD passes them and as its UI shows them."""

from __future__ import annotations

import json
import re

from gmsa_krm.config.overrides import Override, overrides_of_file, overrides_of_form
from gmsa_krm.environment import FileError
from gmsa_krm.findings import InputError, Location, Report, invalid
from gmsa_krm.yamltext.stream import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Finding

VARIABLE = "ARGOCD_APP_PARAMETERS"
_OF_ENV = "ARGOCD_ENV_"  # Argo CD's prefix of the variables in plugin.env
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
    "strict": ("string", "Warnings are errors", "true or false"),
    "helm-release": ("string", "Helm: release name", "Default: the name of the application"),
    "helm-values": ("map", "Helm: values", "As with --set"),
    "helm-value-files": ("array", "Helm: files of values", "Relative to the chart's folder, within the repository"),
}


class Parameters:
    """The overrides of GMSAConfigs, the strongest last, and the parameters for helm."""

    def __init__(self) -> None:
        self.overrides: list[Override] = []
        self.strict = False
        self.helm_release = ""
        self.helm_values: dict[str, str] = {}
        self.helm_value_files: list[str] = []


def announcement() -> str:
    """The announcement of the parameters as JSON. Argo CD's UI shows its values, but does not send them back."""
    announced = []
    for name, (form, title, tooltip) in _KNOWN.items():
        entry = {"name": name, "title": title, "tooltip": tooltip, "collectionType": form}
        announced.append({**entry, form: {"string": "", "array": [], "map": {}}[form]})
    return json.dumps(announced, ensure_ascii=False)


def read_parameters(text: str | None, environment: Environment) -> Parameters:
    """The parameters in ARGOCD_APP_PARAMETERS, which is absent or `null` if there are none.

    Raises InputError with all mistakes.
    """
    findings: list[Finding] = []
    given = _parse(text, findings)
    parameters = Parameters()
    name = given.get("environment", "")
    if name and not findings:
        parameters.overrides += _environment_overrides(name, environment)
    source = given.get("certificate-source", "")
    for fields, parameter in (
        (given.get("config", {}), "parameter config"),
        ({"webhook.certificate.source": source} if source else {}, "parameter certificate-source"),
    ):
        try:
            parameters.overrides += overrides_of_form(fields, parameter)
        except InputError as error:
            findings += error.findings
    strict = given.get("strict", "")
    if strict not in ("", "true", "false"):
        _report("strict", findings).error("parameter", f"{strict[:80]!a} is neither true nor false; give one of them")
    parameters.strict = strict == "true"
    parameters.helm_release = given.get("helm-release", "")
    parameters.helm_values = given.get("helm-values", {})
    parameters.helm_value_files = given.get("helm-value-files", [])
    _check_helm(parameters, findings)
    if findings:
        raise InputError(findings)
    return parameters


def unread_variables(variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The names in the application's plugin.env, which has no effect here: those of parameters, and others."""
    names = sorted(name.removeprefix(_OF_ENV) for name in variables if name.startswith(_OF_ENV))
    of_parameters = [name for name in names if name.lower().replace("_", "-") in _KNOWN]
    return of_parameters, [name for name in names if name not in of_parameters]


def _check_helm(parameters: Parameters, findings: list[Finding]) -> None:
    release = parameters.helm_release
    if release and not _RELEASE.fullmatch(release):
        # Helm would also read a leading dash as an option, and --post-renderer runs programs.
        message = f"{release[:80]!a} is not a release name; use at most 53 of a-z, 0-9, - and ."
        _report("helm-release", findings).error("parameter", message)
    for key in parameters.helm_values:
        if not key or any(it in key for it in "=,"):
            message = f"{key[:80]!a} is not the path of a value; write one such as image.tag"
            _report("helm-values", findings).error("parameter", message)


def _parse(text: str | None, findings: list[Finding]) -> dict[str, Any]:
    """{name: value}, each in its announced form."""
    try:
        data = json.loads(text) if text else None
    except (ValueError, RecursionError):
        message = "is not JSON; Argo CD sets it from spec.source.plugin.parameters"
        raise invalid("parameter", message, Location(VARIABLE)) from None
    if data is None:
        return {}
    if not isinstance(data, list):
        message = "is not a list of parameters; make spec.source.plugin.parameters a list"
        raise invalid("parameter", message, Location(VARIABLE))
    given: dict[str, Any] = {}
    for index, entry in enumerate(data):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            message = f"entry {index} has no name; give one of {', '.join(_KNOWN)}"
            _report("", findings).error("parameter", message)
        elif name not in _KNOWN:
            _report(name, findings).error("parameter", f"is unknown; give one of {', '.join(_KNOWN)}")
        elif name in given:
            _report(name, findings).error("parameter", "is given twice; remove one")
        else:
            given[name] = _value(_KNOWN[name][0], entry, _report(name, findings))
    return given


_ARTICLES = {"string": "a string", "array": "an array", "map": "a map"}


def _value(form: str, entry: dict[str, Any], report: Report) -> Any:
    """The value of an entry; an empty one if it is absent or invalid."""
    empty: Any = {"string": "", "array": [], "map": {}}[form]
    others = [key for key in ("string", "array", "map") if key != form and entry.get(key) is not None]
    value = entry.get(form)
    if others:
        report.error("parameter", f"must be {_ARTICLES[form]}, but is {_ARTICLES[others[0]]}; write `{form}:`")
        return empty
    if value is None:
        return empty
    parts = [*value.values(), *value] if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if not isinstance(value, type(empty)) or not all(isinstance(part, str) for part in parts):
        of_strings = " of strings" if form != "string" else ""
        report.error("parameter", f"must be {_ARTICLES[form]}{of_strings}; quote each value")
        return empty
    if any("\0" in part or any("\ud800" <= it <= "\udfff" for it in part) for part in parts):
        report.error(
            "parameter", "has a character that no program accepts (NUL, or half of a surrogate pair); remove it"
        )
        return empty
    return value


def _report(name: str, findings: list[Finding]) -> Report:
    """A report about a parameter, or about all of them."""
    return Report(f"parameter {name[:80]!a}" if name else VARIABLE, findings=findings)


def _environment_overrides(name: str, environment: Environment) -> list[Override]:
    """The overrides of an environment, from the file with its name."""
    location = Location("parameter 'environment'")
    if not _NAME.fullmatch(name):
        message = f"{name[:80]!a} is not the name of an environment; use letters, digits, -, _ and ."
        raise invalid("parameter", message, location)
    file = f"{ENVIRONMENTS}/{name}.yaml"
    try:
        data = environment.read(file, _MAX_ENVIRONMENT)
    except FileError as error:
        message = (
            f"{str(error).partition(';')[0]}; fix the name, or write what differs in that environment into the file, as"
            " a part of a GMSAConfig's spec"
        )
        raise invalid("parameter", message, location) from None
    return overrides_of_file(decode(data, file), file)
