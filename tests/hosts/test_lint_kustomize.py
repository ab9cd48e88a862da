"""`lint` of kustomizations, beside what the real kustomize and kubectl make of them.

Each wiring that is reported fails, makes nothing or breaks names; each that is not reported works.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Call, Folder, as_function, build, environment, kubectl
from hosts.support import CERT_MANAGER, NO_ADMISSION, deployment, gmsa_config

ALL = ("--enable-exec",)
CREDSPEC = "gmsa-webapp1"
# Each has one webhook, so that names and certificate can be compared.
CONFIG = gmsa_config(webhook=CERT_MANAGER, serviceAccounts=[{"name": "webapp1", "namespace": "web"}])
WEB = deployment(
    serviceAccountName="webapp1",
    nodeSelector={"kubernetes.io/os": "windows"},
    securityContext={"windowsOptions": {"gmsaCredentialSpecName": CREDSPEC}},
)
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"


class Repository:
    """Writes a repository with a GMSAConfig as exec function and a workload, lints it and builds kustomizations of it."""

    def __init__(self, call: Call, folder: Folder, kustomize: Path, home: Path) -> None:
        self._call = call
        self._folder = folder
        self._kustomize = kustomize
        self._home = home

    def write(self, files: Mapping[str, str]) -> Path:
        return self._folder({**files})

    def lint(self, *options: str) -> list[tuple[str, str]]:
        """(rule, file:line) of each finding."""
        root = self._folder({})
        done = self._call("lint", "--format", "json", root, *options)
        return [(it["rule"], f"{it['file'].removeprefix(f'{root}/')}:{it['line']}") for it in json.loads(done.stdout)]

    def build(self, folder: str = ".", *flags: str) -> subprocess.CompletedProcess[str]:
        return build(self._kustomize, self._folder({}) / folder, self._home, *(flags or ALL))

    def objects(self, folder: str = ".") -> list[dict[str, Any]]:
        done = self.build(folder)
        assert done.returncode == 0, done.stderr
        return [it for it in yaml.safe_load_all(done.stdout) if it]


@pytest.fixture
def repository(call: Call, folder: Folder, kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(call, folder, kustomize, tmp_path_factory.mktemp("home"))


def names_fit(objects: list[dict[str, Any]]) -> bool:
    """Whether pods and roles name the credspec that is there, and the certificate is for the webhook's Service."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for it in objects:
        by_kind.setdefault(it["kind"], []).append(it)
    credspecs = {it["metadata"]["name"] for it in by_kind.get("GMSACredentialSpec", ())}
    roles = [rule for it in by_kind.get("ClusterRole", ()) for rule in it["rules"] if rule["verbs"] == ["use"]]
    if any(set(rule["resourceNames"]) - credspecs for rule in roles):
        return False
    pods = [it["spec"]["template"]["spec"] for it in by_kind.get("Deployment", ())]
    references = {it["securityContext"].get("windowsOptions", {}).get("gmsaCredentialSpecName") for it in pods}
    if references - {None} - credspecs:
        return False
    for binding in by_kind.get("RoleBinding", ()):
        if any(it.get("namespace") != binding["metadata"]["namespace"] for it in binding["subjects"]):
            return False
    services = {f"{it['metadata']['name']}.{it['metadata']['namespace']}.svc" for it in by_kind.get("Service", ())}
    dns_names = {name for it in by_kind.get("Certificate", ()) for name in it["spec"].get("dnsNames", ())}
    return services <= dns_names


def kustomization(head: str = "", **fields: Any) -> str:
    return head + yaml.safe_dump(fields, sort_keys=False)


def test_under_generators_and_transformers_a_config_is_built_and_free_of_findings(repository: Repository) -> None:
    for field in ("generators", "transformers"):
        repository.write(
            {
                "kustomization.yaml": kustomization(resources=["web.yaml"], **{field: ["gmsa.yaml"]}),
                "gmsa.yaml": as_function(CONFIG),
                "web.yaml": WEB,
            }
        )
        assert repository.lint() == []
        assert names_fit(repository.objects())


def test_under_resources_a_config_reaches_the_cluster_and_is_an_error(repository: Repository) -> None:
    repository.write({"kustomization.yaml": "resources:\n- gmsa.yaml\n", "gmsa.yaml": as_function(CONFIG)})
    assert repository.lint() == [("config-in-resources", "kustomization.yaml:2")]
    assert [it["kind"] for it in repository.objects()] == ["GMSAConfig"]


PLAIN = deployment()
CHANGING = gmsa_config(
    admission=NO_ADMISSION,
    workloads=[{"match": {"names": ["web"]}, "credspec": CREDSPEC, "serviceAccount": "webapp1"}],
)


def has_gmsa(objects: list[dict[str, Any]]) -> bool:
    return any("windowsOptions" in str(it["spec"]) for it in objects if it["kind"] == "Deployment")


def test_a_generator_changes_no_workload_and_is_a_warning(repository: Repository) -> None:
    files = {"gmsa.yaml": as_function(CHANGING), "web.yaml": PLAIN}
    repository.write({**files, "kustomization.yaml": "resources: [web.yaml]\ngenerators:\n- gmsa.yaml\n"})
    assert repository.lint() == [("workloads-in-generator", "kustomization.yaml:3")]
    assert not has_gmsa(repository.objects())
    repository.write({**files, "kustomization.yaml": "resources: [web.yaml]\ntransformers:\n- gmsa.yaml\n"})
    assert repository.lint() == []
    assert has_gmsa(repository.objects())


def test_a_config_that_is_a_transformer_elsewhere_is_no_warning(repository: Repository) -> None:
    repository.write(
        {
            "gmsa.yaml": as_function(CHANGING),
            "web.yaml": PLAIN,
            "objects/kustomization.yaml": "generators: [../gmsa.yaml]\n",
            "app/kustomization.yaml": "resources: [../web.yaml]\ntransformers: [../gmsa.yaml]\n",
        }
    )
    assert repository.lint() == []


def test_a_generator_of_a_folder_of_plugins_is_a_warning(repository: Repository) -> None:
    repository.write(
        {
            "app/kustomization.yaml": "resources: [web.yaml]\ngenerators: [../plugins]\n",
            "app/web.yaml": PLAIN,
            "plugins/kustomization.yaml": "resources: [gmsa.yaml]\n",
            "plugins/gmsa.yaml": as_function(CHANGING),
        }
    )
    assert ("workloads-in-generator", "app/kustomization.yaml:2") in repository.lint()
    assert not has_gmsa(repository.objects("app"))


def test_under_validators_a_config_fails_and_is_an_error(repository: Repository) -> None:
    repository.write(
        {
            "Kustomization": "resources: [web.yaml]\nvalidators:\n- gmsa.yaml\n",
            "gmsa.yaml": as_function(CONFIG),
            "web.yaml": WEB,
        }
    )
    assert repository.lint() == [("validator", "Kustomization:3")]
    assert "validator" in repository.build().stderr


def test_a_folder_that_lists_configs_for_another_kustomization_may_have_them_as_resources(
    repository: Repository,
) -> None:
    repository.write(
        {
            "plugins/kustomization.yaml": "resources: [gmsa.yaml]\nnamePrefix: our-\n",
            "plugins/gmsa.yaml": as_function(CONFIG),
            "app/kustomization.yml": "resources: [web.yaml]\ngenerators: [../plugins]\n",
            "app/web.yaml": WEB,
        }
    )
    assert repository.lint() == []
    assert names_fit(repository.objects("app"))
    # Where an application takes it for resources, too, it is wrong again.
    repository.write({"other/kustomization.yaml": "resources: [../plugins]\n"})
    assert repository.lint() == [("config-in-resources", "plugins/kustomization.yaml:1")]
    assert [it["kind"] for it in repository.objects("other")] == ["GMSAConfig"]


def test_what_another_folder_of_the_git_repository_says_counts(repository: Repository, call: Call) -> None:
    root = repository.write(
        {
            ".git/HEAD": "ref: refs/heads/main\n",
            "plugins/kustomization.yaml": "resources: [gmsa.yaml]\n",
            "plugins/gmsa.yaml": CONFIG,
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/gmsa.yaml": CONFIG,
            "base/web.yaml": WEB,
        }
    )
    assert call("lint", root / "plugins").status == 1
    assert "unused-config" in call("lint", "--format", "json", root / "base").stdout
    repository.write(
        {
            "app/kustomization.yaml": "resources: [../base]\ngenerators: [../plugins]\ntransformers: [../base/gmsa.yaml]\n"
        }
    )
    assert call("lint", root / "plugins").stdout == "no errors, no warnings\n"
    assert call("lint", root / "base").stdout == "no errors, no warnings\n"


def test_a_container_function_needs_no_enable_exec(repository: Repository) -> None:
    container = FUNCTION.replace("exec: {path: gmsa-krm}", "container: {image: example.com/exec/gmsa-krm:v1}")
    repository.write(
        {
            "kustomization.yaml": "generators: [gmsa.yaml]\n",
            "gmsa.yaml": container,
            "deploy.sh": "kubectl kustomize --enable-alpha-plugins . | kubectl apply -f -\n",
        }
    )
    assert repository.lint() == []


def test_a_config_that_kustomize_leaves_out_of_resources_is_unused_only_where_it_is_not_named(
    repository: Repository,
) -> None:
    local = CONFIG.replace("metadata:\n", 'metadata:\n  annotations: {config.kubernetes.io/local-config: "true"}\n', 1)
    repository.write({"kustomization.yaml": "resources: [gmsa.yaml, web.yaml]\n", "gmsa.yaml": local, "web.yaml": WEB})
    assert repository.lint() == []
    assert [it["kind"] for it in repository.objects()] == ["Deployment"]


def test_a_config_beside_a_kustomization_that_does_not_name_it_is_a_warning(repository: Repository) -> None:
    repository.write({"kustomization.yaml": "resources: [web.yaml]\n", "gmsa.yaml": CONFIG, "web.yaml": WEB})
    assert repository.lint() == [("unused-config", "gmsa.yaml:1")]
    assert [it["kind"] for it in repository.objects()] == ["Deployment"]


@pytest.mark.parametrize(
    "files",
    [
        {"Makefile": "deploy:\n\tgmsa-krm render gmsa.yaml | kubectl apply --server-side -f -\n"},
        {"overlay/kustomization.yaml": "transformers: [../gmsa.yaml]\nresources: [..]\n"},
        {"kustomization.yaml": "resources: [web.yaml]\ntransformers: [./gmsa.yaml]\n"},
    ],
    ids=["a script renders it", "an overlay names it", "the path has a dot"],
)
def test_a_config_that_is_used_elsewhere_is_no_warning(files: dict[str, str], repository: Repository) -> None:
    repository.write({"kustomization.yaml": "resources: [web.yaml]\n", "gmsa.yaml": CONFIG, "web.yaml": WEB, **files})
    assert repository.lint() == []


def test_without_a_kustomization_in_its_folder_a_config_needs_none(repository: Repository) -> None:
    repository.write(
        {"gmsa/gmsa.yaml": CONFIG, "app/kustomization.yaml": "resources: [web.yaml]\n", "app/web.yaml": WEB}
    )
    assert repository.lint() == []


def test_a_build_that_is_piped_into_gmsa_krm_may_have_the_config_among_its_resources(
    repository: Repository, call: Call
) -> None:
    repository.write(
        {
            "kustomization.yaml": "resources: [gmsa.yaml, web.yaml]\n",
            "gmsa.yaml": CONFIG,
            "web.yaml": WEB,
            "deploy.sh": "kustomize build . | gmsa-krm render - | kubectl apply --server-side -f -\n",
        }
    )
    assert repository.lint() == []
    done = call("render", "-", stdin=repository.build().stdout.encode())
    assert done.status == 0, done.stderr
    assert names_fit(done.objects)


def test_a_config_that_is_written_into_the_kustomization_is_checked(repository: Repository) -> None:
    def inline(config: str) -> str:
        return kustomization(resources=["web.yaml"], generators=[config])

    repository.write({"kustomization.yaml": inline(as_function(CONFIG)), "web.yaml": WEB})
    assert repository.lint() == []
    assert names_fit(repository.objects())
    repository.write({"kustomization.yaml": inline(as_function(CONFIG.replace("WebApp1", "WebApp1$")))})
    assert ("account-name", "kustomization.yaml:0") in repository.lint()
    assert repository.build().returncode != 0


GENERATOR = {"base/kustomization.yaml": kustomization(resources=["../web.yaml"], generators=["../gmsa.yaml"])}
TRANSFORMER = {"base/kustomization.yaml": kustomization(resources=["../web.yaml"], transformers=["../gmsa.yaml"])}


def overlay(**fields: Any) -> dict[str, str]:
    return {"overlay/kustomization.yaml": kustomization(**fields)}


# The files, the folder to build, and where the renaming is.
RENAMED: dict[str, tuple[dict[str, str], str, str]] = {
    "namePrefix beside a generator": (
        {"kustomization.yaml": kustomization(namePrefix="p-", resources=["web.yaml"], generators=["gmsa.yaml"])},
        ".",
        "kustomization.yaml:1",
    ),
    "a field in another case": (
        {"kustomization.yaml": kustomization(NamePrefix="p-", resources=["web.yaml"], Generators=["gmsa.yaml"])},
        ".",
        "kustomization.yaml:1",
    ),
    "nameSuffix above a generator": (
        {**GENERATOR, **overlay(nameSuffix="-s", resources=["../base"])},
        "overlay",
        "overlay/kustomization.yaml:1",
    ),
    "namePrefix above a transformer": (
        {**TRANSFORMER, **overlay(namePrefix="p-", resources=["../base"])},
        "overlay",
        "overlay/kustomization.yaml:1",
    ),
    "namespace beside a generator": (
        {"kustomization.yaml": kustomization(namespace="shop", resources=["web.yaml"], generators=["gmsa.yaml"])},
        ".",
        "kustomization.yaml:1",
    ),
    "namespace two above": (
        {
            **TRANSFORMER,
            "middle/kustomization.yaml": kustomization(resources=["../base"]),
            **overlay(namespace="shop", resources=["../middle"]),
        },
        "overlay",
        "overlay/kustomization.yaml:1",
    ),
    "namePrefix of a component, after a generator": (
        {
            "kustomization.yaml": kustomization(
                resources=["web.yaml"], generators=["gmsa.yaml"], components=["component"]
            ),
            "component/kustomization.yaml": kustomization(COMPONENT, namePrefix="p-"),
        },
        ".",
        "component/kustomization.yaml:3",
    ),
    "namePrefix above a component with a transformer": (
        {
            "component/kustomization.yaml": kustomization(COMPONENT, transformers=["../gmsa.yaml"]),
            **overlay(namePrefix="p-", resources=["../web.yaml"], components=["../component"]),
        },
        "overlay",
        "overlay/kustomization.yaml:1",
    ),
}


def unrestricted(kustomize: Path, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    return build(kustomize, folder, home, "--enable-exec", "--load-restrictor=LoadRestrictionsNone")


@pytest.mark.parametrize("name", RENAMED)
def test_what_renames_objects_that_others_name_is_an_error(
    name: str, repository: Repository, kustomize: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files, folder, where = RENAMED[name]
    root = repository.write({"gmsa.yaml": as_function(CONFIG), "web.yaml": WEB, **files})
    done = unrestricted(kustomize, root / folder, tmp_path_factory.mktemp("other"))
    assert done.returncode == 0, done.stderr
    assert not names_fit([it for it in yaml.safe_load_all(done.stdout) if it])
    assert [it for it in repository.lint() if it[0] == "renamed-objects"] == [("renamed-objects", where)]


KEPT: dict[str, tuple[dict[str, str], str]] = {
    "namePrefix beside a transformer": (
        {"kustomization.yaml": kustomization(namePrefix="p-", resources=["web.yaml"], transformers=["gmsa.yaml"])},
        ".",
    ),
    "an empty namePrefix": (
        {"kustomization.yaml": kustomization(namePrefix="", resources=["web.yaml"], generators=["gmsa.yaml"])},
        ".",
    ),
    "the transformer of an overlay with namePrefix": (
        {
            "base/kustomization.yaml": kustomization(resources=["../web.yaml"]),
            **overlay(namePrefix="p-", resources=["../base"], transformers=["../gmsa.yaml"]),
        },
        "overlay",
    ),
    "namePrefix of a component before the one with the generator": (
        {
            "prefix/kustomization.yaml": kustomization(COMPONENT, namePrefix="p-"),
            "gmsa/kustomization.yaml": kustomization(COMPONENT, generators=["../gmsa.yaml"]),
            **overlay(resources=["../web.yaml"], components=["../prefix", "../gmsa"]),
        },
        "overlay",
    ),
    "namePrefix of another resource": (
        {
            "other/kustomization.yaml": kustomization(namePrefix="p-", resources=["../web.yaml"]),
            **overlay(resources=["../other"], generators=["../gmsa.yaml"]),
        },
        "overlay",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_keeps_the_names_is_free_of_errors(
    name: str, repository: Repository, kustomize: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files, folder = KEPT[name]
    root = repository.write({"gmsa.yaml": as_function(CONFIG), "web.yaml": WEB, **files})
    done = unrestricted(kustomize, root / folder, tmp_path_factory.mktemp("other"))
    assert done.returncode == 0, done.stderr
    assert names_fit([it for it in yaml.safe_load_all(done.stdout) if it])
    assert [it for it in repository.lint() if it[0] == "renamed-objects"] == []


def used_by(*namespaces: str) -> dict[str, Any]:
    uses = [{"namespace": it, "serviceAccounts": ["webapp1"]} for it in namespaces]
    return {"credspecs": [{"account": "WebApp1", "usedBy": uses}], "admission": NO_ADMISSION}


ACCOUNT = {"serviceAccounts": [{"name": "webapp1", "namespace": "web"}]}
# A config under generators, the namespace of the kustomization, and whether that breaks something.
NAMESPACES: dict[str, tuple[str, str, bool]] = {
    "the subject stays": (gmsa_config(**used_by("web")), "shop", True),
    "the subject is in the build": (gmsa_config(**used_by("web"), **ACCOUNT), "shop", False),
    "two RoleBindings of one name": (gmsa_config(**used_by("web", "api")), "web", True),
    "the same namespace": (gmsa_config(**used_by("web")), "web", False),
    "the webhook's own namespace": (gmsa_config(webhook=CERT_MANAGER, **ACCOUNT), "gmsa-webhook", False),
    "another than the webhook's": (gmsa_config(webhook=CERT_MANAGER, **ACCOUNT), "web", True),
}


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_is_an_error_where_it_breaks_something(name: str, repository: Repository) -> None:
    config, namespace, is_broken = NAMESPACES[name]
    repository.write(
        {
            "kustomization.yaml": kustomization(namespace=namespace, generators=["gmsa.yaml"]),
            "gmsa.yaml": as_function(config),
        }
    )
    done = repository.build()
    works = done.returncode == 0 and names_fit([it for it in yaml.safe_load_all(done.stdout) if it])
    assert works is not is_broken
    assert repository.lint() == ([("renamed-objects", "kustomization.yaml:1")] if is_broken else [])


def test_a_name_reference_of_the_user_keeps_credspecs_together(repository: Repository) -> None:
    references = {
        "nameReference": [
            {
                "kind": "GMSACredentialSpec",
                "fieldSpecs": [
                    {
                        "path": "spec/template/spec/securityContext/windowsOptions/gmsaCredentialSpecName",
                        "kind": "Deployment",
                    },
                    {"path": "rules/resourceNames", "kind": "ClusterRole"},
                ],
            }
        ]
    }
    repository.write(
        {
            "kustomization.yaml": kustomization(
                namePrefix="p-", resources=["web.yaml"], generators=["gmsa.yaml"], configurations=["references.yaml"]
            ),
            "gmsa.yaml": as_function(gmsa_config(admission=NO_ADMISSION)),
            # kustomize does not follow names of an object without namespace from one with a namespace.
            "web.yaml": WEB.replace("  namespace: web\n", ""),
            "references.yaml": yaml.safe_dump(references),
        }
    )
    assert names_fit(repository.objects())
    assert repository.lint() == []


FUNCTION, LEGACY = as_function(CONFIG), CONFIG
K = "kustomize build"
# A config, a command, and whether all objects of the config come out of it.
BUILDS: list[tuple[str, str, bool]] = [
    (FUNCTION, "kustomize build --enable-alpha-plugins --enable-exec app", True),
    (FUNCTION, "kustomize build app --enable-alpha-plugins --enable-exec", True),
    (FUNCTION, "kustomize build --enable-alpha-plugins app", False),
    (FUNCTION, "kustomize build --enable-exec app", False),
    (FUNCTION, "kustomize build app", False),
    (FUNCTION, "kubectl kustomize --enable-alpha-plugins app", False),
    (FUNCTION, "kubectl kustomize app", False),
    (FUNCTION, "kubectl apply -k app", False),
    (LEGACY, "kustomize build --enable-alpha-plugins app", True),
    (LEGACY, "kubectl kustomize --enable-alpha-plugins app", True),
    (LEGACY, "kubectl kustomize app", False),
    (LEGACY, "kubectl apply --kustomize=app", False),
    (LEGACY, "kubectl --namespace web diff -k app/", False),
]


@pytest.fixture(scope="session")
def programs(kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kustomize, and kubectl if there is one, for the PATH."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "kustomize").symlink_to(kustomize)
    return folder


@pytest.mark.parametrize(
    ("config", "command", "works"), BUILDS, ids=[f"{'exec' if c is FUNCTION else 'legacy'} {m}" for c, m, _ in BUILDS]
)
def test_a_script_is_an_error_where_its_command_does_not_run_the_config(
    config: str, command: str, works: bool, repository: Repository, plugin_home: Path, programs: Path
) -> None:
    root = repository.write(
        {
            "app/kustomization.yaml": "generators: [gmsa.yaml]\nresources: [web.yaml]\n",
            "app/gmsa.yaml": config,
            "app/web.yaml": WEB,
            "Makefile": f"KUBECTL ?= kubectl\n\ndeploy:\n\t@{command}\n",
        }
    )
    if command.startswith("kubectl") and kubectl() is None:
        pytest.skip("there is no kubectl")
    # Without a cluster `apply -k` fails in any case, but what it complains about is the plugin.
    variables = environment(plugin_home)
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    done = subprocess.run(shlex.split(command), cwd=root, env=variables, capture_output=True, text=True, check=False)
    if " -k" in command or "--kustomize" in command:
        assert "external plugins disabled" in done.stderr
    assert ("kind: GMSACredentialSpec" in done.stdout) is works
    assert repository.lint() == ([] if works else [("unsuitable-build", "Makefile:4")])


CALLS: dict[str, tuple[str, str]] = {
    "a workflow": (".github/workflows/deploy.yaml", "jobs:\n  a:\n    steps:\n    - run: kubectl apply -k app\n"),
    "GitLab": (".gitlab-ci.yml", "deploy:\n  script:\n  - kubectl apply -k ./app/\n"),
    "a variable program": ("Makefile", "a:\n\t$(KUBECTL) apply -k app\n"),
    "a variable folder": ("Makefile", "a:\n\tkubectl apply -k $(DIR)\n"),
    "an environment": ("deploy.sh", 'kubectl apply -k "a${ENV}"\n'),
    "from its own folder": ("app/deploy.sh", "kubectl apply -k .\n"),
    "after cd": ("scripts/deploy.sh", "set -e\ncd app && kubectl apply -k .\n"),
    "two lines": ("deploy.sh", "kubectl apply \\\n  --server-side \\\n  -k app\n"),
    "piped": ("deploy.sh", "kubectl kustomize app | kubectl apply -f -\n"),
    "in a substitution": ("deploy.sh", 'OUT="$(kustomize build app)"\n'),
    "OpenShift": ("deploy.sh", "oc apply -k app\n"),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_found_in_scripts_of_all_sorts(name: str, repository: Repository) -> None:
    file, text = CALLS[name]
    repository.write({"app/kustomization.yaml": "generators: [gmsa.yaml]\n", "app/gmsa.yaml": LEGACY, file: text})
    (found,) = repository.lint()
    assert found[0] == "unsuitable-build"
    assert found[1].startswith(f"{file}:")


HARMLESS: dict[str, str] = {
    "a comment": "# kubectl apply -k app\n",
    "another folder": "kubectl apply -k other\n",
    "a folder that may be another": "kubectl apply -k $DIR\n",
    "flags in a variable": "kustomize build $FLAGS app\n",
    "a remote": "kubectl apply -k https://example.com/app?ref=v1\n",
    "other options": "kubectl apply -f app/kustomization.yaml\nkustomize edit set image a=b\nkubectl get pods -k8s\n",
    "a word": "echo kustomize build\n",
    "a filename": "kubectl apply -f kustomize.yaml\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_other_calls_are_free_of_findings(name: str, repository: Repository) -> None:
    repository.write(
        {
            "app/kustomization.yaml": "generators: [gmsa.yaml]\n",
            "app/gmsa.yaml": FUNCTION,
            "other/kustomization.yaml": "resources: [web.yaml]\n",
            "other/web.yaml": WEB,
            "deploy.sh": HARMLESS[name],
        }
    )
    assert repository.lint() == []


def test_patches_of_a_kustomization_are_not_checked_as_whole_workloads(repository: Repository) -> None:
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "web"},
        "spec": {"template": {"spec": {"securityContext": {"windowsOptions": {"gmsaCredentialSpecName": CREDSPEC}}}}},
    }
    web = deployment(serviceAccountName="webapp1", nodeSelector={"kubernetes.io/os": "windows"})
    repository.write(
        {
            "kustomization.yaml": kustomization(
                resources=["web.yaml"], transformers=["gmsa.yaml"], patches=[{"path": "patch.yaml"}]
            ),
            "gmsa.yaml": as_function(CONFIG),
            "web.yaml": web,
            "patch.yaml": yaml.safe_dump(patch),
        }
    )
    assert repository.lint() == []
    assert names_fit(repository.objects())
    # Where it is a resource, it is one.
    repository.write({"kustomization.yaml": "resources: [patch.yaml]\ntransformers: [gmsa.yaml]\n"})
    assert "service-account-not-covered" in {rule for rule, _ in repository.lint()}


def test_patches_of_a_config_are_not_checked_as_whole_configs(repository: Repository) -> None:
    patch = gmsa_config()
    patch = patch[: patch.index("spec:")] + "spec:\n  credspecs: []\n  admission: {mode: None}\n  domains: []\n"
    repository.write(
        {
            "plugins/kustomization.yaml": "resources: [gmsa.yaml]\npatches: [{path: patch.yaml}]\n",
            "plugins/gmsa.yaml": as_function(CONFIG),
            "plugins/patch.yaml": patch.replace("  domains: []\n", "  webhook: {replicas: 0x}\n"),
            "plugins/nameless.yaml": "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 1}\n",
            "app/kustomization.yaml": "generators: [../plugins]\npatches: [{path: ../plugins/nameless.yaml}]\n",
        }
    )
    assert repository.lint() == []


def _a_circle() -> dict[str, str]:
    return {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"}


def _itself() -> dict[str, str]:
    return {"a/kustomization.yaml": "resources: [.]\ngenerators: [.]\ncomponents: ['']\n"}


def _doubling() -> dict[str, str]:
    files = {"0/kustomization.yaml": "generators: [gmsa.yaml]\nnamePrefix: a-\n", "0/gmsa.yaml": CONFIG}
    for number in range(1, 60):
        below = f"resources: [../{number - 1}, ../{number - 1}]\ncomponents: [../{number - 1}]\n"
        files[f"{number}/kustomization.yaml"] = below
    return files


@pytest.mark.parametrize("make", [_a_circle, _itself, _doubling])
def test_kustomizations_that_name_each_other_end(make: Callable[[], dict[str, str]], repository: Repository) -> None:
    repository.write(make())
    assert set(repository.lint()) <= {("renamed-objects", "0/kustomization.yaml:2")}


@pytest.mark.parametrize(
    "text",
    [
        "resources: 5\ngenerators: {a: b}\nnamespace: [x]\nnamePrefix: {}\npatches: [5, [], {path: {}}]\n",
        "- a\n",
        "5\n",
        "",
        "a: 1\n---\nb: 2\n",
        'resources: ["\\0", "\\ud800", "' + "a" * 5000 + '"]\n',
        "resources: &a [*a]\n",
        "generators: ['kind: GMSAConfig\n\n  x: [']\n",
        "generators: ['apiVersion: gmsa-krm.dev/v1alpha1\n\n\nkind: GMSAConfig\n\n\nspec: 5']\n",
    ],
)
def test_odd_kustomizations_end_without_a_traceback(text: str, repository: Repository, call: Call) -> None:
    root = repository.write({"kustomization.yaml": text})
    done = call("lint", root)
    assert done.status in (0, 1)
    assert done.stderr == ""


def test_pipes_stop_nothing(repository: Repository, call: Call) -> None:
    text = "namePrefix: a-\ngenerators: [gmsa.yaml, pipe]\nconfigurations: [pipe]\nresources: [pipe]\n"
    root = repository.write({"app/kustomization.yaml": text, "app/gmsa.yaml": CONFIG})
    for name in ("app/pipe", "Makefile", "app/deploy.sh"):
        os.mkfifo(root / name)
    assert repository.lint() == [("renamed-objects", "app/kustomization.yaml:1")]
    os.mkfifo(root / "kustomization.yaml")
    assert call("lint", root).status == 3


def test_a_kustomization_that_is_not_yaml_is_an_error(repository: Repository) -> None:
    repository.write({"kustomization.yaml": "resources: [\n"})
    assert [rule for rule, _ in repository.lint()] == ["yaml"]
    assert repository.build().returncode != 0
