"""What kustomize and helm see of a repository under Argo CD: all that the application reaches, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Folder, by_identity
from hosts.applications import CONFIG, CONFIG_MAP, KUSTOMIZATION, SMALL_CHART, Files, below, umbrella
from hosts.argocd_cmp import CmpServer
from hosts.cases import objects
from hosts.conftest import Sidecar
from hosts.support import as_yaml, assert_mentions, deployment

# Every way in which a kustomization refers to a file or folder.
EVERYTHING: Files = {
    "everything/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- web.yaml
- widget.yaml
- ./nested/../nested/deep.yaml
- ../base
- ../linked
components: [../component]
configMapGenerator:
- name: files
  files: [settings/app.ini, renamed=settings/linked.ini, 'with space=settings/a b']
- name: envs
  envs: [settings/one.env]
secretGenerator:
- name: env
  env: settings/two.env
patches:
- path: patches/json.yaml
  target: {kind: Deployment}
patchesStrategicMerge:
- patches/merge.yaml
- |-
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: web, labels: {inline: "yes"}}
patchesJson6902:
- path: patches/json6902.yaml
  target: {group: apps, version: v1, kind: Deployment, name: web}
replacements:
- path: replacements/source.yaml
configurations: [kustomize/images.yaml]
crds: [kustomize/crds.json]
openapi:
  path: kustomize/schema.json
generators: [plugins/generator.yaml, ../plugins]
transformers: [plugins/transformer.yaml]
validators: []
""",
    "everything/web.yaml": deployment(),
    "everything/widget.yaml": """\
apiVersion: example.com/v1
kind: Widget
metadata: {name: widget}
spec:
  image: nginx
  configMapRef: {name: files}
  parts: [{name: a, size: 1}]
""",
    "everything/nested/deep.yaml": CONFIG_MAP.replace("fetched", "deep"),
    "everything/settings/app.ini": "a",
    "everything/settings/a b": "b",
    "everything/shared/linked.ini": "c",
    "everything/settings/one.env": "A=1\n",
    "everything/settings/two.env": "B=2\n",
    "everything/patches/json.yaml": "- {op: add, path: /metadata/labels/json, value: a}\n",
    "everything/patches/merge.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web, labels: {merge: a}}
""",
    "everything/patches/json6902.yaml": "- {op: add, path: /metadata/labels/json6902, value: a}\n",
    "everything/replacements/source.yaml": """\
source: {kind: Widget, fieldPath: spec.image}
targets:
- select: {kind: Deployment}
  fieldPaths: ['spec.template.spec.containers.0.image']
""",
    "everything/kustomize/images.yaml": "images: [{path: spec/image, kind: Widget}]\n",
    "everything/kustomize/crds.json": """\
{"example.com/v1.Widget": {"Schema": {"description": "", "properties": {"spec": {"$ref": "example.com/v1.Spec"}}}},
 "example.com/v1.Spec": {"Schema": {"properties": {"configMapRef": {"x-kubernetes-object-ref-api-version": "v1",
 "x-kubernetes-object-ref-kind": "ConfigMap", "properties": {"name": {"type": "string"}}}}}}}
""",
    "everything/kustomize/schema.json": '{"definitions": {}}',
    "everything/plugins/generator.yaml": as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "ConfigMapGenerator",
            "metadata": {"name": "of-a-config"},
            "files": ["key=settings/of-generator"],
            "envs": ["settings/one.env"],
        }
    ),
    "everything/settings/of-generator": "d",
    "plugins/kustomization.yaml": "resources: [generator.yaml]\n",
    "plugins/generator.yaml": as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "ConfigMapGenerator",
            "metadata": {"name": "of-a-built-config"},
            "files": ["settings/of-folder"],
        }
    ),
    "everything/settings/of-folder": "e",
    "everything/plugins/transformer.yaml": as_yaml(
        {
            "apiVersion": "builtin",
            "kind": "PatchTransformer",
            "metadata": {"name": "t"},
            "path": "patches/of-transformer.yaml",
            "target": {"kind": "Deployment"},
        }
    ),
    "everything/patches/of-transformer.yaml": "- {op: add, path: /metadata/labels/transformer, value: a}\n",
    "base/kustomization.yml": "resources: [a.yaml]\nnamePrefix: base-\n",
    "base/a.yaml": CONFIG_MAP,
    "elsewhere/linked/Kustomization": "configMapGenerator: [{name: linked, files: [../linked/f]}]\n",
    "elsewhere/linked/f": "f",
    "component/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
configMapGenerator: [{name: component, files: [f]}]
""",
    "component/f": "f",
}
OVERLAY: Files = {"kustomization.yaml": "resources: [../everything]\ngenerators: [gmsa.yaml]\n", "gmsa.yaml": CONFIG}


def everything(folder: Folder) -> Path:
    root = folder({**EVERYTHING, **below("app", OVERLAY)})
    (root / "linked").symlink_to("elsewhere/linked")
    (root / "everything/more").symlink_to("shared")
    (root / "everything/settings/linked.ini").symlink_to("../more/linked.ini")
    return root


def test_everything_that_a_kustomization_refers_to_is_there(
    server: CmpServer, sidecar: Sidecar, folder: Folder
) -> None:
    root = everything(folder)
    wanted = by_identity(objects(sidecar.run(root / "everything", "kustomize", "build", ".")))
    found = server.objects(root, "app")
    assert len(wanted) >= 10
    assert {identity: found.get(identity) for identity in wanted} == wanted


LIST_FILES = """\
#!/bin/sh
cd "$(dirname "$PWD")" && find . -type f -o -type l | sort >&2
exit 1
"""


def seen_by(name: str, sidecar: Sidecar, program: Path, root: Path, programs: Path) -> set[str]:
    """The files that a program of this name would see, as paths in the repository with the application in `app`."""
    (programs / name).write_text(LIST_FILES)
    (programs / name).chmod(0o755)
    own = sidecar.with_programs(programs).with_environ(ARGOCD_APP_SOURCE_PATH="app")
    done = own.try_to_run(root / "app", program, "argocd", "generate")
    return {line.removeprefix(f"{name}: ./") for line in done.stderr.splitlines() if line.startswith(f"{name}: ./")}


def test_kustomize_sees_what_is_reached_and_nothing_else(
    sidecar: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files: Files = {
        "app/kustomization.yaml": "generators: [gmsa.yaml]\nresources: [a.yaml, ../base, linked]\n",
        "app/gmsa.yaml": CONFIG,
        "app/a.yaml": CONFIG_MAP,
        "app/other.yaml": CONFIG_MAP,
        "app/.git/config": "a token",
        "base/kustomization.yaml": "commonAnnotations: {a: settings, b: other.yaml}\nresources: [settings/a.yaml]\n",
        "base/settings/a.yaml": CONFIG_MAP,
        "base/settings/b.yaml": CONFIG_MAP,
        "base/other.yaml": CONFIG_MAP,
        "real/kustomization.yaml": "namePrefix: a-\n",
        "real/other.yaml": "",
        "other/kustomization.yaml": "resources: []\n",
    }
    root = folder(files)
    (root / "app/linked").symlink_to("../real")
    seen = seen_by("kustomize", sidecar, program, root, tmp_path_factory.mktemp("programs"))
    own = {"app/kustomization.yaml", "app/gmsa.yaml", "app/a.yaml", "app/linked", "app/gmsa-krm-1.yaml"}
    others = {"base/kustomization.yaml", "base/settings/a.yaml", "real/kustomization.yaml"}
    assert seen == own | others


def test_helm_sees_the_chart_and_what_its_links_lead_to(
    sidecar: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {**below("app", SMALL_CHART), "app/.git/config": "a token", "shared/a.yaml": "", "other/b.yaml": ""}
    root = folder({**files, "other/c/d.yaml": "", "more/e.yaml": ""})
    (root / "app/templates/shared").symlink_to("../../shared")
    (root / "shared/c").symlink_to("../other/c")
    seen = seen_by("helm", sidecar, program, root, tmp_path_factory.mktemp("programs"))
    links = {"app/templates/shared", "shared/a.yaml", "shared/c", "other/c/d.yaml"}
    assert seen == {"app/Chart.yaml", "app/templates/gmsa.yaml"} | links


def test_links_in_a_chart_are_followed(server: CmpServer, folder: Folder) -> None:
    root = folder({**below("app", SMALL_CHART), "shared/a.yaml": CONFIG_MAP})
    (root / "app/templates/shared.yaml").symlink_to("../../shared/a.yaml")
    assert ("ConfigMap", "", "fetched") in server.objects(root, "app")


def test_a_dependency_by_way_of_a_link_is_there(server: CmpServer, folder: Folder) -> None:
    files = {**below("app", umbrella("file://../charts/gmsa")), "app/templates/gmsa.yaml": CONFIG}
    files["app/values.yaml"] = ""
    chart = {"Chart.yaml": "apiVersion: v2\nname: gmsa\nversion: 0.1.0\n", "templates/a.yaml": CONFIG_MAP}
    root = folder({**files, **below("elsewhere/gmsa", chart), "other/a.yaml": ""})
    (root / "charts").symlink_to("elsewhere")
    assert ("ConfigMap", "", "fetched") in server.objects(root, "app")


def test_a_link_that_leads_nowhere_or_to_itself_is_reported_by_kustomize(server: CmpServer, folder: Folder) -> None:
    root = folder({**KUSTOMIZATION, "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [a.yaml]\n"})
    (root / "a.yaml").symlink_to("b.yaml")
    assert_mentions(server.failure(root), "kustomize build", "a.yaml")
    (root / "b.yaml").symlink_to("a.yaml")
    assert_mentions(server.failure(root), "kustomize build", "a.yaml")


def test_a_fifo_hangs_nothing(sidecar: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({**KUSTOMIZATION, "kustomization.yaml": "generators: [gmsa.yaml]\nresources: [a.yaml]\n"})
    os.mkfifo(root / "a.yaml")
    done = sidecar.try_to_run(root, program, "argocd", "generate")
    assert_mentions(done.stderr, "kustomize build failed", "a.yaml")


# Files that are written beside those of the repository

OUTPUT = "gmsa-krm-1.yaml"


@pytest.mark.parametrize("name", [OUTPUT, f"b/../{OUTPUT}", f"a: /../{OUTPUT}"])
def test_a_missing_file_has_no_name_of_a_file_that_is_written(name: str, server: CmpServer, folder: Folder) -> None:
    text = as_yaml({"resources": [name], "generators": ["gmsa.yaml"]})
    message = server.failure(folder({"kustomization.yaml": text, "gmsa.yaml": CONFIG, "b/x": ""}))
    assert_mentions(message, "kustomize build", OUTPUT, "no such file")


def test_files_that_are_written_do_not_stand_in_the_way(server: CmpServer, folder: Folder) -> None:
    files: Files = {
        "kustomization.yaml": f"generators: [gmsa.yaml]\nresources: [{OUTPUT}]\n",
        "gmsa.yaml": CONFIG,
        OUTPUT: CONFIG_MAP,
    }
    assert ("ConfigMap", "", "fetched") in server.objects(folder(files))
