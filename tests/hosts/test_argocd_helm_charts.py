"""Kustomizations with helmCharts under Argo CD: off by default, and helm is held as for an application's chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conftest import Folder, by_identity
from hosts.applications import (
    CHART,
    CHART_YAML,
    CONFIG,
    CONFIG_MAP,
    KUSTOMIZATION,
    WEBHOOK,
    WORKLOADS_CONFIG,
    Files,
    below,
)
from hosts.cases import objects
from hosts.conftest import Sidecar, Web
from hosts.support import as_yaml, assert_mentions
from hosts.test_argocd_cage import CREATE_RULESET, ENOSYS, on_kernel
from hosts.test_argocd_limits import DOUBLED, MIB, assert_one_message, kustomize, with_memory
from hosts.test_argocd_security import HELM_DOWNLOADER, with_witness

CHART_FILES: Files = {name: text for name, text in CHART.items() if name != "templates/gmsa.yaml"}
CHART_FILES["templates/values.yaml"] = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: values}
data:
  values: {{ toJson .Values | quote }}
"""


def kustomization(globals_: dict[str, Any] | None = None, **chart: Any) -> Files:
    """An application with the chart web in charts/, and a config that changes one of its Deployments."""
    fields: dict[str, Any] = {"helmCharts": [{"name": "web", "releaseName": "web", **chart}]}
    if globals_:
        fields["helmGlobals"] = globals_
    return {
        "kustomization.yaml": as_yaml({**fields, "transformers": ["gmsa.yaml"]}),
        "gmsa.yaml": WORKLOADS_CONFIG,
    }


LOCAL: Files = {**kustomization(), **below("charts/web", CHART_FILES)}


@pytest.fixture
def enabled(sidecar: Sidecar) -> Sidecar:
    """A sidecar whose operator lets kustomize run helm."""
    return sidecar.with_environ(GMSA_KRM_ENABLE_HELM="true", ARGOCD_APP_NAMESPACE="default", KUBE_VERSION="1.34")


@pytest.mark.parametrize("value", ["", "false", "True"])
def test_charts_are_refused_by_default(value: str, sidecar: Sidecar, program: Path, folder: Folder) -> None:
    own = sidecar.with_environ(GMSA_KRM_ENABLE_HELM=value)
    done = own.try_to_run(folder(LOCAL), program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "kustomization.yaml:2:3: ", "GMSA_KRM_ENABLE_HELM=true", "helm template")


def test_a_workload_of_a_chart_gets_its_credspec(enabled: Sidecar, program: Path, folder: Folder) -> None:
    found = by_identity(objects(enabled.run(folder(LOCAL), program, "argocd", "generate")))
    pod = found["Deployment", "web", "web"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["windowsOptions"] == {"gmsaCredentialSpecName": "gmsa-webapp1"}
    assert found["ConfigMap", "", "facts"]["data"]["kube"] == "34"


FORMS: dict[str, Files] = {
    "of the repository": LOCAL,
    "pulled": {
        **kustomization(repo="https://charts.example.com", version="1.0.0"),
        **below("charts/web-1.0.0/web", CHART_FILES),
    },
    "in another folder": {
        **kustomization({"chartHome": "../helm"}, valuesFile="values.yaml"),
        **below("../helm/web", CHART_FILES),
        "values.yaml": "image: other\n",
    },
    "with values": {
        **kustomization(
            namespace="web",
            includeCRDs=True,
            skipHooks=True,
            valuesFile="values/web.yaml",
            additionalValuesFiles=["values/prod.yaml"],
            valuesInline={"path": "https://example.com/a", "files": ["../../x"], "größe": 1},
            apiVersions=["example.com/v1"],
        ),
        **below("charts/web", CHART_FILES),
        "values/web.yaml": "image: other\n",
        "values/prod.yaml": "replicas: 9\n",
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_chart_gives_what_kustomize_makes_of_it(form: str, enabled: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({f"app/{name}" if name[0] != "." else name[3:]: text for name, text in FORMS[form].items()})
    text = (root / "app/kustomization.yaml").read_text().replace("transformers:", "generators:")
    (root / "app/kustomization.yaml").write_text(text)
    own = enabled.with_environ(ARGOCD_APP_SOURCE_PATH="app")
    found = by_identity(objects(own.run(root / "app", program, "argocd", "generate")))
    (root / "app/kustomization.yaml").write_text(re.sub("generators:.*", "", text, flags=re.DOTALL))
    build = ["kustomize", "build", "--enable-helm", "--helm-kube-version", "1.34"]
    wanted = by_identity(objects(own.run(root / "app", *build, ".")))
    assert ("ConfigMap", "", "facts") in wanted
    assert {identity: found.get(identity) for identity in wanted} == wanted


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_chart_is_pulled_from_an_allowed_host_only(
    is_allowed: bool, enabled: Sidecar, program: Path, folder: Folder, web: Web, tmp_path: Path
) -> None:
    root = folder({**below("charts/web", CHART_FILES), "x": ""})
    enabled.run(web.folder, "helm", "package", root / "charts/web")
    url = web.url.removesuffix("/a.yaml")
    enabled.run(web.folder, "helm", "repo", "index", ".", "--url", url)
    folder(below("app", kustomization(repo=url, version="1.0.0")))
    own = enabled.with_environ(GMSA_KRM_ALLOWED_HOSTS="127.0.0.1" if is_allowed else "example.com")
    done = own.with_environ(ARGOCD_APP_SOURCE_PATH="app").try_to_run(root / "app", program, "argocd", "generate")
    assert (done.returncode == 0) is is_allowed, done.stderr
    assert bool(web.requests) is is_allowed
    assert not (root / "app/charts").exists()
    if not is_allowed:
        assert_mentions(done.stderr, "would be fetched", "127.0.0.1")


def test_kustomize_and_helm_share_the_memory_of_a_program(
    enabled: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They run at one time: each with half of the sidecar's, one application could end the sidecar."""
    limit = (
        """printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: memory}\ndata: {limit: "%s"}\n' "$(ulimit -d)\""""
    )
    own = enabled.with_programs(kustomize(tmp_path_factory.mktemp("programs"), limit))

    def memory(files: Files) -> int:
        found = by_identity(objects(with_memory(1024 * MIB, own, folder(files), program, "argocd", "generate").stdout))
        return int(found["ConfigMap", "", "memory"]["data"]["limit"])

    with_chart, without = memory(LOCAL), memory({**LOCAL, "kustomization.yaml": KUSTOMIZATION["kustomization.yaml"]})
    assert with_chart == without // 2


def test_a_chart_that_takes_too_much_memory_ends_in_one_message(
    enabled: Sidecar, program: Path, folder: Folder
) -> None:
    root = folder({**LOCAL, "charts/web/templates/a.yaml": DOUBLED})
    done = with_memory(500 * MIB, enabled, root, program, "argocd", "generate")
    assert_one_message(done, "kustomize build", "too much memory", "a quarter each")


# What is refused

IN_GENERATOR: dict[str, Any] = {
    "apiVersion": "builtin",
    "kind": "HelmChartInflationGenerator",
    "metadata": {"name": "g"},
    "name": "web",
    "releaseName": "web",
}


def in_generator(**fields: Any) -> Files:
    return {
        "kustomization.yaml": "generators: [chart.yaml, gmsa.yaml]\n",
        "chart.yaml": as_yaml({**IN_GENERATOR, **fields}),
        "gmsa.yaml": CONFIG,
    }


def in_list(kind: str, **fields: Any) -> Files:
    """Beside a chart that may be rendered, so that kustomize runs helm."""
    listed = {"apiVersion": "v1", "kind": kind, "items": [{**IN_GENERATOR, "metadata": {"name": "listed"}, **fields}]}
    return {**in_generator(), "more.yaml": as_yaml(listed), "kustomization.yaml": LISTED}


LISTED = "generators: [chart.yaml, more.yaml, gmsa.yaml]\n"
REFUSED: dict[str, tuple[Files, str]] = {
    "settings of helm": (kustomization({"configHome": "./cfg"}), "remove configHome"),
    "settings in another case": (kustomization({"CONFIGHOME": "./cfg"}), "remove configHome"),
    "settings of a generator": (in_generator(configHome="./cfg"), "remove configHome"),
    "settings of a generator in a list": (in_list("List", configHome="./cfg"), "remove configHome"),
    "a template of a generator in a list": (in_list("List", nameTemplate='{{ env "HOME" }}'), "give releaseName"),
    "a chart of a generator in a list": (in_list("ConfigMapList", name="../../other/web"), "not the name of a chart"),
    "a generator in lists": (
        {
            **in_generator(),
            "more.yaml": as_yaml(
                {"kind": "List", "items": [{"kind": "List", "items": [{**IN_GENERATOR, "name": "-x"}]}]}
            ),
            "kustomization.yaml": LISTED,
        },
        "not the name of a chart",
    ),
    "a template that reads variables": (kustomization(nameTemplate='{{ env "HOME" }}'), "give releaseName"),
    "an option as a release": (kustomization(releaseName="--post-renderer=/bin/sh"), "takes for an option"),
    "an option as a chart": (kustomization(name="--post-renderer=/bin/sh"), "not the name of a chart"),
    "a path as a chart": (kustomization(name="../../other/web"), "not the name of a chart"),
    "a URL as a chart": (kustomization(name="http://127.0.0.1/web.tgz", repo="x"), "not the name of a chart"),
    "text as a chart": (
        {"kustomization.yaml": "helmCharts: [web]\ngenerators: [gmsa.yaml]\n", "gmsa.yaml": CONFIG},
        "is not a chart",
    ),
    "a list as a chart": (
        {"kustomization.yaml": "helmCharts: [[web]]\ngenerators: [gmsa.yaml]\n", "gmsa.yaml": CONFIG},
        "is not a chart",
    ),
    "no chart": (kustomization(name=None), "not the name of a chart"),
    "charts outside": (kustomization({"chartHome": "../../other"}), "outside of the repository"),
    "charts at an absolute path": (kustomization({"chartHome": "/etc"}), "outside of the repository"),
    "a version that leads out": (
        kustomization(repo="https://charts.example.com", version="/../../../../x"),
        "outside of the repository",
    ),
    "two files of values in one": (kustomization(additionalValuesFiles=["x,/etc/passwd"]), "comma"),
    "a name that is repeated": (
        {**LOCAL, "kustomization.yaml": "helmCharts: [{name: web, Name: ../x}]\ntransformers: [gmsa.yaml]\n"},
        "write each field once",
    ),
    "a name that is merged in": (
        {**LOCAL, "kustomization.yaml": "helmCharts: [{<<: {name: web}}]\ntransformers: [gmsa.yaml]\n"},
        "write each field once",
    ),
    "in a base": (
        {
            "kustomization.yaml": "resources: [b]\ngenerators: [gmsa.yaml]\n",
            "gmsa.yaml": CONFIG,
            **below("b", kustomization({"configHome": "./cfg"})),
        },
        "remove configHome",
    ),
    "the old field": (
        {
            "kustomization.yaml": "helmChartInflationGenerator: [{chartName: web}]\ngenerators: [gmsa.yaml]\n",
            "gmsa.yaml": CONFIG,
        },
        "kustomize edit fix",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_repository_may_not_tell_helm(name: str, enabled: Sidecar, program: Path, folder: Folder) -> None:
    files, message = REFUSED[name]
    own = enabled.with_environ(ARGOCD_APP_SOURCE_PATH="app")
    charts = {**below("app/charts/web", CHART_FILES), "app/x,/etc/passwd": ""}
    done = own.try_to_run(folder({**charts, **below("app", files)}) / "app", program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, message)


@pytest.mark.parametrize("value", ["x", None, 1, {"a": "b"}])
def test_files_of_values_that_are_no_list_are_reported_by_kustomize(
    value: Any, enabled: Sidecar, program: Path, folder: Folder
) -> None:
    root = folder({**below("app/charts/web", CHART_FILES), **below("app", kustomization(additionalValuesFiles=value))})
    done = enabled.with_environ(ARGOCD_APP_SOURCE_PATH="app").try_to_run(root / "app", program, "argocd", "generate")
    assert done.returncode == (0 if value is None else 3)
    assert "internal error" not in done.stderr


def test_a_generator_of_kustomize_may_render_a_chart(enabled: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({**in_generator(), **below("charts/web", CHART_FILES)})
    found = by_identity(objects(enabled.run(root, program, "argocd", "generate")))
    assert WEBHOOK in found
    assert ("ConfigMap", "", "facts") in found


def test_no_downloader_of_a_repository_runs(
    enabled: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    witness = tmp_path_factory.mktemp("witness") / "ran"
    root = folder({"gmsa.yaml": CONFIG, **with_witness(HELM_DOWNLOADER, witness)})
    assert enabled.try_to_run(root, program, "argocd", "generate").returncode == 1
    assert not witness.exists()


# A generator for a chart, whose settings of helm kustomize sees and others do not.
HIDDEN = {
    "under a key with the tag of merge keys": """apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: chart}
name: a
releaseName: z
!!merge a: {configHome: ./cfg, chartHome: ./none, repo: "x://y", version: 1.0.0}
""",
    "under a key with that tag in another form": """apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: chart}
name: a
releaseName: z
!<!!merge> labels: {configHome: ./cfg, chartHome: ./none, repo: "x://y", version: 1.0.0}
""",
    "in a generator of a hidden kind": """apiVersion: builtin
kind: !<!!binary> SGVsbUNoYXJ0SW5mbGF0aW9uR2VuZXJhdG9y
metadata: {name: chart}
name: a
releaseName: z
configHome: ./cfg
chartHome: ./none
repo: "x://y"
version: 1.0.0
""",
}
# The script needs no rights; the other generator makes its files ones that the application reaches.
DOWNLOADER: Files = {
    **{name: text for name, text in HELM_DOWNLOADER.items() if name.endswith("plugin.yaml")},
    "cfg/.data/plugins/e/e.sh": "echo the script ran >&2; exit 1\n",
    "files.yaml": """apiVersion: builtin
kind: ConfigMapGenerator
metadata: {name: files}
name: files
files: [cfg/.data/plugins/e/plugin.yaml, cfg/.data/plugins/e/e.sh]
""",
    "chart.yaml": as_yaml(IN_GENERATOR),
    "kustomization.yaml": "generators: [files.yaml, chart.yaml, hidden.yaml, gmsa.yaml]\n",
    "gmsa.yaml": CONFIG,
}


@pytest.mark.parametrize("form", HIDDEN)
def test_no_settings_of_helm_are_hidden(form: str, enabled: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({**DOWNLOADER, **below("charts/web", CHART_FILES), "hidden.yaml": HIDDEN[form]})
    done = enabled.try_to_run(root, program, "argocd", "generate")
    assert "the script ran" not in done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "hidden.yaml:", "some readers")


def test_a_link_out_of_a_chart_is_refused(enabled: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({**below("app", LOCAL), "outside.yaml": CONFIG_MAP}) / "app"
    (root / "charts/web/templates/x.yaml").symlink_to("../../../../outside.yaml")
    done = enabled.try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "charts/web/templates/x.yaml", "symbolic link")


# The cage

PERSUADED = """\
#!/bin/sh
[ "$1" = version ] && { echo v4.0.0; exit; }
cat SECRET /proc/PID/environ >&2 && echo read >&2
echo x > ROOT/written && echo written >&2
env >&2
exit 1
"""


def test_helm_is_in_the_cage_of_kustomize(
    enabled: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("other") / "secret"
    secret.write_text("hunter2")
    root = folder(LOCAL)
    programs = tmp_path_factory.mktemp("programs")
    script = PERSUADED.replace("SECRET", str(secret)).replace("ROOT", str(root)).replace("PID", "1")
    (programs / "helm").write_text(script)
    (programs / "helm").chmod(0o755)
    done = enabled.with_programs(programs).try_to_run(root, program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "Permission denied", "HELM_CONFIG_HOME=")
    assert "hunter2" not in done.stderr
    assert "GMSA_KRM" not in done.stderr
    assert not {"kustomize: read", "kustomize: written"} & set(done.stderr.splitlines())
    assert not (root / "written").exists()


def test_charts_are_refused_where_there_is_no_cage(enabled: Sidecar, program: Path, folder: Folder) -> None:
    """kustomize cannot tell helm to leave out schemas of values, which may refer to any file and URL."""
    done = on_kernel(enabled, folder(LOCAL), program, CREATE_RULESET, -1, ENOSYS)
    assert (done.returncode, done.stdout) == (1, "")
    assert_mentions(done.stderr, "kustomization.yaml:", "lacks Landlock or seccomp")


def test_a_missing_helm_is_named(
    enabled: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = tmp_path_factory.mktemp("programs")
    (programs / "kustomize").symlink_to(
        next(Path(it) for it in enabled.environ["PATH"].split(":") if Path(it, "kustomize").exists()) / "kustomize"
    )
    own = enabled.with_environ(PATH=f"{programs}:{program.parent}:/usr/bin:/bin")
    done = own.try_to_run(folder(LOCAL), program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "helm is not on the PATH")


def test_a_chart_that_lacks_its_dependencies_is_reported(enabled: Sidecar, program: Path, folder: Folder) -> None:
    chart = f"{CHART_YAML}dependencies: [{{name: other, version: 1.0.0, repository: 'https://charts.example.com'}}]\n"
    files = {**LOCAL, "charts/web/Chart.yaml": chart}
    done = enabled.try_to_run(folder(files), program, "argocd", "generate")
    assert (done.returncode, done.stdout) == (3, "")
    assert_mentions(done.stderr, "missing in charts/ directory: other", "helm dependency build")
