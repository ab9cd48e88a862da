"""`lint`: what `render` would report, as text, JSON and SARIF."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from build import module
from conftest import ROOT, Call, Folder
from hosts.conftest import Helm
from hosts.support import CERT_MANAGER, NO_ADMISSION, assert_mentions, deployment, gmsa_config

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
    error, warning, rules, count = done.stdout.splitlines()
    assert_mentions(error, "gmsa.yaml:14:14: spec.credspecs[0].account: ", "WebApp1$", "ends in $")
    assert_mentions(warning, "gmsa.yaml:17:", "warning: ", "serviceAccounts")
    assert rules == "rules: account-name, default-service-account (gmsa-krm explain RULE says more)"
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


def test_sarif_names_files_as_the_repository_does(call: Call, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code scanning finds no file for `./gmsa.yaml`."""
    monkeypatch.chdir(folder({"gmsa.yaml": MISTAKES, "west/gmsa.yaml": MISTAKES}))
    sarif = json.loads(call("lint", "--format", "sarif", ".", "./west").stdout)
    places = (location for it in sarif["runs"][0]["results"] for location in it["locations"])
    files = {it["physicalLocation"]["artifactLocation"]["uri"] for it in places}
    assert files == {"gmsa.yaml", "west/gmsa.yaml"}


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


CONFIG = gmsa_config(admission=NO_ADMISSION)
WRONG = gmsa_config(admission=NO_ADMISSION, credspecs=[{"account": "WebApp1$"}])
WINDOWS = {"nodeSelector": {"kubernetes.io/os": "windows"}, "serviceAccountName": "webapp1"}


def windows_options(name: str) -> dict[str, Any]:
    return {"securityContext": {"windowsOptions": {"gmsaCredentialSpecName": name}}}


GOOD_WEB = deployment(**WINDOWS, **windows_options("gmsa-webapp1"))
WRONG_WEB = deployment(os={"name": "linux"}, serviceAccountName="webapp1", **windows_options("gmsa-webapp1"))
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

# Files that people have beside manifests: what Helm, kustomize, CI systems, editors and package managers read.
OTHERS: dict[str, str | bytes] = {
    "values.yaml": "replicaCount: 2\nimage: {tag: v1}\n",
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "templates/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\n",
    "templates/loop.yaml": "{{- range .Values.all }}\napiVersion: v1\nkind: ConfigMap\n{{- end }}\n",
    "templates/quoted.yaml": 'apiVersion: v1\nkind: Pod\nmetadata: {name: "{{ .Release.Name }}"}\nspec: 5\n',
    "ansible.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ app }}\n",
    "jinja.yaml": "{% if a %}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ a }}}\n{% endif %}\n",
    "directives.yaml": "apiVersion: v1\nkind: ConfigMap\n{% if a %}\nmetadata: {name: a}\n{% endif %}\n",
    "terraform.yaml": "apiVersion: v1\nkind: ConfigMap\n%{ if a }\nmetadata: {name: a}\n%{ endif }\n",
    "package.json": '{"name": "web", "version": "1.0.0"}\n',
    "tsconfig.json": '{\n  // a comment\n  "compilerOptions": {},\n}\n',
    "list.json": "[1, 2]\n",
    "number.json": "5\n",
    "lines.json": '{"a": 1}\n{"b": 2}\n',
    "patch.yaml": "- op: replace\n  path: /spec/replicas\n  value: 3\n",
    "compose.yml": "services:\n  web: {image: nginx}\n",
    "kubeconfig.yaml": "apiVersion: v1\nkind: Config\nclusters: []\n",
    "kind.yaml": "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: []\n",
    "skaffold.yaml": "apiVersion: skaffold/v4beta11\nkind: Config\nbuild: {}\n",
    "mkdocs.yml": "nav:\n\t- a: b\n",
    "tagged.yaml": "Resources:\n  a: !Sub ${b}\n",
    "broken.yaml": "a: [\n",
    "binary.yaml": bytes(range(256)),
    "latin.yaml": "name: Z\u00fcrich\n".encode("latin-1"),
    "text.yaml": "just text\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_a_manifest_is_passed_over_with_a_note(name: str, call: Call, folder: Folder) -> None:
    files = {"Chart.yaml": OTHERS["Chart.yaml"]} if name.startswith("templates/") else {}
    root = folder({**files, name: OTHERS[name], "gmsa.yaml": CONFIG})
    done = call("lint", root)
    count, note = done.stdout.splitlines()
    assert (done.status, done.stderr, count) == (0, "", "no errors, no warnings")
    assert note.startswith("skipped: ")
    assert str(root / name) in note
    # The user who names it means it.
    assert "skipped" not in call("lint", root / name).stdout


def test_what_nobody_reads_as_yaml_is_not_in_the_note(call: Call, folder: Folder) -> None:
    others = {"README.md": "---\ntitle: a\n---\n# b\n", "templates/NOTES.txt": "{{ a }}", "a.tpl": "{{ a }}"}
    hidden = {".git/a.yaml": "a: [", ".hidden.yaml": "a: [", "kustomization.yaml": "resources: []\n"}
    done = call("lint", folder({**others, **hidden, "empty.yaml": "", "comment.yaml": "# a\n---\n"}))
    assert (done.status, done.stdout) == (0, "no errors, no warnings\n")


def test_the_note_is_one_line_with_some_of_the_names(call: Call, folder: Folder) -> None:
    root = folder({f"{number:03}.yaml": "a: b\n" for number in range(200)})
    _, note = call("lint", root).stdout.splitlines()
    assert note.startswith("skipped: 200 files that are not Kubernetes manifests (")
    assert note.endswith(", and 188 more)")
    assert note.count(".yaml") == 12


def test_json_and_sarif_are_without_the_note(call: Call, folder: Folder) -> None:
    root = folder({"values.yaml": "a: b\n"})
    assert json.loads(call("lint", "--format", "json", root).stdout) == []
    assert json.loads(call("lint", "--format", "sarif", root).stdout)["runs"][0]["results"] == []


def test_a_file_that_a_config_names_is_not_passed_over(call: Call, folder: Folder) -> None:
    config = gmsa_config(admission=NO_ADMISSION, credspecs=[{"file": "webapp1.json"}])
    root = folder({"gmsa.yaml": config, "webapp1.json": "not JSON", "other.json": "not JSON"})
    done = call("lint", root)
    assert_mentions(
        done.stdout, "webapp1.json:1:1: is neither a JSON object", "skipped: 1 file that is not", "other.json"
    )
    assert done.status == 1


# Manifests with a mistake that stops a reader: green would be wrong. {text: the rule}
MANIFESTS: dict[str, tuple[str | bytes, str]] = {
    "a syntax error": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n", "yaml"),
    "a syntax error before the rest": ("apiVersion: v1\n\tkind: ConfigMap\nkind: a\n", "yaml"),
    "an error in JSON": ('{\n  "apiVersion": "v1",\n  "kind": "Pod",\n  "metadata": {"name": "a}\n}\n', "yaml"),
    "compact JSON": ('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"', "yaml"),
    "a broken config": ("spec: [\nkind: GMSAConfig\n", "yaml"),
    "a template inside of a text": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    a: |\n      {{ with secret }}\n  x: y: z\n",
        "yaml",
    ),
    "another encoding": (CONFIG_MAP.replace("a}", "Z\u00fcrich}").encode("latin-1"), "encoding"),
    "UTF-16 without a mark": (CONFIG_MAP.encode("utf-16-le"), "encoding"),
    "no kind": ("apiVersion: v1\nmetadata: {name: a}\n", "not-an-object"),
    "kind in another case": ("apiVersion: v1\nKind: ConfigMap\nmetadata: {name: a}\n", "not-an-object"),
    "no metadata": ("apiVersion: apps/v1\nkind: Deployment\nspec: {}\n", "not-an-object"),
    "a credspec without metadata": ("apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\n", "not-an-object"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_cannot_be_read_is_an_error(name: str, call: Call, folder: Folder) -> None:
    text, rule = MANIFESTS[name]
    done = call("lint", "--format", "json", folder({"web.json" if "JSON" in name else "web.yaml": text}))
    assert done.status == 1
    assert [it["rule"] for it in json.loads(done.stdout)] == [rule]


def test_json_objects_after_each_other_are_read_as_kubectl_reads_them(call: Call, folder: Folder) -> None:
    web = json.dumps(yaml.safe_load(WRONG_WEB))
    good = json.dumps(yaml.safe_load(GOOD_WEB), indent=2)
    root = folder({"web.json": f"{good}\n\n{web}{good}\n", "values.json": '{"a": 1}\n{"b": 2}'})
    (found,) = json.loads(call("lint", "--format", "json", root).stdout)
    assert (found["rule"], found["line"]) == ("not-windows", good.count("\n") + 3)
    assert call("lint", folder({"web.json": f"{good}\n{good}"}) / "web.json").status == 0
    assert call("lint", folder({"web.json": f"{good}\n{good[:-5]}"})).status == 1


def test_no_file_hides_the_findings_of_others(call: Call, folder: Folder) -> None:
    root = folder(
        {
            "1.yaml": "apiVersion: v1\nkind: [\n",
            "2.yaml": WRONG,
            "3.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n---\n" + WRONG_WEB,
            "4.yaml": CONFIG_MAP.encode("utf-16-le"),
            "5.yaml": WRONG_WEB,
            "kustomization.yaml": "resources: [\n",
        }
    )
    expected = {
        ("1.yaml", "yaml"),
        ("2.yaml", "account-name"),
        ("3.yaml", "yaml"),
        ("3.yaml", "not-windows"),
        ("4.yaml", "encoding"),
        ("5.yaml", "not-windows"),
        ("kustomization.yaml", "yaml"),
    }
    found = json.loads(call("lint", "--format", "json", root).stdout)
    errors = {(Path(it["file"]).name, it["rule"]) for it in found if it["severity"] == "error"}
    assert expected <= errors
    assert {rule for _, rule in errors} <= {"yaml", "account-name", "not-windows", "encoding"}
    named = json.loads(call("lint", "--format", "json", *sorted(root.glob("?.yaml"))).stdout)
    assert {(Path(it["file"]).name, it["rule"]) for it in named if it["severity"] == "error"} == errors - {
        ("kustomization.yaml", "yaml")
    }


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_checked(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": WRONG})
    os.mkfifo(root / "pipe.yaml")
    (root / "gone.yaml").symlink_to(root / "nothing.yaml")
    (root / "loop.yaml").symlink_to("loop.yaml")
    (root / "up").symlink_to("..")
    done = call("lint", root)
    assert done.status == 3
    assert "account-name" not in done.stderr
    assert "WebApp1$" in done.stdout
    assert [line.split(":")[1].rpartition("/")[2] for line in done.stderr.splitlines()] == [
        "gone.yaml",
        "loop.yaml",
        "pipe.yaml",
    ]
    missing = call("lint", root / "missing.yaml", root / "gmsa.yaml")
    assert missing.status == 3
    assert_mentions(missing.stderr, "missing.yaml")
    assert "WebApp1$" in missing.stdout


def test_render_of_a_folder_is_strict_still(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "values.yaml": "a: b\n"})
    done = call("render", root)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "values.yaml", "is not a Kubernetes object")


EXCLUDED = [
    ("old.yaml", ["a/old.yaml", "old.yaml"]),
    ("a", ["a/b/new.yaml", "a/old.yaml"]),
    ("a/", ["a/b/new.yaml", "a/old.yaml"]),
    ("./a/b", ["a/b/new.yaml"]),
    ("a/*.yaml", ["a/b/new.yaml", "a/old.yaml"]),
    ("a/**", ["a/b/new.yaml", "a/old.yaml"]),
    ("**/b/*", ["a/b/new.yaml"]),
    ("**/old.yaml", ["a/old.yaml", "old.yaml"]),
    ("[no]*.yaml", ["a/b/new.yaml", "a/old.yaml", "old.yaml"]),
    ("b/*", []),
    ("", []),
]


@pytest.mark.parametrize(("pattern", "excluded"), EXCLUDED)
def test_exclude_passes_over_files_and_folders(
    pattern: str, excluded: list[str], call: Call, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a/b/new.yaml", "a/old.yaml", "old.yaml"]
    root = folder(dict.fromkeys(names, WRONG_WEB))
    wanted = sorted({*names} - {*excluded})

    def files(*paths: str | Path) -> list[str]:
        done = call("lint", "--format", "json", *paths)
        return sorted({os.path.relpath(it["file"], root) for it in json.loads(done.stdout)})

    assert files("--exclude", pattern, root) == wanted
    assert files(root, "--exclude", "nothing", "--exclude", pattern) == wanted
    monkeypatch.chdir(root)
    assert files("--exclude", pattern, ".") == wanted
    assert files("--exclude", pattern, *names) == wanted


def test_exclude_also_excludes_kustomizations_and_scripts(call: Call, folder: Folder) -> None:
    root = folder(
        {
            "a/kustomization.yaml": "resources: [gmsa.yaml]\n",
            "a/gmsa.yaml": CONFIG,
            "b/kustomization.yaml": "generators: [gmsa.yaml]\n",
            "b/gmsa.yaml": CONFIG,
            "b/deploy.sh": "kubectl apply -k .\n",
        }
    )
    assert call("lint", root).status == 1
    assert call("lint", root, "--exclude", "a", "--exclude", "*.sh").status == 0


def test_namespace_is_that_of_manifests_without_one(call: Call, folder: Folder) -> None:
    web = GOOD_WEB.replace("  namespace: web\n", "")
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": web})
    assert call("lint", "--namespace", "web", root).status == 0
    assert_mentions(
        call("lint", "--namespace", "shop", root).stdout, "webapp1 may not use gmsa-webapp1 in namespace shop"
    )
    wrong = call("lint", "--namespace", "A_B", root)
    assert wrong.status == 1
    assert_mentions(wrong.stderr, "--namespace", "A_B")


def test_strict_fails_for_warnings_and_keeps_their_severity(call: Call, folder: Folder) -> None:
    config = gmsa_config(
        admission=NO_ADMISSION,
        credspecs=[{"account": "WebApp1", "usedBy": [{"namespace": "web", "serviceAccounts": ["default"]}]}],
    )
    root = folder({"gmsa.yaml": config})
    assert call("lint", root).status == 0
    done = call("lint", "--strict", "--format", "json", root)
    assert done.status == 1
    assert [it["severity"] for it in json.loads(done.stdout)] == ["warning"]
    assert call("lint", "--strict", folder({"gmsa.yaml": CONFIG, "values.yaml": "a: b\n"})).status == 0


ALMOST = {
    "kind: GmsaConfig": "kind: GMSAConfig",
    "kind: gmsaconfig": "kind: GMSAConfig",
    "kind: GMSAConfigs": "kind: GMSAConfig",
    "kind: GSMAConfig": "kind: GMSAConfig",
    "kind: Config": "kind: GMSAConfig",
    "Kind: GMSAConfig": "kind: GMSAConfig",
    "": "kind: GMSAConfig",
    "apiVersion: gmsa-krm.io/v1alpha1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: gmsakrm.dev/v1alpha1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: GMSA-KRM.dev/v1alpha1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: v1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: windows.k8s.io/v1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: gmsa-krm.dev/v1alpha2": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiVersion: gmsa-krm.dev": "apiVersion: gmsa-krm.dev/v1alpha1",
    "apiversion: gmsa-krm.dev/v1alpha1": "apiVersion: gmsa-krm.dev/v1alpha1",
    "other: a": "apiVersion: gmsa-krm.dev/v1alpha1",
}


@pytest.mark.parametrize("line", ALMOST)
def test_what_almost_is_a_config_is_an_error_with_the_right_spelling(line: str, call: Call, folder: Folder) -> None:
    right = ALMOST[line]
    assert right in CONFIG
    root = folder({"gmsa.yaml": CONFIG.replace(right, line, 1), "web.yaml": GOOD_WEB})
    found = [it for it in json.loads(call("lint", "--format", "json", root).stdout) if it["severity"] == "error"]
    assert len(found) == 1
    assert_mentions(found[0]["message"], right.partition(": ")[2])
    assert call("lint", root / "gmsa.yaml").status == 1
    assert call("render", root).status == 1


NOT_OURS = [
    "apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\nmetadata: {name: gmsa-webapp2}\ncredspec: {}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayConfig\nmetadata: {name: a}\nspec: {domains: []}\n",
    "apiVersion: example.com/v1\nkind: GMSAConfig\nmetadata: {name: a}\nspec: {accounts: []}\n",
    "apiVersion: gmsa-krm.dev/v1alpha1\nkind: ActiveDirectorySnapshot\nmetadata: {name: a}\nspec: {}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gmsa-config}\ndata: {kind: GmsaConfig}\n",
]


@pytest.mark.parametrize("text", NOT_OURS)
def test_objects_of_others_with_similar_names_are_free_of_that_error(text: str, call: Call, folder: Folder) -> None:
    found = json.loads(call("lint", "--format", "json", folder({"a.yaml": text})).stdout)
    assert "misspelt-config" not in {it["rule"] for it in found}


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "values.yaml": "name: gmsa-webapp1\n",
    "templates/web.yaml": GOOD_WEB.replace("gmsa-webapp1", "{{ .Values.name }}").replace("  namespace: web\n", ""),
    "templates/none.yaml": "{{- if .Values.none }}\na: b\n{{- end }}\n",
    "templates/comment.yaml": "# only a comment\n---\n# and another\n",
    "templates/NOTES.txt": "Thanks: for {{ .Release.Name }}\n  at: [\n",
}


@pytest.mark.parametrize("of", ["helm3", "helm4"])
@pytest.mark.parametrize("name", ["gmsa-webapp1", "gmsa_WebApp1"])
def test_the_output_of_helm_template_is_checked(of: str, name: str, call: Call, folder: Folder, tmp_path: Path) -> None:
    folder({f"chart/{file}": text for file, text in CHART.items()})
    (tmp_path / "gmsa.yaml").write_text(CONFIG)
    helm = Helm(of, tmp_path, tmp_path)
    rendered = helm("template", "r", tmp_path / "chart", "--set", f"name={name}", post_renderer=False).stdout
    assert "# Source: web/templates/none.yaml" not in rendered or "only a comment" in rendered
    done = call("lint", "--namespace", "web", "-", tmp_path / "gmsa.yaml", stdin=rendered.encode())
    assert done.status == (0 if name == "gmsa-webapp1" else 1)
    assert done.stdout.startswith("no errors, no warnings\n" if name == "gmsa-webapp1" else "stdin:")


def test_what_a_dry_run_prints_around_the_manifests_is_left_out(call: Call) -> None:
    # helm install --dry-run=client, Helm 4
    head = (
        "NAME: r\nLAST DEPLOYED: Wed Nov 25 22:21:06 2026\nNAMESPACE: web\nSTATUS: pending-install\nHOOKS:\nMANIFEST:\n"
    )
    notes = "\nNOTES:\nThanks: for r\n  at: [\n"
    web = f"---\n# Source: web/templates/web.yaml\n{WRONG_WEB}"
    done = call("lint", "--format", "json", "-", stdin=(head + web + notes).encode())
    (found,) = json.loads(done.stdout)
    line = (head + web).splitlines().index("        name: linux") + 1
    assert (found["rule"], found["line"]) == ("not-windows", line)


def fleet(**more: str) -> dict[str, str]:
    """A repository of two clusters whose configs differ, with one base."""
    files = {"base/web.yaml": GOOD_WEB, "base/kustomization.yaml": "resources: [web.yaml]\n"}
    for cluster in ("dev", "prod"):
        files[f"clusters/{cluster}/gmsa.yaml"] = config_of(cluster)
        files[f"clusters/{cluster}/kustomization.yaml"] = "resources: [../../base]\ntransformers: [gmsa.yaml]\n"
    return {**files, **more}


def config_of(cluster: str, **more: Any) -> str:
    domain = {
        "dnsName": f"{cluster}.contoso.com",
        "netBiosName": cluster.upper(),
        "guid": f"244818ae-87ac-4fcd-92ec-e79e525234{len(cluster):02}",
        "sid": f"S-1-5-21-2126449477-2524075714-{len(cluster)}",
    }
    return gmsa_config(cluster, domains=[domain], webhook=CERT_MANAGER, **more)


def rules_of(call: Call, root: Path, *options: str) -> list[tuple[str, str]]:
    found = json.loads(call("lint", "--format", "json", root, *options).stdout)
    return [(it["rule"], os.path.relpath(it["file"], root)) for it in found]


def test_several_clusters_in_one_repository_do_not_disturb_each_other(call: Call, folder: Folder) -> None:
    assert rules_of(call, folder(fleet())) == []


def test_what_is_wrong_for_each_cluster_is_an_error(call: Call, folder: Folder) -> None:
    unknown = GOOD_WEB.replace("gmsa-webapp1", "gmsa-webapp2")
    assert rules_of(call, folder(fleet(**{"base/web.yaml": unknown}))) == [("unknown-credspec", "base/web.yaml")]
    elsewhere = fleet(**{"apps/web.yaml": unknown})
    assert ("unknown-credspec", "apps/web.yaml") in rules_of(call, folder(elsewhere))


def test_a_manifest_is_checked_against_the_config_of_its_own_cluster(call: Call, folder: Folder) -> None:
    other = [{"account": "Reports", "usedBy": [{"namespace": "web", "serviceAccounts": ["webapp1"]}]}]
    reports = deployment("reports", **WINDOWS, **windows_options("gmsa-reports"))
    root = folder(
        {
            "dev/gmsa.yaml": config_of("dev"),
            "prod/gmsa.yaml": config_of("prod", credspecs=other),
            "prod/apps/reports.yaml": reports,
            "shared/reports.yaml": reports,
        }
    )
    assert rules_of(call, root) == []
    folder({"dev/apps/reports.yaml": reports})
    assert rules_of(call, root) == [("unknown-credspec", "dev/apps/reports.yaml")]


def test_configs_that_are_named_or_in_one_folder_are_of_one_cluster(call: Call, folder: Folder) -> None:
    root = folder({"a/dev.yaml": config_of("dev"), "a/prod.yaml": config_of("prod")})
    assert {rule for rule, _ in rules_of(call, root)} == {"same-object"}
    named = call("lint", root / "a/dev.yaml", root / "a/prod.yaml")
    assert named.status == 1
    # The one at the top is for all below it.
    root = folder({"a/prod.yaml": "", "gmsa.yaml": config_of("prod")})
    assert {rule for rule, _ in rules_of(call, root)} == {"same-object"}


def test_outputs_of_several_clusters_may_be_in_the_repository(call: Call, folder: Folder) -> None:
    root = folder(fleet())
    rendered = {
        f"rendered/{cluster}/all.yaml": call("render", root / "clusters" / cluster).stdout
        for cluster in ("dev", "prod")
    }
    assert all(rendered.values())
    assert [it for it in rules_of(call, folder(rendered)) if it[0] in ("same-object", "set-back")] == []
    one = folder({"clusters/prod/gmsa.yaml": "", "clusters/prod/kustomization.yaml": ""})
    assert [it for it in rules_of(call, one) if it[0] == "same-object"] == []


def test_a_config_with_an_error_does_not_hide_those_of_manifests(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": WRONG, "web.yaml": WRONG_WEB, "other.yaml": GOOD_WEB})
    rules = {(rule, file) for rule, file in rules_of(call, root) if rule != "no-users"}
    assert rules >= {("account-name", "gmsa.yaml"), ("not-windows", "web.yaml")}
    assert not [it for it in rules if it[1] == "other.yaml"]


def test_many_files_and_deep_folders_are_read(call: Call, folder: Folder) -> None:
    deep = "/".join(["d"] * 300)
    files = {f"{number % 100}/{number}.yaml": CONFIG_MAP for number in range(2000)}
    root = folder({**files, f"{deep}/web.yaml": WRONG_WEB, "values.yaml": "a: &a [1]\nb: *a\n"})
    assert [rule for rule, _ in rules_of(call, root)] == ["not-windows"]


def test_a_file_of_new_credential_spec_is_checked_by_itself(call: Call, folder: Folder) -> None:
    """Named or in a folder, with the account's SID as in many guides."""
    contents = json.loads((ROOT / "tests/cases/credspec-file/credspecs/webapp3.json").read_text())
    root = folder({"webapp.json": json.dumps(contents)})
    assert call("lint", root).status == call("lint", root / "webapp.json").status == 0
    contents["DomainJoinConfig"]["Sid"] += "-1105"
    folder({"webapp.json": json.dumps(contents)})
    for path in (root, root / "webapp.json"):
        done = call("lint", path)
        assert done.status == 1
        assert "DomainJoinConfig.Sid: " in done.stdout
        assert len(done.stdout.splitlines()) == 3


def test_an_empty_pipe_is_an_error(call: Call) -> None:
    """As after a program that failed."""
    done = call("lint", "-", stdin=b"")
    assert done.status == 1
    assert "stdin: is empty, so nothing was checked" in done.stdout


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_a_file_that_cannot_be_read_leaves_a_report(form: str, call: Call, tmp_path: Path) -> None:
    done = call("lint", "--format", form, tmp_path / "nothing.yaml")
    assert done.status == 3
    assert json.loads(done.stdout) is not None
