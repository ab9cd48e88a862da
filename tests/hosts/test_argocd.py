"""Argo CD's config management plugin, run by the real argocd-cmp-server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_cmp import CmpError, CmpServer
from conftest import CASES, ENTRY, ROOT, SEED, Done, as_function, by_identity, config, deployment, workloads_config

USED = "  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
CERT_MANAGER = "  webhook: {certificate: {source: CertManager}}\n"
GENERATOR = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\ngenerators: [gmsa.yaml]\n"


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the sidecar: kustomize, helm (4, as Argo CD 3.5 has) and gmsa-krm on the PATH, and a seed."""
    from build import tool

    programs = tmp_path_factory.mktemp("bin")
    for name, source in (("kustomize", "kustomize"), ("helm", "helm4")):
        (programs / name).symlink_to(tool(source))
    home = tmp_path_factory.mktemp("home")
    path = f"{Path(sys.executable).parent}:{programs}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1750000000"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sidecar: dict[str, str]) -> Iterator[CmpServer]:
    from build import tool

    work = tmp_path_factory.mktemp("cmp") / "w"
    with CmpServer(tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", work, sidecar) as running:
        yield running


def objects(manifests: list[str]) -> dict[Any, Any]:
    return by_identity([json.loads(manifest) for manifest in manifests])


def parsed(stream: str) -> dict[Any, Any]:
    return by_identity([document for document in yaml.safe_load_all(stream) if document])


def run(sidecar: dict[str, str], folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=sidecar, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kustomization_gives_what_kustomize_gives(
    case: Path, server: CmpServer, sidecar: dict[str, str], plugin_home: Path
) -> None:
    assert server.matches(case)
    direct = run({**sidecar, "HOME": str(plugin_home)}, case, "kustomize", "build", "--enable-alpha-plugins", "--enable-exec", ".")
    assert objects(server.generate(case)) == parsed(direct)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plain_manifests_give_what_render_gives(case: Path, server: CmpServer, sidecar: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "app"
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("kustomization.yaml", "want.yaml"))
    (folder / "web.yaml").write_text(deployment("{containers: [{name: web, image: web}]}"))
    assert server.matches(folder)
    direct = run(sidecar, folder, "gmsa-krm", "render", "gmsa.yaml", "web.yaml")
    assert objects(server.generate(folder)) == parsed(direct)


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "values.yaml": "replicas: 1\nimage: web\n",
    "templates/gmsa.yaml": workloads_config(ENTRY),
    "templates/web.yaml": deployment().replace("metadata:", "metadata: ", 1),
    "templates/hook.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\nspec: {containers: [{name: a, image: '{{ .Values.image }}'}]}\n",
    "templates/facts.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: facts}\ndata:\n  release: '{{ .Release.Name }}'\n"
        "  namespace: '{{ .Release.Namespace }}'\n  kube: '{{ .Capabilities.KubeVersion.Minor }}'\n"
        "  apis: '{{ .Capabilities.APIVersions.Has \"example.com/v1\" }}'\n  image: '{{ .Values.image }}'\n"
        "  replicas: '{{ .Values.replicas }}'\n"
    ),
    "crds/c.yaml": (ROOT / "tests/cases/domain-joined/want.yaml").read_text().split("---\n")[1].replace("gmsacredentialspecs.windows.k8s.io", "others.example.com"),
}


def test_a_chart_gives_what_helm_3_gives_with_the_post_renderer(
    server: CmpServer, sidecar: dict[str, str], folder: Callable[..., Path]
) -> None:
    from build import tool

    chart = folder(CHART)
    assert server.matches(chart)
    given = objects(server.generate(chart, KUBE_API_VERSIONS="v1,example.com/v1"))
    post = ["--post-renderer", "gmsa-krm", "--post-renderer-args", "post-render"]
    command = [str(tool("helm3")), "template", "app", ".", "-n", "default", "--include-crds", "--kube-version", "1.34", "--api-versions", "example.com/v1"]
    assert given == parsed(run(sidecar, chart, *command, *post))
    assert given["ConfigMap", "", "facts"]["data"] == {
        "release": "app", "namespace": "default", "kube": "34", "apis": "true", "image": "web", "replicas": "1",
    }  # fmt: skip
    pod = given["Deployment", "web", "web"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["windowsOptions"] == {"gmsaCredentialSpecName": "gmsa-webapp1"}
    assert ("GMSACredentialSpec", "", "gmsa-webapp1") in given
    assert "securityContext" not in given["Pod", "", "hook"]["spec"]


def test_charts_by_helm_3(program: Path, sidecar: dict[str, str], folder: Callable[..., Path], server: CmpServer) -> None:
    from build import tool

    root = folder({f"app/{name}": text for name, text in CHART.items()} | UMBRELLA | {"bin/x": ""})
    shutil.copytree(ROOT / "charts" / "gmsa", root / "gmsa")
    (root / "bin" / "helm").symlink_to(tool("helm3"))
    environ = {**sidecar, "PATH": f"{root}/bin:{sidecar['PATH']}", "ARGOCD_APP_NAME": "app", "ARGOCD_APP_NAMESPACE": "default", "KUBE_VERSION": "1.34"}
    for app in ("app", "umbrella"):
        environ["ARGOCD_APP_SOURCE_PATH"] = app
        assert parsed(run(environ, root / app, str(program), "argocd", "generate")) == objects(server.generate(root, app))


UMBRELLA: dict[str, str | bytes] = {
    "umbrella/Chart.yaml": "apiVersion: v2\nname: up\nversion: 1.0.0\ndependencies: [{name: gmsa, version: 0.1.0, repository: 'file://../gmsa'}]\n",
    "umbrella/values.yaml": "gmsa: {postRenderer: true, domains: [{dnsName: contoso.com, netBiosName: CONTOSO, guid: 244818ae-87ac-4fcd-92ec-e79e5252348a, sid: S-1-5-21-1-2-3}], webhook: {certificate: {source: CertManager}}}\n",
}


def test_our_own_chart_matches_and_a_chart_that_brings_it_along(server: CmpServer, folder: Callable[..., Path], sidecar: dict[str, str]) -> None:
    assert server.matches(ROOT / "charts" / "gmsa")
    root = folder(UMBRELLA)
    shutil.copytree(ROOT / "charts" / "gmsa", root / "gmsa")
    assert server.matches(root, "umbrella")
    assert ("Deployment", "default", "gmsa-webhook") in objects(server.generate(root, "umbrella"))
    run(sidecar, root / "umbrella", "helm", "dependency", "build", ".")  # charts/gmsa-0.1.0.tgz
    shutil.rmtree(root / "gmsa")
    assert server.matches(root, "umbrella")
    assert len(server.generate(root, "umbrella")) > 5


@pytest.mark.parametrize(
    ("name", "files", "wanted"),
    [
        ("nothing", {"web.yaml": deployment()}, False),
        ("a text that speaks of it", {"a.yaml": "kind: ConfigMap\nmetadata: {name: GMSAConfig gmsa-krm.dev/v1alpha1}\n"}, False),
        ("deeper in plain manifests", {"web.yaml": deployment(), "other/app/gmsa.yaml": config(USED)}, False),
        ("not among the generators", {"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": deployment(), "gmsa.yaml": config(USED)}, False),
        ("a config in JSON", {"gmsa.json": json.dumps(yaml.safe_load(config(USED)))}, True),
        ("a second document", {"all.yaml": deployment() + "---\n" + config(USED)}, True),
        ("a config with a mistake", {"gmsa.yaml": config("  x: [\n")}, True),
        ("a transformer", {"kustomization.yml": "transformers: [gmsa.yaml]\n", "gmsa.yaml": config(USED)}, True),
        ("inline", {"kustomization.yaml": "generators:\n- |-\n  " + config(USED).replace("\n", "\n  ") + "\n"}, True),
        ("in a base", {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": GENERATOR, "base/gmsa.yaml": config(USED)}, True),
        ("generators in a folder", {"kustomization.yaml": "generators: [g]\n", "g/kustomization.yaml": "resources: [gmsa.yaml]\n", "g/gmsa.yaml": config(USED)}, True),
        ("in itself", {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: [../base]\n"}, False),
        ("a chart without", {"Chart.yaml": "name: a\n", "templates/a.yaml": deployment()}, False),
        ("beside a chart", {"Chart.yaml": "name: a\n", "templates/a.yaml": deployment(), "gmsa.yaml": config(USED)}, True),
    ],
)  # fmt: skip
def test_discovery(name: str, files: dict[str, str], wanted: bool, server: CmpServer, folder: Callable[..., Path]) -> None:
    assert server.matches(folder(files)) is wanted, name


def test_no_repository_runs_its_own_programs(server: CmpServer, folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any application that may use the plugin would otherwise read the seed of all clusters."""
    witness = tmp_path_factory.mktemp("witness") / "ran"
    function = (
        "apiVersion: example.com/v1\nkind: Evil\nmetadata:\n  name: e\n  annotations:\n    config.kubernetes.io/function: |\n"
        f"      exec: {{path: /bin/sh, args: [-c, 'touch {witness}']}}\n"
    )
    root = folder({"kustomization.yaml": "generators: [gmsa.yaml, evil.yaml]\n", "evil.yaml": function, "gmsa.yaml": as_function(config(USED + CERT_MANAGER))})
    found = objects(server.generate(root))
    assert ("Deployment", "gmsa-webhook", "gmsa-webhook") in found
    assert not witness.exists()
    assert "config.kubernetes.io/function" in (root / "gmsa.yaml").read_text()


def test_a_function_in_a_base_of_the_repository_works(server: CmpServer, folder: Callable[..., Path]) -> None:
    root = folder(
        {
            "bases/gmsa/kustomization.yaml": GENERATOR,
            "bases/gmsa/gmsa.yaml": as_function(config(USED + CERT_MANAGER)),
            "apps/web/kustomization.yaml": "resources: [../../bases/gmsa]\n",
        }
    )
    assert server.matches(root, "apps/web")
    assert ("Deployment", "gmsa-webhook", "gmsa-webhook") in objects(server.generate(root, "apps/web"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"gmsa.yaml": config(USED + "  webhook: {certificate: {source: Generate}}\n")}, "gmsa.yaml:14:35: spec.webhook.certificate.source: Generate makes new keys at every render"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED)}, "use CertManager, Derive, ExistingSecret or Files"),
        ({"gmsa.yaml": config("  credspec: []\n")}, "spec.credspec: unknown field"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config("  credspec: []\n")}, "spec.credspec: unknown field"),
        ({"web.yaml": deployment()}, "no GMSAConfig"),
        ({"kustomization.yaml": "resources: []\n"}, "the application has no manifests"),
        ({"kustomization.yaml": "resources: [missing.yaml]\n"}, "kustomize build failed (exit status 1)"),
        ({"gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests, and Argo CD would prune"),
        ({"kustomization.yaml": GENERATOR, "gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests"),
        ({"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "gmsa.yaml": config("  admission: {mode: None}\n")}, "the application has no manifests"),
        ({"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/a.yaml": "{{ fail \"no luck\" }}"}, "no luck"),
        ({"kustomization.yaml": "generators:\n- |-\n  " + as_function(config(USED)).replace("\n", "\n  ") + "\n"}, "exec functions are not run here, so remove the annotation"),
    ],
)  # fmt: skip
def test_a_failure_stands_in_the_ui(files: dict[str, str], message: str, server: CmpServer, folder: Callable[..., Path]) -> None:
    with pytest.raises(CmpError) as error:
        server.generate(folder(files))
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)


def test_a_program_that_is_missing(server: CmpServer, sidecar: dict[str, str], folder: Callable[..., Path], program: Path) -> None:
    root = folder({"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED + CERT_MANAGER)})
    environ = {**sidecar, "PATH": str(program.parent)}
    done = subprocess.run([program, "argocd", "generate"], cwd=root, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "kustomize is not on the PATH" in done.stderr


@pytest.fixture
def slow(sidecar: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A sidecar whose kustomize does not end."""
    programs = tmp_path_factory.mktemp("slow")
    (programs / "kustomize").write_text(f"#!/bin/sh\necho $$ > {programs}/pid\nexec sleep 300\n")
    (programs / "kustomize").chmod(0o755)
    return {**sidecar, "PATH": f"{programs}:{sidecar['PATH']}", "SLOW": str(programs)}


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("did not happen within 20 s")


def is_running(environ: dict[str, str]) -> bool:
    return Path("/proc", (Path(environ["SLOW"]) / "pid").read_text().strip()).exists()


def test_a_program_that_takes_too_long_is_named(slow: dict[str, str], folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    from build import tool

    root = folder(KINDS["kustomize"])
    environ = {**slow, "ARGOCD_EXEC_TIMEOUT": "6s"}
    with CmpServer(tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", tmp_path_factory.mktemp("s") / "w", environ) as server:
        with pytest.raises(CmpError, match=r"kustomize build was stopped after 1 s.*raise ARGOCD_EXEC_TIMEOUT of the sidecar"):
            server.generate(root)
        assert not is_running(slow)
        # Argo CD's own deadline comes first: it kills the plugin, which can say nothing; kustomize must not stay
        environ["ARGOCD_EXEC_TIMEOUT"] = "1m"
    with CmpServer(tool("argocd-cmp-server"), ROOT / "plugin" / "argocd", tmp_path_factory.mktemp("s") / "w", environ) as server:
        with pytest.raises(CmpError):
            server.generate(root, deadline=2)
        wait_for(lambda: not is_running(slow))


def test_sigterm_takes_kustomize_along(slow: dict[str, str], folder: Callable[..., Path], program: Path) -> None:
    before = set(os.listdir("/tmp"))
    root = folder(KINDS["kustomize"])
    with subprocess.Popen([program, "argocd", "generate"], cwd=root, env=slow, stdout=-1, stderr=-1, text=True) as process:
        wait_for(lambda: (Path(slow["SLOW"]) / "pid").exists())
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (3, "", "gmsa-krm: stopped by SIGTERM before the manifests were done\n")
    assert not is_running(slow)
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("gmsa-krm-")]


def test_eight_renders_side_by_side_are_one(server: CmpServer) -> None:
    kustomization = ROOT / "kustomize"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.generate(kustomization, "derive"), range(8)))
    assert len(answers[0]) > 10
    assert all(answer == answers[0] for answer in answers)


def parameter(**entries: Any) -> dict[str, str]:
    return {"ARGOCD_APP_PARAMETERS": json.dumps([{"name": name.replace("_", "-"), **value} for name, value in entries.items()])}


KINDS = {
    "manifests": {"gmsa.yaml": config(USED + CERT_MANAGER)},
    "kustomize": {"kustomization.yaml": GENERATOR, "gmsa.yaml": config(USED + CERT_MANAGER)},
    "helm": {"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/gmsa.yaml": config(USED + CERT_MANAGER)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_fields_by_path_reach_the_config_in_every_kind_of_folder(kind: str, server: CmpServer, folder: Callable[..., Path]) -> None:
    root = folder(
        {
            **KINDS[kind],
            "environments/prod.yaml": "webhook:\n  replicas: 5\n  logLevel: debug\ndomains[0].netBiosName: 'NO'\n",
        }
    )
    values = {
        "webhook.replicas": "3",
        "domains[0].sid": "S-1-5-21-7-8-9",
        'webhook.nodeSelector["kubernetes.io/arch"]': "amd64",
        "credspecs[0].usedBy": "[{namespace: shop, serviceAccounts: [till]}]",
    }
    environ = parameter(environment={"string": "prod"}, config={"map": values})
    found = objects(server.generate(root, **environ))
    hook = found["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"]
    assert hook["replicas"] == 3
    assert hook["template"]["spec"]["nodeSelector"]["kubernetes.io/arch"] == "amd64"
    assert {"name": "LOG_LEVEL", "value": "debug"} in hook["template"]["spec"]["containers"][0]["env"]
    join = found["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]["DomainJoinConfig"]
    assert (join["Sid"], join["NetBiosName"]) == ("S-1-5-21-7-8-9", "NO")
    assert [key[1] for key in found if key[0] == "RoleBinding"] == ["shop"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ARGOCD_APP_PARAMETERS": "null"}, None),
        ({"ARGOCD_APP_PARAMETERS": ""}, None),
        ({"ARGOCD_APP_PARAMETERS": "[]"}, None),
        (parameter(environment={}, config={"map": None}, certificate_source={"string": ""}), None),
        ({"ARGOCD_APP_PARAMETERS": "{"}, "ARGOCD_APP_PARAMETERS: is no JSON"),
        ({"ARGOCD_APP_PARAMETERS": '{"a": 1}'}, "ARGOCD_APP_PARAMETERS: is no list"),
        ({"ARGOCD_APP_PARAMETERS": "[1]"}, "the entry 0 has no name; the names are environment, config"),
        (parameter(enviroment={"string": "x"}), "parameter 'enviroment': is unknown; there are environment, config"),
        (parameter(config={"string": "x"}), "parameter 'config': wants a map, found a string; write `map:`"),
        (parameter(config={"map": {"webhook.replicas": 3}}), "parameter 'config': wants a map of strings; quote each value"),
        (parameter(certificate_source={"string": "Certmanager"}), "parameter certificate-source: spec.webhook.certificate.source: Certmanager is not"),
        (parameter(certificate_source={"string": "Generate"}), "parameter certificate-source: spec.webhook.certificate.source: Generate makes new keys"),
        (parameter(config={"map": {"webhook.replicas": "many"}}), "parameter config: spec.webhook.replicas: many is not a whole number"),
        (parameter(config={"map": {"webhook.replica": "3"}}), "parameter config: spec.webhook.replica: unknown field"),
        (parameter(config={"map": {"webhook..replicas": "3"}}), "'webhook..replicas' is no path of a field"),
        (parameter(config={"map": {"domains[2].sid": "S"}}), "parameter config: spec.domains[2].sid: [2] is beyond the end: the list has 1 entries"),
        (parameter(config={"map": {"domains.sid": "S"}}), "sid is a field of a mapping, and there is none here"),
        (parameter(config={"map": {"domains": "[{"}}), "parameter config: spec.domains: not YAML"),
        (parameter(environment={"string": "../x"}), "parameter 'environment': '../x' is no name of an environment"),
        (parameter(environment={"string": "test"}), "parameter 'environment': environments/test.yaml does not exist"),
        (parameter(environment={"string": "bad"}), "environments/bad.yaml:2:3: spec.webhook.replicas: 0 is out of range"),
        (parameter(environment={"string": "list"}), "environments/list.yaml:1:1: wants a part of a GMSAConfig's spec"),
    ],
)  # fmt: skip
def test_parameters_that_are_absent_or_wrong(environ: dict[str, str], message: str | None, server: CmpServer, folder: Callable[..., Path]) -> None:
    root = folder({**KINDS["manifests"], "environments/bad.yaml": "webhook:\n  replicas: 0\n", "environments/list.yaml": "- a\n"})
    if message is None:
        assert server.generate(root, **environ) == server.generate(root)
        return
    with pytest.raises(CmpError) as error:
        server.generate(root, **environ)
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


def test_helm_values_of_parameters(server: CmpServer, folder: Callable[..., Path]) -> None:
    root = folder({f"app/{name}": text for name, text in CHART.items()} | {"app/prod.yaml": "replicas: 9\n", "shared.yaml": "image: i\n"})
    environ = parameter(
        helm_release={"string": "other"},
        helm_value_files={"array": ["prod.yaml", "../shared.yaml"]},
        helm_values={"map": {"image": "a,b=c"}},
    )
    data = objects(server.generate(root, "app", **environ))["ConfigMap", "", "facts"]["data"]
    assert (data["release"], data["replicas"], data["image"]) == ("other", "9", "a,b=c")
    for release in ("--post-renderer=/bin/sh", "-h", "A"):
        with pytest.raises(CmpError, match="is no release name"):
            server.generate(root, "app", **parameter(helm_release={"string": release}))
    for file in ("../../x.yaml", "/etc/passwd", "https://example.com/x.yaml"):
        with pytest.raises(CmpError, match="is not in the repository"):
            server.generate(root, "app", **parameter(helm_value_files={"array": [file]}))


def test_the_ui_is_told_of_the_parameters(server: CmpServer) -> None:
    announced = {it.name: it for it in server.parameters(ROOT / "kustomize", "quickstart")}
    assert {name: it.collectionType for name, it in announced.items()} == {
        "environment": "string", "config": "map", "certificate-source": "string",
        "helm-release": "string", "helm-values": "map", "helm-value-files": "array",
    }  # fmt: skip
    assert all(it.title and it.tooltip for it in announced.values())


def test_the_seed_in_a_mounted_file(call: Callable[..., Done], folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    config_file = folder({"gmsa.yaml": config(USED + "  webhook: {certificate: {source: Derive}}\n")}) / "gmsa.yaml"
    seed = tmp_path_factory.mktemp("seed") / "seed"
    seed.write_text(SEED + "\n")
    fixed = {"SOURCE_DATE_EPOCH": "1750000000"}
    mounted = call("render", config_file, env={**fixed, "GMSA_KRM_SEED_FILE": str(seed)})
    assert mounted.status == 0
    assert mounted.stdout == call("render", config_file, env={**fixed, "GMSA_KRM_SEED": SEED}).stdout
    missing = call("render", config_file, env={"GMSA_KRM_SEED_FILE": "/nowhere/seed"})
    assert (missing.status, missing.stdout) == (1, "")
    assert "/nowhere/seed, which GMSA_KRM_SEED_FILE names, does not exist; mount or mend it" in missing.stderr


def test_overrides_of_somebody_else_are_refused(render: Callable[..., Done]) -> None:
    done = render(config(USED + CERT_MANAGER), env={"GMSA_KRM_OVERRIDES": "webhook.replicas=3"})
    assert (done.status, done.stdout) == (1, "")
    assert "unset it" in done.stderr


def test_nothing_is_left_behind(server: CmpServer, folder: Callable[..., Path]) -> None:
    root = folder({"kustomization.yaml": GENERATOR, "gmsa.yaml": as_function(config(USED + CERT_MANAGER))})
    before = set(os.listdir("/tmp"))
    server.generate(root)
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("gmsa-krm-")]


def test_the_fleet(server: CmpServer) -> None:
    """kustomize/fleet and the parameters of kustomize/argocd/applicationset.yaml."""
    template = yaml.safe_load((ROOT / "kustomize/argocd/applicationset.yaml").read_text())["spec"]["template"]["spec"]
    plugin = template["source"]["plugin"]
    assert server.matches(ROOT, template["source"]["path"])
    found = {}
    for cluster, replicas in (("east", "2"), ("west", "5")):
        given = yaml.safe_load(json.dumps(plugin["parameters"]).replace("{{.name}}", cluster))
        assert "gmsa-krm.dev/replicas" in given[1]["map"]["webhook.replicas"]
        given[1]["map"]["webhook.replicas"] = replicas
        environ = {"ARGOCD_APP_PARAMETERS": json.dumps(given)}
        found[cluster] = objects(server.generate(ROOT / "kustomize", "fleet", **environ))
    east, west = (found[cluster]["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"] for cluster in ("east", "west"))
    assert (east["replicas"], west["replicas"]) == (2, 5)  # the ApplicationSet's value is stronger than the file's
    assert east["template"]["spec"]["nodeSelector"]["kubernetes.io/arch"] == "arm64"
    assert "kubernetes.io/arch" not in west["template"]["spec"]["nodeSelector"]
    account = found["west"]["GMSACredentialSpec", "", "gmsa-webapp1"]["credspec"]["ActiveDirectoryConfig"]["HostAccountConfig"]
    assert account["PluginInput"].startswith("ObjectId=00000000-")


def test_the_component_puts_the_sidecar_into_repo_server(sidecar: dict[str, str], folder: Callable[..., Path]) -> None:
    """Against the Deployment of Argo CD's own manifests, as its Go module has them."""
    from build import module

    manifests = module("argocd-cmp-server") / "manifests"
    root = folder({"kustomization.yaml": "resources: [repo-server.yaml]\ncomponents: [component]\nimages: [{name: gmsa-krm-cmp, newName: registry.example.com/x, newTag: v1}]\n"})
    shutil.copytree(ROOT / "kustomize" / "argocd", root / "component")
    own = [it for it in yaml.safe_load_all((manifests / "install.yaml").read_text()) if it["metadata"]["name"] == "argocd-repo-server"]
    (root / "repo-server.yaml").write_text(yaml.safe_dump_all(own))
    built = parsed(run(sidecar, root, "kustomize", "build", "."))
    before = next(it for it in own if it["kind"] == "Deployment")["spec"]["template"]["spec"]
    after = built["Deployment", "", "argocd-repo-server"]["spec"]["template"]["spec"]
    added = [it for it in after["containers"] if it["name"] == "gmsa-krm"]
    assert [it for it in after["containers"] if it not in added] == before["containers"]
    assert added[0]["image"] == "registry.example.com/x:v1"
    volumes = {volume["name"] for volume in after["volumes"]}
    assert {mount["name"] for mount in added[0]["volumeMounts"]} <= volumes
    assert {"name": "tmp", "mountPath": "/tmp"} not in added[0]["volumeMounts"]
    # the Helm chart's values add the same
    values = yaml.safe_load((ROOT / "kustomize/argocd/helm-values.yaml").read_text())["repoServer"]
    assert [{**values["extraContainers"][0], "image": "registry.example.com/x:v1"}] == added
    assert values["volumes"] == [it for it in after["volumes"] if it["name"].startswith("gmsa-krm")]
