"""`render --chart DIR`: both Helms give what `render` gives, without a post-renderer."""

from __future__ import annotations

import itertools
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import tool
from conftest import SEED, Call, Folder, identity
from hosts.cases import CASES, ENV, Case
from hosts.conftest import Helm
from hosts.support import assert_mentions, deployment, gmsa_config

CONFIG = gmsa_config(admission={"mode": "Policy"})


def sorted_objects(text: str) -> list[dict[str, Any]]:
    return sorted((it for it in yaml.safe_load_all(text) if it), key=identity)


def charted(helm: str, chart: Path) -> list[dict[str, Any]]:
    """What a Helm gives; one that is built from its module believes in a cluster of Kubernetes 1.20."""
    command = [tool(helm), "template", "r", chart, "--include-crds", "--kube-version", "1.37.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted_objects(done.stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_helm_gives_what_render_gives(case: Case, helm: Helm, call: Call, tmp_path: Path) -> None:
    rendered = call("render", case.config, *case.manifests, env=ENV)
    assert call("render", case.config, *case.manifests, "--chart", tmp_path / "chart", env=ENV).status == 0
    assert charted(helm.version, tmp_path / "chart") == sorted_objects(rendered.stdout)


# What Helm and Go's templates read as something else, and what YAML's readers take in their own ways.
PIECES = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{{{",
            "{",
            "}",
            "`",
            '"',
            "'",
            "-",
            "{{- ",
            " -}}",
            "/*",
            "*/",
            ".Values.a",
            "{{ fail `x` }}",
            "\\",
        ),
        *(
            "{{/* a */}}",
            '{{ "{{" }}',
            "{{ end }}",
            "$",
            "%",
            "#",
            "\n",
            "\n---\n",
            "\n...\n",
            "\t",
            " ",
            "a",
            "\u00e9",
            "\u00a0",
        ),
        *("{{`", "`}}", "{{ template", ":", ": ", "|", ">", "%YAML 1.2"),
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


def config_map(number: int, text: str, form: str) -> str:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{number}"}, "data": {"a": text}}
    match form:
        case "json":
            return yaml.safe_dump(data, default_flow_style=True, default_style='"', width=10**6)
        case "block":
            return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        case _:
            return yaml.safe_dump(data, default_style="|", allow_unicode=True)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["json", "block", "literal"])), min_size=1, max_size=20))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_a_template(
    call: Call, tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]
) -> None:
    root = Folder(tmp_path_factory.mktemp("chart"))(
        {"gmsa.yaml": CONFIG, **{f"{n}.yaml": config_map(n, *it) for n, it in enumerate(texts)}}
    )
    paths = [root / "gmsa.yaml", *(root / f"{number}.yaml" for number in range(len(texts)))]
    rendered = call("render", *paths)
    assert rendered.status == 0, rendered.stderr
    assert call("render", *paths, "--chart", root / "chart").status == 0
    wanted = sorted_objects(rendered.stdout)
    assert {it["data"]["a"] for it in wanted if it["kind"] == "ConfigMap"} == {text for text, _ in texts}
    for helm in ("helm3", "helm4"):
        assert charted(helm, root / "chart") == wanted


# Documents that Helm splits, trims or cuts off if it gets them as they are.
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
ODD = {
    "a directive": f"%YAML 1.1\n---\n{HEAD}data:\n  a: x\n",
    "an end": f"{HEAD}data:\n  a: x\n...\n",
    "an indented document": "".join(f"  {line}\n" for line in f"{HEAD}data:\n  a: x".splitlines()),
    "lines kept at the end": f"{HEAD}data:\n  a: |+\n    x\n\n\n",
    "a literal at the end": f"{HEAD}data:\n  a: |\n    x\n",
    "a literal without a last line end": f"{HEAD}data:\n  a: |\n    x",
    "a folded one": f"{HEAD}data:\n  a: >+\n    x\n    y\n\n",
    "a separator in a literal": f"{HEAD}data:\n  a: |\n    x\n    ---\n    y\n",
    "comments around": f"# {{{{ a }}}}\n\n{HEAD}data:\n  a: x  # {{{{ b }}}}\n# }}}}\n",
    "lines that end in CR LF": f"{HEAD}data:\n  a: |\n    x\n    {{{{\n".replace("\n", "\r\n"),
    "a template as a key": f'{HEAD}data:\n  "{{{{ .a }}}}": x\n',
    "JSON": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "{{ x }}"}}',
    "JSON within JSON": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":{"a":"b"}},"data":{}}',
}


@pytest.mark.parametrize("name", ODD)
def test_a_document_stays_what_it_is(name: str, helm: Helm, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "a.yaml": ODD[name]})
    rendered = call("render", root / "gmsa.yaml", root / "a.yaml")
    assert rendered.status == 0, rendered.stderr
    assert call("render", root / "gmsa.yaml", root / "a.yaml", "--chart", root / "chart").status == 0
    assert charted(helm.version, root / "chart") == sorted_objects(rendered.stdout)


def test_the_crd_is_where_helm_reads_no_templates(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    assert call("render", root / "gmsa.yaml", "--chart", root / "chart").status == 0
    assert [it.name[:2] for it in (root / "chart/crds").iterdir()] == ["11"]
    assert not list((root / "chart/templates").glob("11-*"))
    assert not (root / "chart/values.yaml").exists()


def test_helm_lints_and_packages_it(helm: Helm, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    assert call("render", root, "--chart", root / "gmsa").status == 0
    lint = subprocess.run([tool(helm.version), "lint", root / "gmsa"], capture_output=True, text=True, check=False)
    assert "1 chart(s) linted, 0 chart(s) failed" in lint.stdout, lint.stdout
    assert "[WARNING]" not in lint.stdout.replace("chart directory is missing these", "")
    command = [tool(helm.version), "package", root / "gmsa", "--version", "2.3.4", "--destination", root]
    subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(root / "gmsa-2.3.4.tgz") as packed:
        assert not [it for it in packed.getnames() if it.endswith(".gmsa-krm-files")]


def test_each_run_writes_the_same_bytes(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    found = []
    for out in ("a/chart", "b/chart", "b/chart"):
        assert call("render", root / "gmsa.yaml", root / "web.yaml", "--chart", root / out).status == 0
        found.append({it.relative_to(root / out): it.read_bytes() for it in (root / out).rglob("*") if it.is_file()})
    assert all(one == other for one, other in itertools.pairwise(found))


def test_what_is_no_longer_rendered_is_removed(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment(), "chart/README.md": "mine"})
    assert call("render", root / "gmsa.yaml", root / "web.yaml", "--chart", root / "chart").status == 0
    assert list((root / "chart/templates").glob("70-*"))
    assert call("render", root / "gmsa.yaml", "--chart", root / "chart").status == 0
    assert not list((root / "chart/templates").glob("70-*"))
    assert (root / "chart/README.md").read_text() == "mine"


def test_a_chart_of_the_user_s_is_not_overwritten(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "chart/Chart.yaml": "mine"})
    done = call("render", root / "gmsa.yaml", "--chart", root / "chart")
    assert (done.status, done.stdout) == (3, "")
    assert_mentions(done.stderr, "chart/Chart.yaml exists and was not written by gmsa-krm", "another folder")
    assert [it.name for it in (root / "chart").iterdir()] == ["Chart.yaml"]
    assert (root / "chart/Chart.yaml").read_text() == "mine"


@pytest.mark.parametrize("inner", ["templates", "crds"])
def test_a_folder_that_leads_elsewhere_is_refused(inner: str, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "elsewhere/a": "", "chart/README.md": ""})
    (root / "chart" / inner).symlink_to(root / "elsewhere")
    done = call("render", root / "gmsa.yaml", "--chart", root / "chart")
    assert (done.status, done.stdout) == (3, "")
    assert_mentions(done.stderr, f"chart/{inner}: cannot be written", "symbolic link")
    assert [it.name for it in (root / "elsewhere").iterdir()] == ["a"]


def test_a_secret_is_for_the_owner_only(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": gmsa_config(webhook={"certificate": {"source": "Derive"}})})
    assert call("render", root / "gmsa.yaml", "--chart", root / "chart", env={"GMSA_KRM_SEED": SEED}).status == 0
    modes = {it.name: it.stat().st_mode & 0o777 for it in (root / "chart/templates").iterdir()}
    assert {mode for name, mode in modes.items() if "-secret-" in name} == {0o600}
    assert {mode for name, mode in modes.items() if "-secret-" not in name} == {0o644}


@pytest.mark.parametrize(("where", "name"), [("gmsa", "gmsa"), ("web-1", "web-1"), ("Out_1", "gmsa"), ("true", "true")])
def test_the_chart_is_called_as_its_folder_is(where: str, name: str, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    assert call("render", root / "gmsa.yaml", "--chart", root / where).status == 0
    assert yaml.safe_load((root / where / "Chart.yaml").read_text())["name"] == name


@pytest.mark.parametrize("more", [("-o", "out"), ("-o", "yaml"), ("--format", "json")])
def test_one_form_at_a_time(more: tuple[str, ...], call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    done = call("render", root / "gmsa.yaml", "--chart", root / "chart", *more)
    assert (done.status, done.stdout) == (2, "")
    assert_mentions(done.stderr, "--chart")
