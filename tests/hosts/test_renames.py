"""kustomize's transformers over what a generator makes and over manifests: what comes out fits together, or `lint` says so.

The real kustomize and kubectl build; `references` judges by the Kubernetes API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, Call, Folder, as_function, build, kubectl
from hosts.references import broken, credspecs_of, grants, pods
from hosts.support import CERT_MANAGER, CONTOSO, NO_ADMISSION, as_yaml, gmsa_config

NAME = "gmsa-webapp1"
ACCOUNT = {"name": "webapp1", "namespace": "web"}
WINDOWS = {"windowsOptions": {"gmsaCredentialSpecName": NAME}}
REFERENCES = "references.yaml"
# The pod templates of Kubernetes: https://kubernetes.io/docs/reference/kubernetes-api/
KINDS = {
    "Pod": ("v1", ()),
    "PodTemplate": ("v1", ("template",)),
    "ReplicationController": ("v1", ("spec", "template")),
    "DaemonSet": ("apps/v1", ("spec", "template")),
    "Deployment": ("apps/v1", ("spec", "template")),
    "ReplicaSet": ("apps/v1", ("spec", "template")),
    "StatefulSet": ("apps/v1", ("spec", "template")),
    "Job": ("batch/v1", ("spec", "template")),
    "CronJob": ("batch/v1", ("spec", "jobTemplate", "spec", "template")),
}


def workload(kind: str = "Deployment", api: str = "", namespace: str = "web", **pod: Any) -> dict[str, Any]:
    """A workload whose pod, container and init container name the credential spec."""
    api_version, path = KINDS.get(kind, ("", ("spec", "template")))
    container = {"name": "iis", "image": "iis:1", "securityContext": WINDOWS}
    spec = {
        "serviceAccountName": ACCOUNT["name"],
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "securityContext": WINDOWS,
        "containers": [container],
        "initContainers": [{**container, "name": "first"}],
        **pod,
    }
    template: dict[str, Any] = {"metadata": {"labels": {"app": kind}}, "spec": spec}
    metadata = {"name": kind.lower(), **({"namespace": namespace} if namespace else {})}
    if not path:
        return {"apiVersion": api_version, "kind": kind, "metadata": {**metadata, **template["metadata"]}, "spec": spec}
    data: dict[str, Any] = template
    for key in reversed(path):
        data = {key: data}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        data["spec"]["selector"] = {"matchLabels": {"app": kind}}
    return {"apiVersion": api or api_version, "kind": kind, "metadata": metadata, **data}


CREDSPEC = {
    "apiVersion": "windows.k8s.io/v1",
    "kind": "GMSACredentialSpec",
    "metadata": {"name": NAME},
    "credspec": {
        "ActiveDirectoryConfig": {
            "GroupManagedServiceAccounts": [
                {"Name": "WebApp1", "Scope": "CONTOSO"},
                {"Name": "WebApp1", "Scope": "contoso.com"},
            ]
        },
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": CONTOSO["dnsName"],
            "DnsTreeName": CONTOSO["dnsName"],
            "Guid": CONTOSO["guid"],
            "MachineAccountName": "WebApp1",
            "NetBiosName": CONTOSO["netBiosName"],
            "Sid": CONTOSO["sid"],
        },
    },
}
# What grants its use by hand.
ACCESS = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": ACCOUNT},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "use"},
        "rules": [
            {
                "apiGroups": ["windows.k8s.io"],
                "resources": ["gmsacredentialspecs"],
                "resourceNames": [NAME],
                "verbs": ["use"],
            }
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "use", "namespace": "web"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use"},
        "subjects": [{"kind": "ServiceAccount", **ACCOUNT}],
    },
]
APP = gmsa_config(admission=NO_ADMISSION, serviceAccounts=[{**ACCOUNT, "tokenSecret": True}])
PLATFORM = gmsa_config(webhook=CERT_MANAGER, serviceAccounts=[ACCOUNT])


class Kustomizations:
    """Writes kustomizations with the file of name references, builds them with each host, and lints them."""

    def __init__(self, call: Call, folder: Folder, programs: Mapping[str, Path | str], home: Path) -> None:
        self._call = call
        self._folder = folder
        self._programs = programs
        self._home = home

    def write(self, files: Mapping[str, str]) -> None:
        references = self._call("schema", "--name-references").stdout
        # kustomize reads only what is in or below the folder of a kustomization.
        folders = {file.rpartition("kustomization.yaml")[0] for file in files if file.endswith("kustomization.yaml")}
        self._folder({**{f"{it}{REFERENCES}": references for it in folders}, **files})

    def app(self, config: str, *resources: Any, **fields: Any) -> None:
        """One kustomization, with `config` as generator unless `fields` say otherwise."""
        lists = {} if "transformers" in fields or not config else {"generators": ["gmsa.yaml"]}
        self.write(
            {
                "kustomization.yaml": as_yaml({"resources": ["web.yaml"], **lists, **fields}),
                "gmsa.yaml": config,
                "web.yaml": yaml.safe_dump_all(resources),
            }
        )

    def built(self, folder: str = ".") -> list[list[dict[str, Any]]]:
        """What each program builds: kustomize with the config as exec function, kubectl as legacy plugin."""
        root = self._folder({}) / folder
        configs = {path: path.read_text() for path in self._folder({}).rglob("gmsa.yaml")}
        outputs = []
        for name, program in self._programs.items():
            for path, text in configs.items():
                path.write_text(as_function(text) if name == "function" else text)
            done = build(program, root, self._home, *(["--enable-exec"] if name == "function" else []))
            assert done.returncode == 0, done.stderr
            outputs.append([it for it in yaml.safe_load_all(done.stdout) if it])
        for path, text in configs.items():
            path.write_text(text)
        return outputs

    def lint(self) -> list[str]:
        """The places where names are changed that others need, with the messages."""
        root = self._folder({})
        found = json.loads(self._call("lint", "--format", "json", root).stdout)
        return [
            f"{it['file'].removeprefix(f'{root}/')}:{it['line']}: {it['message']}"
            for it in found
            if it["rule"] == "renamed-objects"
        ]


@pytest.fixture
def kustomizations(call: Call, folder: Folder, kustomize: Path, plugin_home: Path) -> Kustomizations:
    programs = {"function": kustomize, "legacy": kubectl() or kustomize}
    return Kustomizations(call, folder, programs, plugin_home)


def uses(objects: list[dict[str, Any]]) -> set[str]:
    return {name for _, template in pods(objects) for name in credspecs_of(template["spec"])}


FOLLOWED: dict[str, dict[str, Any]] = {
    "namePrefix": {"namePrefix": "p-"},
    "nameSuffix": {"nameSuffix": "-s"},
    "both": {"namePrefix": "p-", "nameSuffix": "-s"},
    "namespace": {"namespace": "shop"},
    "all": {"namePrefix": "p-", "nameSuffix": "-s", "namespace": "shop"},
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_with_name_references_every_kind_of_workload_follows(name: str, kustomizations: Kustomizations) -> None:
    fields = FOLLOWED[name]
    # kustomize's own namespace gives one to all; without it, only what has none is followed.
    namespace = "web" if "namespace" in fields else ""
    account = {**ACCOUNT, "namespace": namespace or "default"}
    used_by = [{"namespace": account["namespace"], "serviceAccounts": [account["name"]]}]
    config = gmsa_config(
        credspecs=[{"account": "WebApp1", "usedBy": used_by}],
        admission=NO_ADMISSION,
        serviceAccounts=[{**account, "tokenSecret": True}],
    )
    kustomizations.app(
        config, *(workload(kind, namespace=namespace) for kind in KINDS), **fields, configurations=[REFERENCES]
    )
    wanted = f"{fields.get('namePrefix', '')}{NAME}{fields.get('nameSuffix', '')}"
    for objects in kustomizations.built():
        for it in objects:
            if it["kind"] in KINDS:
                it["metadata"].setdefault("namespace", "default")  # as kubectl does
        assert len(list(pods(objects))) == len(KINDS)
        assert uses(objects) == {wanted}
        assert broken(objects) == set()
        assert {credspec for _, _, credspec in grants(objects)} == {wanted}
    assert kustomizations.lint() == []


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "namePrefix without name references": (APP, {"namePrefix": "p-"}),
    "nameSuffix without name references": (APP, {"nameSuffix": "-s"}),
    "namePrefix, and pods with a namespace of their own": (APP, {"namePrefix": "p-", "configurations": [REFERENCES]}),
    "namePrefix of the webhook": (PLATFORM, {"namePrefix": "p-", "namespace": "web", "configurations": [REFERENCES]}),
    "nameSuffix of the webhook": (PLATFORM, {"nameSuffix": "-s", "namespace": "web", "configurations": [REFERENCES]}),
    "namespace of the webhook": (PLATFORM, {"namespace": "web"}),
    "namespace of a binding alone": (gmsa_config(admission=NO_ADMISSION), {"namespace": "shop"}),
    "namePrefix in mode Policy": (
        gmsa_config(admission={"mode": "Policy"}, serviceAccounts=[ACCOUNT]),
        {"namePrefix": "p-", "namespace": "web", "configurations": [REFERENCES]},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_kustomize_cannot_follow_is_an_error_with_a_cure_that_works(
    name: str, kustomizations: Kustomizations
) -> None:
    config, fields = BROKEN[name]
    kustomizations.app(config, workload())
    before = [broken(it) for it in kustomizations.built()]
    kustomizations.app(config, workload(), **fields)
    assert all(broken(it) - old for it, old in zip(kustomizations.built(), before, strict=True))
    found = kustomizations.lint()
    assert found
    assert all("under transformers" in it for it in found)
    # The cure. Subjects and pods that are in no manifest are the user's.
    namespace = fields.get("namespace", "web")
    cured = {**fields, "transformers": ["gmsa.yaml"]}
    cured.pop("configurations", None)
    kustomizations.app(config.replace("namespace: web\n", f"namespace: {namespace}\n"), workload(), **cured)
    for objects in kustomizations.built():
        assert not {it for it in broken(objects) if " no ServiceAccount" not in it}
    assert kustomizations.lint() == []


# With their selectors, labels and counts.
HARMLESS: dict[str, dict[str, Any]] = {
    "labels": {"labels": [{"pairs": {"team": "web"}}]},
    "labels with selectors": {"labels": [{"pairs": {"team": "web"}, "includeSelectors": True}]},
    "labels of templates": {"labels": [{"pairs": {"team": "web"}, "includeTemplates": True}]},
    "commonLabels": {"commonLabels": {"team": "web"}},
    "commonAnnotations": {"commonAnnotations": {"team": "web"}},
    "images": {"images": [{"name": "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook", "newName": "mirror.example/w"}]},
    "replicas": {"replicas": [{"name": "gmsa-webhook", "count": 3}]},
    "a patch": {
        "patches": [
            {
                "target": {"kind": "Deployment", "name": "gmsa-webhook"},
                "patch": as_yaml([{"op": "add", "path": "/spec/template/spec/hostAliases", "value": []}]),
            }
        ]
    },
}


@pytest.mark.parametrize("name", HARMLESS)
def test_other_transformers_keep_everything_together(name: str, kustomizations: Kustomizations) -> None:
    kustomizations.app(PLATFORM, workload())
    before = kustomizations.built()
    kustomizations.app(PLATFORM, workload(), **HARMLESS[name])
    for objects, old in zip(kustomizations.built(), before, strict=True):
        assert objects != old
        assert broken(objects) == set()
        assert grants(objects) == grants(old)
    assert kustomizations.lint() == []


# Kustomizations over manifests alone: what is in them, the folder to build, and where an error is.
MANIFESTS: dict[str, tuple[dict[str, Any], list[Any], str, str]] = {
    "without name references": (
        {"kustomization.yaml": {"resources": ["web.yaml"], "namePrefix": "p-", "namespace": "web"}},
        [],
        ".",
        "kustomization.yaml:3",
    ),
    "with name references": (
        {
            "kustomization.yaml": {
                "resources": ["web.yaml"],
                "namePrefix": "p-",
                "namespace": "web",
                "configurations": [REFERENCES],
            }
        },
        [],
        ".",
        "",
    ),
    "pods with a namespace of their own": (
        {"kustomization.yaml": {"resources": ["web.yaml"], "namePrefix": "p-", "configurations": [REFERENCES]}},
        [],
        ".",
        "kustomization.yaml:3",
    ),
    "a kustomize that knows the scope": (
        {
            "kustomization.yaml": {
                "resources": ["web.yaml"],
                "namePrefix": "p-",
                "configurations": [REFERENCES],
                "openapi": {"path": "openapi.json"},
            },
            "openapi.json": {
                "paths": {
                    "/apis/windows.k8s.io/v1/gmsacredentialspecs/{name}": {
                        "get": {
                            "x-kubernetes-group-version-kind": {
                                "group": "windows.k8s.io",
                                "kind": "GMSACredentialSpec",
                                "version": "v1",
                            }
                        }
                    }
                }
            },
        },
        [],
        ".",
        "",
    ),
    "a reference that the user's configuration does not name": (
        {
            "kustomization.yaml": {
                "resources": ["web.yaml"],
                "namePrefix": "p-",
                "namespace": "web",
                "configurations": ["own.yaml"],
            },
            "own.yaml": {
                "nameReference": [
                    {
                        "kind": "GMSACredentialSpec",
                        "fieldSpecs": [
                            {"kind": "ClusterRole", "path": "rules/resourceNames"},
                            {"path": "spec/template/spec/securityContext/windowsOptions/gmsaCredentialSpecName"},
                        ],
                    }
                ]
            },
        },
        [],
        ".",
        "kustomization.yaml:3",
    ),
    "references in the overlay, names in the base": (
        {
            "base/kustomization.yaml": {"resources": ["web.yaml"], "nameSuffix": "-s"},
            "kustomization.yaml": {"resources": ["base"], "namespace": "web", "configurations": [REFERENCES]},
        },
        [],
        ".",
        "",
    ),
    "references in the base, names in the overlay": (
        {
            "base/kustomization.yaml": {"resources": ["web.yaml"], "configurations": [REFERENCES]},
            "kustomization.yaml": {"resources": ["base"], "namespace": "web", "namePrefix": "p-"},
        },
        [],
        ".",
        "",
    ),
    "a component with references": (
        {
            "component/kustomization.yaml": {
                "apiVersion": "kustomize.config.k8s.io/v1alpha1",
                "kind": "Component",
                "configurations": [REFERENCES],
            },
            "kustomization.yaml": {
                "resources": ["web.yaml"],
                "components": ["component"],
                "namespace": "web",
                "namePrefix": "p-",
            },
        },
        [],
        ".",
        "",
    ),
    "a custom kind": (
        {
            "kustomization.yaml": {
                "resources": ["web.yaml"],
                "namePrefix": "p-",
                "namespace": "web",
                "configurations": [REFERENCES],
            },
            "gmsa.yaml": {
                **yaml.safe_load(APP),
                "spec": {
                    **yaml.safe_load(APP)["spec"],
                    "credspecs": [],
                    "existingCredspecs": [NAME],
                    "serviceAccounts": [],
                    "workloadKinds": [{"apiGroup": "argoproj.io", "kind": "Rollout"}],
                },
            },
        },
        [workload("Rollout", "argoproj.io/v1alpha1")],
        ".",
        "kustomization.yaml:3",
    ),
    "pods that name what the cluster has": (
        {"kustomization.yaml": {"resources": ["web.yaml"], "namePrefix": "p-"}, "web.yaml": workload()},
        [],
        ".",
        "",
    ),
    "pods that have the final name": (
        {
            "kustomization.yaml": {"resources": ["base", "web.yaml"]},
            "base/kustomization.yaml": {"resources": ["web.yaml"], "namePrefix": "gmsa-"},
            "base/web.yaml": {**CREDSPEC, "metadata": {"name": "webapp1"}},
            "web.yaml": workload(),
        },
        [],
        ".",
        "",
    ),
}


def refuse_gaps(objects: list[dict[str, Any]]) -> set[str]:
    """What is broken, but for what a test of names leaves to the cluster."""
    return {it for it in broken(objects) if "ServiceAccount" not in it}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_with_a_credential_spec_of_their_own(name: str, kustomizations: Kustomizations) -> None:
    files, more, folder, where = MANIFESTS[name]
    texts = {path: as_yaml(it) for path, it in files.items()}
    if not any(path.endswith("web.yaml") for path in texts):
        home = "base/" if "base/kustomization.yaml" in texts else ""
        texts[f"{home}web.yaml"] = yaml.safe_dump_all([CREDSPEC, *ACCESS, workload(), *more])
    kustomizations.write(texts)
    named = "pods that name what the cluster has"
    for objects in kustomizations.built(folder):
        assert bool(refuse_gaps(objects)) is (bool(where) or name == named), refuse_gaps(objects)
    found = kustomizations.lint()
    assert [it.partition(": ")[0] for it in found] == ([where] if where else []), found


def test_name_references_have_the_kinds_of_a_config(kustomizations: Kustomizations, call: Call, folder: Folder) -> None:
    files, more, *_ = MANIFESTS["a custom kind"]
    root = folder({path: as_yaml(it) for path, it in files.items()})
    folder({"web.yaml": yaml.safe_dump_all([CREDSPEC, *ACCESS, workload(), *more])})
    folder({REFERENCES: call("schema", "--name-references", "--config", root / "gmsa.yaml").stdout})
    for objects in kustomizations.built():
        assert broken(objects) == set()
        assert uses(objects) == {f"p-{NAME}"}
        assert len(list(pods(objects))) == 2
    assert kustomizations.lint() == []


def test_a_config_with_mistakes_gives_no_name_references(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": APP.replace("WebApp1", "WebApp1$")})
    done = call("schema", "--name-references", "--config", root / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "spec.credspecs[0].account" in done.stderr


def test_a_privileged_namespace_is_not_to_be_renamed(kustomizations: Kustomizations) -> None:
    nodes = gmsa_config(admission=NO_ADMISSION, nodes={"smbCompartmentNamespace": True}, serviceAccounts=[ACCOUNT])
    kustomizations.app(nodes, workload(), namespace="shop")
    for objects in kustomizations.built():
        (namespace,) = (it["metadata"] for it in objects if it["kind"] == "Namespace")
        assert namespace["name"] == "shop"
        assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert [it for it in kustomizations.lint() if "privileged" in it]


def transformer(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "builtin", "kind": kind, "metadata": {"name": "t"}, **fields}


FIELDS = {"fieldSpecs": [{"path": "metadata/name"}]}
# kustomize's transformers as objects, in a file and written into the kustomization; whether something breaks.
LISTED: dict[str, tuple[str, dict[str, Any], dict[str, Any], bool]] = {
    "prefix": (APP, transformer("PrefixTransformer", prefix="p-", **FIELDS), {}, True),
    "prefix, followed": (
        gmsa_config(admission=NO_ADMISSION),
        transformer("PrefixTransformer", prefix="p-", **FIELDS),
        {"namespace": "web", "configurations": [REFERENCES]},
        False,
    ),
    "suffix": (APP, transformer("SuffixTransformer", suffix="-s", **FIELDS), {}, True),
    "suffix of Deployments": (
        APP,
        transformer("SuffixTransformer", suffix="-s", fieldSpecs=[{"path": "metadata/name", "kind": "Deployment"}]),
        {},
        False,
    ),
    "namespace": (
        gmsa_config(admission=NO_ADMISSION),
        transformer("NamespaceTransformer", metadata={"name": "t", "namespace": "shop"}),
        {},
        True,
    ),
    "namespace with all subjects": (
        gmsa_config(admission=NO_ADMISSION),
        transformer(
            "NamespaceTransformer",
            metadata={"name": "t", "namespace": "shop"},
            setRoleBindingSubjects="allServiceAccounts",
        ),
        {},
        False,
    ),
}


@pytest.mark.parametrize("is_written", [False, True], ids=["in a file", "written"])
@pytest.mark.parametrize("name", LISTED)
def test_transformers_that_are_listed_count_too(name: str, is_written: bool, kustomizations: Kustomizations) -> None:
    config, listed, fields, is_broken = LISTED[name]
    entry = as_yaml(listed) if is_written else "t.yaml"
    kustomizations.app(config, workload(), generators=["gmsa.yaml"], **fields)
    before = [broken(it) for it in kustomizations.built()]
    kustomizations.app(config, workload(), generators=["gmsa.yaml"], transformers=[entry], **fields)
    kustomizations.write({} if is_written else {"t.yaml": as_yaml(listed)})
    for objects, old in zip(kustomizations.built(), before, strict=True):
        assert len(broken(objects)) > len(old) if is_broken else len(broken(objects)) <= len(old)
    found = kustomizations.lint()
    assert bool(found) is is_broken, found
    assert all(it.startswith("kustomization.yaml:" if is_written else "t.yaml:") for it in found)


def test_patches_name_credential_specs_too(kustomizations: Kustomizations) -> None:
    bare = workload(securityContext={}, initContainers=[], containers=[{"name": "iis", "image": "iis:1"}])
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "deployment", "namespace": "web"},
        "spec": {"template": {"spec": {"securityContext": WINDOWS}}},
    }
    kustomizations.write({"patch.yaml": as_yaml(patch)})
    for entry in ({"path": "patch.yaml"}, {"patch": as_yaml(patch)}):
        for more, is_broken in (({}, True), ({"namespace": "web", "configurations": [REFERENCES]}, False)):
            kustomizations.app("", CREDSPEC, bare, namePrefix="p-", patches=[entry], **more)
            for objects in kustomizations.built():
                assert uses(objects) == {NAME if is_broken else f"p-{NAME}"}
            assert bool(kustomizations.lint()) is is_broken


def test_the_job_of_diagnostics_is_named_by_its_namespace(kustomizations: Kustomizations) -> None:
    config = yaml.safe_load(APP)
    config["spec"]["credspecs"][0] |= {"diagnostics": {"namespace": "web", "serviceAccount": "webapp1"}}
    for more, is_broken in (({}, True), ({"namespace": "web"}, False)):
        kustomizations.app(as_yaml(config), namePrefix="p-", configurations=[REFERENCES], **more)
        for objects in kustomizations.built():
            assert bool(broken(objects)) is is_broken
        assert bool(kustomizations.lint()) is is_broken


def test_what_a_transformer_writes_is_renamed_above_it(kustomizations: Kustomizations) -> None:
    config = yaml.safe_load(APP)
    config["spec"]["workloads"] = [{"match": {"kinds": ["Deployment"]}, "credspec": NAME}]
    bare = workload(securityContext={}, initContainers=[], containers=[{"name": "iis", "image": "iis:1"}])
    base = {"resources": ["web.yaml"], "transformers": ["gmsa.yaml"]}
    for more, is_broken in (({}, True), ({"namespace": "web"}, False)):
        overlay = {"resources": ["base"], "namePrefix": "p-", "configurations": [REFERENCES], **more}
        kustomizations.write(
            {
                "kustomization.yaml": as_yaml(overlay),
                "base/kustomization.yaml": as_yaml(base),
                "base/gmsa.yaml": as_yaml(config),
                "base/web.yaml": as_yaml(bare),
            }
        )
        for objects in kustomizations.built():
            assert uses(objects) == {NAME if is_broken else f"p-{NAME}"}
        assert bool(kustomizations.lint()) is is_broken


def test_the_example_in_the_docs(kustomizations: Kustomizations) -> None:
    text = (ROOT / "kustomize/README.md").read_text()
    (example,) = (it for it in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "configurations:" in it)
    files = {"kustomization.yaml": example, "gmsa.yaml": APP, "deployment.yaml": as_yaml(workload())}
    references = (ROOT / "kustomize/name-references.yaml").read_text()
    kustomizations.write({**files, "name-references.yaml": references})
    for objects in kustomizations.built():
        assert uses(objects) == {f"shop-{NAME}"}
        assert grants(objects) == {("shop", "shop-webapp1", f"shop-{NAME}")}
        assert broken(objects) == set()
    assert kustomizations.lint() == []


def test_each_cure_is_one_that_the_next_run_accepts(kustomizations: Kustomizations) -> None:
    fields: dict[str, Any] = {"namePrefix": "p-"}
    kustomizations.app("", CREDSPEC, *ACCESS, workload(), **fields)
    (found,) = kustomizations.lint()
    assert "namespace: web" in found
    assert "schema --name-references" in found
    kustomizations.app("", CREDSPEC, *ACCESS, workload(), **fields, namespace="web", configurations=[REFERENCES])
    assert kustomizations.lint() == []
    # Or the credential spec goes elsewhere.
    kustomizations.app("", workload(), **fields)
    assert kustomizations.lint() == []
