"""Warnings that are errors, by an option or by the config, behind every host."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conftest import Call, Folder
from hosts.support import NO_ADMISSION, deployment, gmsa_config

NOBODY = [{"account": "WebApp1"}]
WARNING = "spec.credspecs[0].usedBy: is missing"


@pytest.mark.parametrize("command", ["render", "post-render"])
def test_the_option_makes_warnings_errors(command: str, call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, credspecs=NOBODY)}) / "gmsa.yaml"
    arguments: list[str | Path] = ["render", file] if command == "render" else ["post-render", "--config", file]
    stdin = b"" if command == "render" else b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    assert call(*arguments, stdin=stdin).status == 0
    done = call(*arguments, "--strict", stdin=stdin)
    assert (done.status, done.stdout) == (1, "")
    assert WARNING in done.stderr
    assert done.stderr.splitlines()[-1].startswith("--strict: there is 1 warning, which is an error here")


def test_the_field_makes_warnings_errors_for_a_function(call: Call) -> None:
    config = yaml.safe_load(gmsa_config(admission=NO_ADMISSION, credspecs=NOBODY, strict=True))
    given = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": [], "functionConfig": config}
    done = call(stdin=yaml.safe_dump(given).encode())
    assert done.status == 1
    results = yaml.safe_load(done.stdout)["results"]
    assert [(it["severity"], it["tags"]["rule"]) for it in results] == [("warning", "no-users"), ("error", "strict")]


def test_the_field_is_at_its_place(call: Call, folder: Folder) -> None:
    file = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION, credspecs=NOBODY, strict=True)}) / "gmsa.yaml"
    for command in ("render", "lint"):
        done = call(command, file)
        line = file.read_text().splitlines().index("  strict: true") + 1
        assert done.status == 1
        assert f"{file}:{line}:11: spec.strict: there is 1 warning" in done.stderr + done.stdout


def test_without_warnings_nothing_changes(call: Call, folder: Folder) -> None:
    strict, lax = (gmsa_config(admission=NO_ADMISSION, strict=value) for value in (True, False))
    root = folder({"strict.yaml": strict, "lax.yaml": lax})
    assert call("render", root / "strict.yaml").stdout == call("render", root / "lax.yaml", "--strict").stdout != ""


def test_the_namespace_of_manifests_without_one(call: Call, folder: Folder) -> None:
    entry = {"match": {"namespaces": ["apps"]}, "credspec": "gmsa-webapp1", "serviceAccount": "webapp1"}
    workload = yaml.safe_load(deployment())
    del workload["metadata"]["namespace"]
    config = gmsa_config(
        admission=NO_ADMISSION, credspecs=[{"account": "WebApp1", "usedBy": "FromWorkloads"}], workloads=[entry]
    )
    root = folder({"gmsa.yaml": config, "web.yaml": yaml.safe_dump(workload)})
    done = call("render", root, "--namespace", "apps")
    assert done.status == 0, done.stderr
    assert done.object("RoleBinding")["metadata"]["namespace"] == "apps"
    wrong = call("render", root, "--namespace", "A_b")
    assert (wrong.status, wrong.stdout) == (1, "")


def test_the_field_is_for_warnings_about_the_order_of_helm_4(call: Call, folder: Folder) -> None:
    stream = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "a",
                "annotations": {"postrenderer.helm.sh/postrender-filename": "web/templates/a.yaml"},
            },
        }
    ).encode()
    webhook = {"certificate": {"source": "CertManager"}}
    for strict in (False, True):
        file = folder({"gmsa.yaml": gmsa_config(webhook=webhook, strict=strict)}) / "gmsa.yaml"
        done = call("post-render", "--config", file, stdin=stream)
        assert "Helm 4 applies by kind" in done.stderr
        assert done.status == strict
        assert (f"{file}:" in done.stderr, done.stdout == "") == (strict, strict)
