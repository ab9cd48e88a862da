"""Odd forms of YAML as the programs read them that manifests are for: kubectl, Argo CD, kustomize and Helm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from build import tool
from conftest import ROOT, Call, Folder
from gmsa_krm.yamltext.stream import joined, split
from hosts.conftest import Helm
from hosts.support import NO_ADMISSION, gmsa_config

sys.path.append(str(ROOT / "tests" / "fuzz"))
from plain import Scalar
from readers import readings

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
"""
REFUSED = ["---apiVersion: v1", "---{}", "---a", "----", "-----BEGIN CERTIFICATE-----", "---é"]


@pytest.mark.parametrize("line", REFUSED)
@pytest.mark.parametrize("place", ["first", "between", "text"])
def test_what_is_an_error_is_refused_by_what_applies_it(line: str, place: str, call: Call, folder: Folder) -> None:
    """As the first line kustomize takes it for a part of the first key, and passes an object on that has none."""
    rest = CONFIG_MAP.partition("\n")[2]
    manifest = {
        "first": f"{line}\n{rest}",
        "between": f"{CONFIG_MAP}{line}\n{rest}",
        "text": f'{CONFIG_MAP}data:\n  a: "\n{line}\n    "\n',
    }[place]
    for reader in ("kubectl", "argocd", *([] if place == "first" else ["kustomize"])):
        assert "separator: " in readings(manifest.encode())[reader].error
    where = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION), "a.yaml": manifest})
    done = call("lint", where)
    assert done.status == 1
    assert f"a.yaml:{manifest.splitlines().index(line) + 1}:1: starts with --- and is no separator" in done.stdout


def test_kubectl_says_so(folder: Folder) -> None:
    where = folder({"a.yaml": f"---{CONFIG_MAP}"})
    command = [tool("kubernetes-newest/kubectl"), "label", "--local", "-f", where / "a.yaml", "a=b", "-o", "yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "invalid Yaml document separator: apiVersion: v1" in done.stderr


def test_a_chart_may_have_separators_of_helm(helm: Helm, call: Call, folder: Folder) -> None:
    """Helm ends a document at every line that starts with ---; such templates need no braces."""
    where = folder(
        {
            "gmsa.yaml": gmsa_config(admission=NO_ADMISSION),
            "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
            "chart/templates/a.yaml": f"{CONFIG_MAP}---{CONFIG_MAP.replace('name: a', 'name: b')}",
        }
    )
    rendered = helm.template(Path(where / "chart"), options=(f"--config={where}/gmsa.yaml",))
    assert rendered.count("kind: ConfigMap") == 2
    done = call("lint", where)
    assert done.status == 0, done.stdout


@pytest.mark.parametrize("text", ["true", "null", "~", "12", "1.5", "0x1F", "2026-01-01", "on", "=", "<<", "", "a"])
@pytest.mark.parametrize("form", ['"{}"', "'{}'", "|-\n    {}"], ids=["double", "single", "block"])
@pytest.mark.parametrize("tag", ["!", "!<!>"])
def test_a_quoted_text_with_a_tag_that_says_nothing_is_a_text_to_all(
    text: str, form: str, tag: str, call: Call, folder: Folder
) -> None:
    manifest = f"{CONFIG_MAP}data:\n  a: {tag} {form.format(text)}\n"
    for reading in readings(manifest.encode()).values():
        assert reading.error == ""
        assert reading.documents[0]["data"] == {"a": Scalar("str", text)}
    where = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION), "a.yaml": manifest})
    done = call("render", where, "-o", "json")
    (rendered,) = (it for it in json.loads(done.stdout)["items"] if it["kind"] == "ConfigMap")
    assert rendered["data"] == {"a": text}


@pytest.mark.parametrize("empty", ["...\n", "\n...\n", "# c\n... # d\n\n...\n", "...\r\n"])
@pytest.mark.parametrize("before", ["", "---\n", "---\n---\n"])
def test_the_end_of_an_empty_document_hides_nothing(empty: str, before: str, call: Call, folder: Folder) -> None:
    """Readers refuse it where the config that was before it, with its separator, is taken out."""
    config = gmsa_config(admission=NO_ADMISSION)
    where = folder({"stream": f"{config}{before}{empty}---\n{CONFIG_MAP}data: {{a: '...'}}\n...\n"})
    done = call("post-render", stdin=(where / "stream").read_bytes())
    assert done.status == 0, done.stderr
    for reading in readings(done.stdout.encode()).values():
        assert reading.error == ""
        assert [it["data"] for it in reading.documents if "data" in it] == [{"a": Scalar("str", "...")}]
    assert ("# c\n" in done.stdout) == ("#" in empty and bool(before))
    assert done.stdout.count("\n...\n") == 1  # that of a document with contents stays


@pytest.mark.parametrize(
    "text",
    [
        "...a\n",
        "...#\n",
        "a: 1\n...\n",
        "# c\n...\na: 1\n",
        "--- |\n  a\n...\n",
        "%A\n---\n...\n",
        "# \u2029a\n...\n",
        "# \x85a\n...\n",
    ],
)
def test_the_end_of_other_documents_stays(text: str) -> None:
    assert joined([text]) == text


@pytest.mark.parametrize("text", ["%    z", "%A", "# c\n%TAGS"])
def test_a_line_of_a_scalar_that_starts_with_a_percent_sign_is_no_directive(
    text: str, call: Call, folder: Folder
) -> None:
    """Behind it the output has a separator, and is read again as what it is."""
    manifest = f'{CONFIG_MAP}data:\n  a: "x\n{text}"\n'
    where = folder({"gmsa.yaml": gmsa_config(admission=NO_ADMISSION)})
    done = call("post-render", "--config", where / "gmsa.yaml", stdin=manifest.encode())
    assert done.status == 0, done.stderr
    assert done.stdout.startswith(manifest)
    again = call("post-render", "--config", where / "gmsa.yaml", stdin=done.stdout.encode())
    assert (again.status, again.stdout) == (0, done.stdout), again.stderr


def test_directives_stay_with_the_document_that_they_are_of(call: Call, folder: Folder) -> None:
    second = f"%YAML 1.1\n# c\n%TAG ! tag:example.com,2026:\n---\n{CONFIG_MAP.replace('name: a', 'name: b')}"
    first, other = split(f"{CONFIG_MAP}...\n{second}")
    assert (first.text, other.text) == (f"{CONFIG_MAP}...\n", second)
