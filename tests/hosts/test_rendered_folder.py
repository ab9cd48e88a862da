"""`render -o DIR` as kustomize, `kubectl apply -k` and Flux read it: by its kustomization.yaml."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from build import tool
from conftest import ROOT, Call, Folder, kubectl
from hosts.cases import CASES, ENV, Case
from hosts.support import assert_mentions, deployment, gmsa_config

CONFIG = gmsa_config(admission={"mode": "Policy"})
MINE = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: mine\n"
THEIRS = "resources:\n- mine.yaml\n"


def built(program: Path | str, folder: Path, verb: str = "build") -> list[object]:
    done = subprocess.run([program, verb, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kustomize_builds_what_render_gives_in_its_order(
    case: Case, kustomize: Path, call: Call, tmp_path: Path
) -> None:
    rendered = call("render", case.config, *case.manifests, env=ENV)
    assert call("render", case.config, *case.manifests, "-o", tmp_path / "out", env=ENV).status == 0
    assert built(kustomize, tmp_path / "out") == rendered.objects


def test_kustomize_builds_json_too(kustomize: Path, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    rendered = call("render", root / "gmsa.yaml", root / "web.yaml")
    arguments = ("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / "out", "--format", "json")
    assert call(*arguments).status == 0
    assert built(kustomize, root / "out") == rendered.objects


@pytest.mark.skipif(kubectl() is None, reason="there is no kubectl")
def test_kubectl_builds_the_same(call: Call, tmp_path: Path) -> None:
    config = ROOT / "kustomize/quickstart"
    assert call("render", config, "-o", tmp_path / "out").status == 0
    assert built(kubectl() or "", tmp_path / "out", "kustomize") == call("render", config).objects


def test_each_run_writes_the_same_bytes(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    found = []
    for out in ("one", "two", "two"):
        assert call("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / out).status == 0
        found.append({it.name: it.read_bytes() for it in (root / out).iterdir()})
    assert found[0] == found[1] == found[2]
    assert "kustomization.yaml" in found[0]


CASES_OF_A_NAME = """\
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: Reader}, rules: []}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: reader}, rules: []}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: READER_2}, rules: []}
"""


def test_no_two_files_are_one_where_case_does_not_count(kustomize: Path, call: Call, folder: Folder) -> None:
    """As on macOS and Windows: names of RBAC differ in case, and there one file would replace the other."""
    root = folder({"gmsa.yaml": CONFIG, "roles.yaml": CASES_OF_A_NAME})
    assert call("render", root, "-o", root / "out").status == 0
    names = [it.name.lower() for it in (root / "out").iterdir()]
    assert sorted(set(names)) == sorted(names)
    assert sum("clusterrole-reader" in it for it in names) == 3
    assert built(kustomize, root / "out") == call("render", root / "gmsa.yaml", root / "roles.yaml").objects


def test_an_object_that_is_gone_leaves_the_kustomization(kustomize: Path, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    assert call("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / "out").status == 0
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    assert built(kustomize, root / "out") == call("render", root / "gmsa.yaml").objects


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_of_the_user_s_is_kept_with_a_message(name: str, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, f"out/{name}": THEIRS, "out/mine.yaml": "mine"})
    done = call("render", root / "gmsa.yaml", "-o", root / "out")
    assert done.status == 0
    assert_mentions(
        done.stderr,
        f"{root}/out/{name} was not written by gmsa-krm",
        "11-customresourcedefinition",
        "more to its resources",
    )
    assert (root / "out" / name).read_text() == THEIRS
    kustomizations = [it.name for it in (root / "out").iterdir() if it.name.lower().startswith("kustomization")]
    assert kustomizations == [name]  # kustomize refuses a folder with two
    assert call("render", root / "gmsa.yaml", "-o", root / "out", "-q").stderr == ""


def test_a_kustomization_of_the_user_s_that_names_all_files_needs_no_message(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    names = sorted(it.name for it in (root / "out").glob("[0-9]*.yaml"))
    folder({"out/kustomization.yaml": yaml.safe_dump({"resources": names, "namePrefix": "a-"})})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").stderr == ""


def test_one_of_render_s_own_makes_way_for_one_of_the_user_s(call: Call, folder: Folder) -> None:
    """A folder with two is refused by kustomize."""
    root = folder({"gmsa.yaml": CONFIG})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    folder({"out/Kustomization": THEIRS})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    assert not (root / "out/kustomization.yaml").exists()
    assert (root / "out/Kustomization").read_text() == THEIRS


def test_a_link_is_not_replaced(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "victim": "# written by gmsa-krm render\n", "out/mine.yaml": ""})
    (root / "out/kustomization.yaml").symlink_to(root / "victim")
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    assert (root / "out/kustomization.yaml").is_symlink()
    assert (root / "victim").read_text() == "# written by gmsa-krm render\n"


def test_render_and_lint_pass_over_it(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    before = call("render", root)
    assert call("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / "out").status == 0
    again = call("render", root / "gmsa.yaml", root / "out")
    assert again.stdout == before.stdout
    assert call("lint", root / "out").status == 0


def test_kustomize_can_add_to_it_from_another_folder(call: Call, folder: Folder) -> None:
    """As its first line says."""
    root = folder({"gmsa.yaml": CONFIG, "kustomization.yaml": "resources: [out]\ncommonAnnotations: {team: web}\n"})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    objects = built(tool("kustomize"), root)
    assert len(objects) == len(call("render", root / "gmsa.yaml").objects)


@pytest.mark.parametrize("option", ["-o", "--chart"])
@pytest.mark.parametrize("out", ["out", "a/../out", "link"])
def test_what_was_written_is_not_read_again_with_the_folder_around_it(
    option: str, out: str, call: Call, folder: Folder
) -> None:
    """What was removed from the config would be emitted by its own earlier output, with the access that it gave."""
    root = folder(
        {"gmsa.yaml": config_of("WebApp1", "WebApp2"), "web.yaml": deployment(), "out/mine.yaml": MINE, "a/b": ""}
    )
    (root / "link").symlink_to("out")
    assert call("render", root, option, root / out).status == 0
    (root / "gmsa.yaml").write_text(config_of("WebApp1"))
    done = call("render", root, option, root / out)
    assert done.status == 0, done.stderr
    written = [it.name for it in (root / "out").rglob("*.yaml")]
    assert not [it for it in written if "webapp2" in it]
    assert len([it for it in written if "deployment" in it]) == 1
    assert len([it for it in written if "configmap-mine" in it]) == 1


def test_what_was_written_is_read_where_it_is_named(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "web.yaml": deployment()})
    assert call("render", root / "gmsa.yaml", root / "web.yaml", "-o", root / "out").status == 0
    (file,) = (root / "out").glob("*-deployment-*")
    for path in (root / "out", file):
        assert call("render", root / "gmsa.yaml", path, "-o", root / "out").status == 0
        assert file.exists()


def config_of(*accounts: str) -> str:
    users = [{"namespace": "web", "serviceAccounts": ["webapp1"]}]
    return gmsa_config(admission={"mode": "None"}, credspecs=[{"account": it, "usedBy": users} for it in accounts])


@pytest.mark.parametrize("option", ["-o", "--chart"])
def test_a_file_in_place_of_the_folder_is_kept_and_named(option: str, call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": gmsa_config(), "out.yaml": "mine"})
    done = call("render", root / "gmsa.yaml", option, root / "out.yaml")
    assert (done.status, done.stdout) == (3, "")
    assert_mentions(done.stderr, f"{root}/out.yaml is a file", "redirect stdout")
    assert (root / "out.yaml").read_text() == "mine"
