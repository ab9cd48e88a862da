"""What is emitted and is already among the documents: kept, set back, or somebody else's."""

from __future__ import annotations

import pytest
import yaml

from builders import gmsa_config
from conftest import Call, Folder

CONFIG = gmsa_config("""
    admission: {mode: None}
    credspecs:
    - account: WebApp1
      usedBy: FromWorkloads
""")


def edited(call: Call, folder: Folder, key: str, value: object) -> str:
    """The ClusterRole of an earlier run, with another value under a key of its metadata."""
    role = call("render", folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml").object("ClusterRole")
    role["metadata"][key] = value
    text: str = yaml.safe_dump(role)
    return text


@pytest.mark.parametrize("value", ["text", ["a"], 5])
def test_annotations_that_are_not_a_mapping_are_set_back(value: object, call: Call, folder: Folder) -> None:
    """They ended in a traceback."""
    root = folder({"role.yaml": edited(call, folder, "annotations", value)})
    done = call("render", root)
    assert done.status == 0, done.stderr
    assert "ClusterRole use-gmsa-webapp1 differs from what the config gives, and is replaced" in done.stderr
    assert "annotations" not in done.object("ClusterRole")["metadata"]


@pytest.mark.parametrize("value", ["text", ["a"], {"app.kubernetes.io/managed-by": "Helm"}])
def test_an_object_without_our_label_is_somebody_elses(value: object, call: Call, folder: Folder) -> None:
    root = folder({"role.yaml": edited(call, folder, "labels", value)})
    done = call("render", root)
    assert (done.status, done.stdout) == (1, "")
    assert "ClusterRole use-gmsa-webapp1 is also emitted for spec.credspecs[0]; remove it here" in done.stderr


def test_labels_and_annotations_of_other_tools_stay(call: Call, folder: Folder) -> None:
    root = folder({"role.yaml": edited(call, folder, "annotations", {"argocd.argoproj.io/sync-wave": "1"})})
    done = call("render", root)
    assert (done.status, done.stderr) == (0, "")
    assert done.object("ClusterRole")["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "1"}


@pytest.mark.parametrize("value", [None, ["a"], {"a": "b"}])
def test_annotations_of_another_type_are_set_back(value: object, call: Call, folder: Folder) -> None:
    root = folder({"role.yaml": edited(call, folder, "annotations", {"a": value, "b": "c"})})
    done = call("render", root)
    assert done.status == 0, done.stderr
    assert "is replaced by that" in done.stderr
    assert done.object("ClusterRole")["metadata"]["annotations"] == {"b": "c"}


def test_a_label_does_not_add_the_rules_to_other_roles(call: Call, folder: Folder) -> None:
    role = call("render", folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml").object("ClusterRole")
    labels = role["metadata"]["labels"]
    aggregated = {**labels, "rbac.authorization.k8s.io/aggregate-to-view": "true"}
    done = call("render", folder({"role.yaml": edited(call, folder, "labels", aggregated)}))
    assert done.status == 0, done.stderr
    assert "is replaced by that" in done.stderr
    assert done.object("ClusterRole")["metadata"]["labels"] == labels
