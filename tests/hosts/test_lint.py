"""`lint`: what `render` would report, as text, JSON and SARIF."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from build import module
from conftest import Call, Folder
from hosts.support import NO_ADMISSION, assert_mentions, deployment, gmsa_config

MISTAKES = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  admission:
    mode: None
  credspecs:
  - account: WebApp1$
    usedBy:
    - namespace: a
      serviceAccounts: [default]
"""


def test_text_has_a_line_for_each_finding_and_a_count(call: Call, folder: Folder) -> None:
    done = call("lint", folder({"gmsa.yaml": MISTAKES}))
    assert done.status == 1
    error, warning, count = done.stdout.splitlines()
    assert_mentions(error, "gmsa.yaml:14:14: spec.credspecs[0].account: ", "WebApp1$", "ends in $")
    assert_mentions(warning, "gmsa.yaml:17:", "warning: ", "serviceAccounts")
    assert count == "1 error, 1 warning"


def test_json_has_severity_rule_and_place(call: Call, folder: Folder) -> None:
    findings = json.loads(call("lint", "--format", "json", folder({"gmsa.yaml": MISTAKES})).stdout)
    assert [(it["severity"], it["rule"], it["line"]) for it in findings] == [
        ("error", "account-name", 14),
        ("warning", "default-service-account", 17),
    ]


def test_sarif_has_level_rule_and_region(call: Call, folder: Folder) -> None:
    sarif = json.loads(call("lint", "--format", "sarif", folder({"gmsa.yaml": MISTAKES})).stdout)
    results = sarif["runs"][0]["results"]
    lines = [it["locations"][0]["physicalLocation"]["region"]["startLine"] for it in results]
    assert [(it["level"], it["ruleId"]) for it in results] == [
        ("error", "account-name"),
        ("warning", "default-service-account"),
    ]
    assert lines == [14, 17]


def test_a_config_without_mistakes_passes(call: Call, folder: Folder) -> None:
    done = call("lint", folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION)}))
    assert (done.status, done.stdout) == (0, "no errors, no warnings\n")


@pytest.fixture(scope="session")
def sarif_schema() -> jsonschema.Draft4Validator:
    """The JSON Schema of OASIS, errata 01, as the Go module go-sarif carries it."""
    source = (module("sarif-schema") / "pkg/report/v210/sarif/schema.go").read_text()
    found = re.search(r"const schema = `(.*?)`\s*\Z", source, re.DOTALL)
    assert found
    return jsonschema.Draft4Validator(json.loads(found[1]))


SARIF_INPUTS = {
    "errors and warnings": gmsa_config(
        credspecs=[{"account": "WebApp1$"}], webhook={"replicas": 1, "certificate": {"source": "Generate"}}
    ),
    "nothing found": gmsa_config(admission=NO_ADMISSION),
    "not YAML": "a: [",
    "no config": deployment(),
}


@pytest.mark.parametrize("name", SARIF_INPUTS)
def test_sarif_fits_its_schema(name: str, sarif_schema: jsonschema.Draft4Validator, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": SARIF_INPUTS[name]})
    log: dict[str, Any] = json.loads(call("lint", "--format", "sarif", root).stdout)
    sarif_schema.validate(log)
    log["runs"][0]["results"] = [{"rule": "no-such-key"}]
    assert not sarif_schema.is_valid(log)
