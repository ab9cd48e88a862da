"""Text of an input that is written into comments, tables, messages and logs: on one line, and without control characters."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from builders import CERT_MANAGER, gmsa_config
from conftest import Call, Folder

CONFIG = gmsa_config(CERT_MANAGER)
FILE_NAME = "postrenderer.helm.sh/postrender-filename"


def assert_is_harmless(text: str) -> None:
    assert not [ascii(it) for it in text if it != "\n" and not it.isprintable()]


EVIL = "x\n---\napiVersion: v1\nkind: Evil\nmetadata: {name: e}\n#/templates/a.yaml"


@pytest.mark.parametrize("breaks", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029"], ids=ascii)
@pytest.mark.parametrize("helm", [3, 4])
def test_a_file_name_cannot_become_documents(breaks: str, helm: int, call: Call) -> None:
    """A chart's template may have the annotation that Helm 4 sets, under either Helm."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "annotations": {FILE_NAME: EVIL.replace("\n", breaks)}},
    }
    start = "---\n# Source: gmsa/templates/a.yaml\n" if helm == 3 else ""
    done = call("post-render", stdin=f"{start}{json.dumps(config_map)}\n---\n{CONFIG}".encode())
    assert done.status == 0, done.stderr
    assert "Evil" not in [it["kind"] for it in done.objects]
    for line in done.stdout.splitlines():
        assert "Evil" not in line or FILE_NAME in line
    emitted = [it for it in done.objects if it["kind"] == "Deployment"]
    names = [it["metadata"].get("annotations", {}).get(FILE_NAME) for it in emitted]
    assert names == (["gmsa/templates/gmsa-krm.yaml"] if helm == 4 else [None])
    assert ("# Source: gmsa/templates/gmsa-krm.yaml\n" in done.stdout) is (helm == 3)


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_a_message_is_on_one_line_in_every_form(form: str, call: Call, folder: Folder) -> None:
    """Whoever prints the message of a JSON report prints what the input wrote."""
    config = gmsa_config('credspecs:\n- account: "a\\tb\\nc\\e[31m"\n')
    done = call("lint", "--format", form, folder({"gmsa.yaml": config}) / "gmsa.yaml")
    report = json.loads(done.stdout)
    messages = [it["message"]["text"] for it in report["runs"][0]["results"]] if form == "sarif" else report
    found = [it if isinstance(it, str) else it["message"] for it in messages]
    assert any("a\\tb\\nc\\x1b[31m" in it for it in found), found
    for message in found:
        assert_is_harmless(message.replace("\n", "\t"))


def test_a_result_of_a_resource_list_is_on_one_line(call: Call) -> None:
    config = json.loads(json.dumps(yaml.safe_load(gmsa_config(CERT_MANAGER))))
    config["spec"]["credspecs"] = [{"account": "a\nb\x1b[31m"}]
    given = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": [], "functionConfig": config}
    done = call(stdin=json.dumps(given).encode())
    (result,) = [it for it in yaml.safe_load(done.stdout)["results"] if "account" in it["field"]["path"]]
    assert "a\\nb\\x1b[31m" in result["message"]
    assert_is_harmless(result["message"].replace("\n", "\t"))


@pytest.mark.parametrize("name", ["..", ".", "x" * 1000, "a\x1b[31m"], ids=["above", "here", "long", "escape"])
def test_only_the_name_of_a_chart_is_taken_from_a_source_line(name: str, call: Call) -> None:
    """`helm template --output-dir` writes to the path in the line."""
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
    stream = f"---\n# Source: {name}/templates/a.yaml\n{config_map}---\n{CONFIG}"
    done = call("post-render", stdin=stream.encode())
    if "\x1b" not in name:  # which no YAML has, not even in a comment
        assert done.status == 0, done.stderr
    assert f"# Source: {name}/templates/gmsa-krm.yaml" not in done.stdout


CONTROL = "\x1b]0;owned\x07\x9b31m\nsecond"


def test_the_table_of_a_render_has_a_line_for_each_file(call: Call, folder: Folder) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"a{CONTROL}", "namespace": "b\x1b[2J"}}
    where = folder({"gmsa.yaml": CONFIG, f"{CONTROL}.json": json.dumps(config_map)})
    done = call("render", where, "-o", where / "out")
    assert done.status == 0, done.stderr
    assert_is_harmless(done.stdout)
    assert len(done.stdout.splitlines()) == 2 + len([it for it in (where / "out").iterdir() if it.name[0] != "."])


@pytest.mark.parametrize(
    "command", [("lint",), ("render",), ("patch", "Deployment/web", "--config"), ("certs", "show")]
)
def test_the_name_of_a_file_that_cannot_be_read_is_on_one_line(
    command: tuple[str, ...], call: Call, tmp_path: Path
) -> None:
    done = call(*command, tmp_path / f"{CONTROL}.yaml")
    assert (done.status, done.stdout) == (3, "")
    assert_is_harmless(done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_a_log_has_a_line_for_each_message(call: Call, tmp_path: Path) -> None:
    done = call("post-render", "--log-file", tmp_path / "log", "--config", tmp_path / f"{CONTROL}.yaml")
    assert done.status == 3
    text = (tmp_path / "log").read_text()
    assert_is_harmless(text)
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_lint_copes_with_a_file_name_that_is_not_utf_8(form: str, program: Path, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\n\x9b.yaml"
    Path(os.fsdecode(path)).write_text(CONFIG.replace("source: CertManager", "source: Bad"))
    done = subprocess.run([program, "lint", "--format", form, path], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode()
    assert_is_harmless(text)
    if form == "sarif":
        (result,) = json.loads(text)["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.endswith("/%FF%0A%9B.yaml")
    elif form == "json":
        assert ascii(json.loads(text)[0]["file"]).endswith("/\\\\udcff\\n\\\\udc9b.yaml'")


def test_a_finding_in_sarif_has_no_links_of_the_input(call: Call, folder: Folder) -> None:
    """SARIF 2.1.0, 3.11.6: `[text](target)` in a message is a link."""
    where = folder({"gmsa.yaml": CONFIG.replace("source: CertManager", 'source: "[fix](https://evil.example)"')})
    (run,) = json.loads(call("lint", "--format", "sarif", where / "gmsa.yaml").stdout)["runs"]
    (result,) = run["results"]
    assert "\\[fix](https://evil.example)" in result["message"]["text"]


@pytest.mark.parametrize("option", ["--namespace", "--release"])
@pytest.mark.parametrize("value", ["x\ny: z", "Ä", "\udcff", "", "A"], ids=ascii)
def test_names_on_the_command_line_are_checked(option: str, value: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG, "values.yaml": "{}"})
    commands = [("import", "helm-values", where / "values.yaml")]
    if option == "--namespace":
        commands += [
            ("post-render", "--config", where / "gmsa.yaml"),
            ("patch", "Deployment/web", "--config", where / "gmsa.yaml"),
        ]
    for command in commands:
        done = call(*command, f"{option}={value}", stdin=b"a: b\n")
        if not value and command[0] != "import":
            continue  # none
        assert (done.status, done.stdout) == (1, ""), command
        assert f"{option}: " in done.stderr
        assert_is_harmless(done.stderr)


@pytest.mark.parametrize("name", ["x\ny: z", "Ä", "\udcff", "A", "a:b"], ids=ascii)
def test_the_name_in_a_patch_is_checked(name: str, call: Call, folder: Folder) -> None:
    workloads = """
        credspecs:
        - account: WebApp1
        workloads:
        - match:
            kinds: [Deployment]
          credspec: gmsa-webapp1
    """
    where = folder({"gmsa.yaml": gmsa_config(CERT_MANAGER, workloads)})
    assert call("patch", "Deployment/web", "--config", where / "gmsa.yaml").status == 0
    done = call("patch", f"Deployment/{name}", "--config", where / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert_is_harmless(done.stderr)


def test_what_a_document_is_called_stays_as_it_is(call: Call, folder: Folder) -> None:
    """Only what is shown is escaped."""
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"b": CONTROL}}}
    where = folder({"gmsa.yaml": CONFIG, "a.json": json.dumps(config_map)})
    done = call("render", where)
    assert config_map in list(yaml.safe_load_all(done.stdout))
