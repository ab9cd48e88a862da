"""What gmsa-krm 0.1 rendered, and what this version renders for the same config, without a cluster.

tests/cluster/test_takeover.py applies both to API servers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, SEED, Call, identity

FOLDER = ROOT / "tests/cluster/version_0_1"
CONFIGS = sorted(FOLDER.glob("*.gmsa.yaml"))
NOTES = (ROOT / "docs/upgrade.md").read_text()
Objects = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(params=CONFIGS, ids=lambda path: path.name.partition(".")[0])
def both(request: pytest.FixtureRequest, call: Call) -> tuple[Objects, Objects]:
    """By kind, namespace and name: what 0.1 rendered, and what this version renders at the same time."""
    config: Path = request.param
    old = yaml.safe_load_all(config.with_name(config.name.replace(".gmsa.", ".rendered.")).read_text())
    done = call("render", config, env={"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1780000000"})
    assert done.status == 0, done.stderr
    return {identity(it): it for it in old if it}, {identity(it): it for it in done.objects}


def test_an_object_that_is_not_emitted_any_more_is_in_the_notes(both: tuple[Objects, Objects]) -> None:
    old, new = both
    assert len(old) > 10
    assert [it for it in sorted(set(old) - set(new)) if f"{it[0]} `{it[2]}`" not in NOTES] == []


def test_what_the_api_server_does_not_let_change_is_the_same(both: tuple[Objects, Objects]) -> None:
    """A changed one would have to be deleted first: a gap."""
    old, new = both
    fixed = {
        "Deployment": [("spec", "selector")],
        "RoleBinding": [("roleRef",)],
        "ClusterRoleBinding": [("roleRef",)],
        "Secret": [("type",)],
        "CustomResourceDefinition": [("spec", "group"), ("spec", "names"), ("spec", "scope")],
    }
    seen = set()
    for key in set(old) & set(new):
        for path in fixed.get(key[0], []):
            before, after = old[key], new[key]
            for name in path:
                before, after = before.get(name, {}), after.get(name, {})
            assert before == after, (key, path)
            seen.add(key[0])
    assert seen >= {"RoleBinding", "CustomResourceDefinition"}


def test_the_serving_certificate_of_an_epoch_stays(both: tuple[Objects, Objects]) -> None:
    old, new = both
    secrets = [key for key in old if "tls.crt" in old[key].get("data", {})]
    webhook = any(key[0] == "Deployment" for key in old)
    assert bool(secrets) == webhook
    for key in secrets:
        for name in ("tls.crt", "tls.key"):
            assert old[key]["data"][name] == new[key]["data"][name]
