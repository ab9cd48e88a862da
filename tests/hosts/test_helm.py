"""The post-renderer behind the real Helm 3 and Helm 4: only the wanted difference."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from build import tool
from conftest import (
    ENTRY,
    ROOT,
    SEED,
    Call,
    Folder,
    by_identity,
    config,
    deployment,
    environment,
    workloads_config,
)
from gmsa_krm import __version__

NAMES = ("helm3", "helm4")
ENV = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1790000000"}
FILE_NAME = "postrenderer.helm.sh/postrender-filename"

CONFIG = (
    (ROOT / "tests/cases/domain-joined/gmsa.yaml")
    .read_text()
    .replace("serviceAccounts: [default]", "serviceAccounts: [webapp1]")
    + """\
  workloads:
  - match: {labelSelector: app=iis}
    credspec: gmsa-webapp1
    serviceAccount: webapp1
"""
)
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: storefront\nversion: 1.0.0\n",
    "values.yaml": "replicas: 2\n",
    "crds/crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.b.c}\nspec: {}\n",
    "templates/web.yaml": """\
# The web tier
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: default
  labels: {app: iis, version: "1.10"}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: iis
        image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
        args: ["NO", 'on', "0o17"]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: text}
data:
  norway: "NO"
  script: |
    first
      --- not a document
    last
""",
    "templates/json.yaml": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"a": "1e3"}}\n',
    "templates/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: in-list}, data: {a: b}}\n",
    "templates/crlf.yaml": "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: crlf\r\ndata:\r\n  a: b\r\n",
    "templates/hook.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  labels: {app: iis}\n  annotations: {helm.sh/hook: pre-install}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n",
    "templates/twice.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\n",
    "templates/twice-hook.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice, annotations: {helm.sh/hook: pre-install}}\n",
    "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
    "charts/sub/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\ndata: {long: '123456789012345678901234567890'}\n",
}


@pytest.fixture(params=NAMES)
def helm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(program: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a Helm with the post-renderer: as plugin in Helm 4, by path in Helm 3."""
    home = tmp_path / "home"
    home.mkdir()
    installed = subprocess.run(
        [program, "install", "helm"], env=environment(home), capture_output=True, text=True, check=True
    )
    plugins = home / ".local/share/gmsa-krm/helm-plugins"
    assert f"HELM_PLUGINS={plugins}" in installed.stdout

    def helm(
        name: str, *arguments: str | Path, render: bool = True, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        env = environment(home, **ENV)
        command: list[str | Path] = [tool(name), *arguments]
        if render and name == "helm3":
            command += ["--post-renderer", program, "--post-renderer-args", "post-render"]
        elif render:
            env["HELM_PLUGINS"] = str(plugins)
            command += ["--post-renderer", "gmsa"]
        for option in options:
            command += ["--post-renderer-args", option]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return helm


@pytest.fixture
def chart(tmp_path: Path) -> Callable[..., Path]:
    def make(more: dict[str, str] | None = None) -> Path:
        for name, text in {**CHART, **(more or {})}.items():
            path = tmp_path / "storefront" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return tmp_path / "storefront"

    return make


def objects(text: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(text) if item]


def key(item: dict[str, Any]) -> tuple[str, ...]:
    metadata = item.get("metadata", {})
    return (
        item["kind"],
        metadata.get("namespace", ""),
        metadata.get("name", ""),
        str("helm.sh/hook" in metadata.get("annotations", {})),
    )


def sorted_by_key(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=key)


@pytest.mark.parametrize("place", ["in the chart", "beside it"])
def test_only_the_wanted_difference(
    helm: str,
    place: str,
    run: Callable[..., Any],
    chart: Callable[..., Path],
    call: Call,
    tmp_path: Path,
) -> None:
    (tmp_path / "gmsa.yaml").write_text(CONFIG)
    folder = chart({"templates/gmsa.yaml": CONFIG} if place == "in the chart" else None)
    options = () if place == "in the chart" else ("--config", str(tmp_path / "gmsa.yaml"))
    plain = run(helm, "template", "r", folder, "--include-crds", render=False)
    done = run(helm, "template", "r", folder, "--include-crds", options=options)
    assert done.returncode == 0, done.stderr
    assert FILE_NAME not in done.stdout
    wanted = [item for item in objects(plain.stdout) if item["kind"] != "GMSAConfig"]
    if helm == "helm4":  # flattens Lists itself once there is a post-renderer
        wanted = [entry for item in wanted for entry in (item["items"] if item["kind"] == "List" else [item])]
    for item in wanted:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"] |= {
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}},
                "serviceAccountName": "webapp1",
                "nodeSelector": {"kubernetes.io/os": "windows"},
                "os": {"name": "windows"},
            }
    ours = call("render", tmp_path / "gmsa.yaml", env=ENV).objects
    assert sorted_by_key(objects(done.stdout)) == sorted_by_key([*wanted, *ours])


def test_helm_3_gets_an_order_that_works(run: Callable[..., Any], chart: Callable[..., Path]) -> None:
    done = run("helm3", "template", "r", chart({"templates/gmsa.yaml": CONFIG}))
    kinds = [(item["kind"], item.get("metadata", {}).get("name")) for item in objects(done.stdout)]
    assert kinds.index(("MutatingWebhookConfiguration", "gmsa-webhook")) < kinds.index(("Deployment", "r-web"))
    assert kinds.index(("Namespace", "gmsa-webhook")) < kinds.index(("Deployment", "gmsa-webhook"))


def test_what_we_make_can_be_selected(
    helm: str, run: Callable[..., Any], chart: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    (tmp_path / "gmsa.yaml").write_text(CONFIG)
    done = run(helm, "template", "r", chart({"templates/gmsa.yaml": CONFIG}), "--show-only", "templates/gmsa-krm.yaml")
    assert done.returncode == 0, done.stderr
    ours = call("render", tmp_path / "gmsa.yaml", env=ENV).objects
    assert by_identity(objects(done.stdout)) == by_identity(ours)


def test_install_dry_run(run: Callable[..., Any], chart: Callable[..., Path]) -> None:
    """Helm 3 asks the API server for its version even then, so it is not run here."""
    done = run("helm4", "install", "r", chart({"templates/gmsa.yaml": CONFIG}), "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert "gmsaCredentialSpecName: gmsa-webapp1" in done.stdout


def test_errors_reach_the_user(helm: str, run: Callable[..., Any], chart: Callable[..., Path], tmp_path: Path) -> None:
    wrong = chart({"templates/gmsa.yaml": CONFIG.replace("account: WebApp1", "account: WebApp1$")})
    message = "spec.credspecs[0].account: WebApp1$ ends in $"
    log = tmp_path / "home/.local/state/gmsa-krm/post-render.log"
    done = run(helm, "template", "r", wrong)
    assert done.returncode != 0
    assert "kind:" not in done.stdout
    assert (message in done.stderr) is (helm == "helm3")
    assert log.exists() is (helm == "helm4")
    if helm == "helm4":
        assert message in log.read_text()
        assert log.stat().st_mode & 0o777 == 0o600
        assert run(helm, "template", "r", chart({"templates/gmsa.yaml": CONFIG})).returncode == 0
        assert not log.exists()
    own = tmp_path / "own.log"
    assert (
        run(
            helm,
            "template",
            "r",
            chart({"templates/gmsa.yaml": CONFIG.replace("WebApp1", "WebApp1$", 1)}),
            options=("--log-file", str(own)),
        ).returncode
        != 0
    )
    assert message in own.read_text()


def test_hooks_are_left_alone_unless_named(run: Callable[..., Any], chart: Callable[..., Path]) -> None:
    """Helm 4 sends hooks too."""
    for match, changed in (("labelSelector: app=iis", False), ("names: [migrate, r-web]", True)):
        done = run(
            "helm4", "template", "r", chart({"templates/gmsa.yaml": CONFIG.replace("labelSelector: app=iis", match)})
        )
        assert done.returncode == 0, done.stderr
        job = next(item for item in objects(done.stdout) if item["kind"] == "Job")
        assert ("securityContext" in job["spec"]["template"]["spec"]) is changed


def test_hooks_get_contents_in_mode_policy(run: Callable[..., Any], chart: Callable[..., Path]) -> None:
    """Without them the API server would refuse them; nothing else in them is changed, and they are checked."""
    policy = CONFIG.replace("spec:\n", "spec:\n  admission: {mode: Policy}\n", 1)
    hook = """\
apiVersion: batch/v1
kind: Job
metadata: {name: seed, namespace: default, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    spec:
      serviceAccountName: webapp1
      restartPolicy: Never
      nodeSelector: {kubernetes.io/os: windows}
      securityContext: {windowsOptions: {gmsaCredentialSpecName: %s}}
      containers: [{name: seed, image: iis}]
"""
    done = run(
        "helm4", "template", "r", chart({"templates/gmsa.yaml": policy, "templates/seed.yaml": hook % "gmsa-webapp1"})
    )
    assert done.returncode == 0, done.stderr
    job = next(item for item in objects(done.stdout) if item["metadata"]["name"] == "seed")
    spec = job["spec"]["template"]["spec"]
    options = spec["securityContext"].pop("windowsOptions")
    assert json.loads(options["gmsaCredentialSpec"])["DomainJoinConfig"]["MachineAccountName"] == "WebApp1"
    assert {
        **spec,
        "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": options["gmsaCredentialSpecName"]}},
    } == yaml.safe_load(hook % "gmsa-webapp1")["spec"]["template"]["spec"]
    assert (
        run(
            "helm4",
            "template",
            "r",
            chart({"templates/gmsa.yaml": policy, "templates/seed.yaml": hook % "gmsa-nobody"}),
        ).returncode
        != 0
    )


def test_neither_helm_loses_its_plugins(run: Callable[..., Any], tmp_path: Path, program: Path) -> None:
    """Both share a folder of plugins; what we install must not make one Helm's plugins vanish."""
    home = tmp_path / "home"
    shared = home / ".local/share/helm/plugins/hello"
    shared.mkdir(parents=True)
    (shared / "plugin.yaml").write_text("name: hello\nversion: 1.0.0\nusage: says hello\ncommand: echo hello\n")
    for name in NAMES:
        done = run(name, "hello", render=False)
        assert done.stdout == "hello\n", done.stderr


def test_an_empty_stream(call: Call) -> None:
    helm3 = call("post-render", stdin=b"\n")
    assert (helm3.status, helm3.stdout, helm3.stderr) == (0, "", "")
    helm4 = call("post-render", stdin=b"", env={"HELM_PLUGIN_NAME": "gmsa", "XDG_STATE_HOME": "/nonexistent"})
    assert (helm4.status, helm4.stdout) == (1, "")
    assert "Helm 4 takes no empty answer" in helm4.stderr
    nothing = call("post-render", stdin=deployment().encode())
    assert (nothing.status, nothing.stdout) == (1, "")
    assert "no GMSAConfig: neither in the chart's output nor by --config" in nothing.stderr


def test_the_namespace_of_the_release_completes_documents_without_one(call: Call, folder: Folder) -> None:
    config = folder({"gmsa.yaml": workloads_config(ENTRY.replace("names: [web]", "namespaces: [web]"))}) / "gmsa.yaml"
    stream = deployment().replace(" namespace: web,", "").encode()
    assert "gmsaCredentialSpecName" not in call("post-render", "--config", config, stdin=stream).stdout
    done = call("post-render", "--config", config, "--namespace", "web", stdin=stream)
    assert "gmsaCredentialSpecName" in done.stdout
    assert "namespace: web" not in done.stdout.partition("spec: {template")[2]


def test_the_plugin_folder_is_that_of_helm_4(program: Path, tmp_path: Path) -> None:
    """`helm plugin install plugin/helm`, as the README has it."""
    env = environment(tmp_path)
    done = subprocess.run(
        [tool("helm4"), "plugin", "install", ROOT / "plugin/helm"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [tool("helm4"), "plugin", "list"], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert "gmsa" in listed
    assert "postrenderer/v1" in listed


def test_twenty_megabytes_take_less_than_eight_times_that(program: Path, tmp_path: Path) -> None:
    (tmp_path / "gmsa.yaml").write_text(workloads_config(ENTRY))
    one = "---\n# Source: big/templates/a.yaml\n" + yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a"},
            "data": {f"k{n}": "some text " * 8 for n in range(40)},
        }
    )
    stream = (one * (20_000_000 // len(one) + 1) + "---\n" + deployment()).encode()
    assert len(stream) > 20_000_000
    # In a process of its own: the peak of children that getrusage knows is that of the largest one so far.
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(done.returncode)"
    )
    command = [sys.executable, "-c", script, program, "post-render", "--config", tmp_path / "gmsa.yaml"]
    done = subprocess.run(command, input=stream, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[:500]
    assert int(done.stderr) * 1024 < 8 * len(stream)
    assert done.stdout.count(one.encode()) == stream.count(one.encode())
    assert (
        b"gmsaCredentialSpecName: gmsa-webapp1" in done.stdout
        or b'gmsaCredentialSpecName": "gmsa-webapp1' in done.stdout
    )


# The chart


VALUES = """\
postRenderer: true
domains:
- {dnsName: contoso.com, netBiosName: "NO", guid: 244818ae-87ac-4fcd-92ec-e79e5252348a, sid: S-1-5-21-2126449477-2524075714-3094792973}
credspecs:
- account: WebApp1
  usedBy: [{namespace: web, serviceAccounts: [webapp1]}]
webhook: {certificate: {source: CertManager}}
"""


def test_the_chart_gives_what_render_gives(helm: str, run: Callable[..., Any], call: Call, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(VALUES)
    done = run(
        helm,
        "template",
        "gmsa",
        ROOT / "charts/gmsa",
        "--include-crds",
        "--kube-version",
        "1.33.0",
        "--namespace",
        "gmsa-webhook",
        "--values",
        tmp_path / "values.yaml",
    )
    assert done.returncode == 0, done.stderr
    spec = yaml.safe_load(VALUES)
    del spec["postRenderer"]
    spec["webhook"] |= {"namespace": "gmsa-webhook", "createNamespace": False}
    config = {"apiVersion": "gmsa-krm.dev/v1alpha1", "kind": "GMSAConfig", "metadata": {"name": "gmsa"}, "spec": spec}
    (tmp_path / "gmsa.yaml").write_text(yaml.safe_dump(config))
    rendered = call("render", tmp_path / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    assert by_identity(objects(done.stdout)) == by_identity(rendered.objects)


def test_without_the_post_renderer_the_chart_says_what_to_do(
    helm: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "values.yaml").write_text(VALUES.replace("true", "false", 1))
    done = run(
        helm,
        "template",
        "gmsa",
        ROOT / "charts/gmsa",
        "--kube-version",
        "1.33.0",
        "--values",
        tmp_path / "values.yaml",
        render=False,
    )
    assert done.returncode != 0
    assert "the gmsa-krm post-renderer makes the objects of it" in done.stderr
    assert "--post-renderer gmsa-krm --post-renderer-args post-render" in done.stderr


def test_the_chart_is_linted_and_refuses_what_the_schema_does_not_know(
    helm: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "values.yaml").write_text(VALUES)
    for values in ((), ("--values", tmp_path / "values.yaml")):
        done = run(helm, "lint", ROOT / "charts/gmsa", "--strict", *values, render=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "\n[" not in done.stdout, done.stdout  # [INFO] and above
    (tmp_path / "values.yaml").write_text(VALUES.replace("netBiosName", "netbiosname"))
    wrong = run(
        helm,
        "template",
        "gmsa",
        ROOT / "charts/gmsa",
        "--kube-version",
        "1.33.0",
        "--values",
        tmp_path / "values.yaml",
        render=False,
    )
    assert wrong.returncode != 0
    assert "netbiosname" in wrong.stderr


def test_the_table_of_values_and_the_icon_are_up_to_date(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "charts/gmsa", tmp_path / "gmsa")
    subprocess.run([sys.executable, ROOT / "tests/tools/chart.py", tmp_path / "gmsa"], check=True)
    for name in ("README.md", "Chart.yaml"):
        assert (tmp_path / "gmsa" / name).read_text() == (ROOT / "charts/gmsa" / name).read_text(), "run make schema"


EVERY_IMAGE = """\
  credspecs:
  - account: WebApp1
    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]
    diagnostics: {namespace: web, serviceAccount: webapp1}
  nodes: {smbCompartmentNamespace: true}
"""


def test_artifact_hub_is_told_what_comes_out(call: Call, folder: Folder) -> None:
    metadata = yaml.safe_load((ROOT / "charts/gmsa/Chart.yaml").read_text())
    told = {key.partition("/")[2]: yaml.safe_load(value) for key, value in metadata["annotations"].items()}
    rendered = call("render", folder({"gmsa.yaml": config(EVERY_IMAGE)}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr

    assert {entry["image"] for entry in told["images"]} == set(images(rendered.objects))
    assert metadata["appVersion"] == told["images"][0]["image"].rpartition(":")[2]
    assert metadata["version"] == __version__  # the values are this version's config

    definition = rendered.object("CustomResourceDefinition")
    (crd,) = told["crds"]
    assert (crd["name"], crd["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    assert [version["name"] for version in definition["spec"]["versions"] if version["storage"]] == [crd["version"]]
    made = rendered.object("GMSACredentialSpec")
    del made["metadata"]["labels"]
    assert told["crdsExamples"] == [made]


def images(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        yield from [data["image"]] if isinstance(data.get("image"), str) else []
    for value in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from images(value)


UPSTREAM = """\
certificates:
  certManager: {enabled: true, version: v1.15.3}
  secretName: gmsa-server-cert
  certReload: {enabled: true}
credential:
  enabled: true
  hostAccountConfig:
    pluginGUID: "{ccc2a336-d7f3-4818-a213-272b7924213e}"
    portableCcgVersion: "1"
    pluginInput: ObjectId=a;SecretUri=https://v.vault.azure.net/secrets/s
  domainJoinConfig:
    dnsName: contoso.com
    dnsTreeName: contoso.com
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    machineAccountName: Web_App1
    netBiosName: CONTOSO
    sid: S-1-5-21-2126449477-2524075714-3094792973
containerPort: "443"
image: {repository: registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook, tag: v0.13.0, imagePullPolicy: IfNotPresent}
global: {systemDefaultRegistry: ""}
setPodOs: true
affinity: {}
nodeSelector: {}
podDisruptionBudget: {enabled: true, minAvailable: 1}
podSecurityContext: {fsGroup: 1}
replicaCount: 2
securityContext: {}
tolerations: [{key: a, operator: Exists}]
qps: 30.0
burst: 50
extra: 1
"""


def test_values_of_upstreams_chart_become_a_config(call: Call, folder: Folder) -> None:
    where = folder({"values.yaml": UPSTREAM})
    done = call("import", "helm-values", where / "values.yaml", "--release", "gmsa-webhook", "--namespace", "gmsa")
    assert done.status == 0, done.stderr
    spec = yaml.safe_load(done.stdout)["spec"]
    assert spec["credspecs"] == [
        {
            "account": "Web_App1",
            "name": "web-app1",
            "hostAccount": {
                "plugin": "AzureKeyVault",
                "input": "ObjectId=a;SecretUri=https://v.vault.azure.net/secrets/s",
            },
        }
    ]
    assert spec["webhook"] == {
        "name": "gmsa-webhook",
        "namespace": "gmsa",
        "createNamespace": False,
        "image": "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.13.0",
        "replicas": 2,
        "qps": 30,
        "burst": 50,
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "podDisruptionBudget": {"minAvailable": 1},
        "certificate": {"source": "CertManager"},
    }
    lost = [line.split(": ")[2] for line in done.stderr.splitlines()]
    assert lost == [
        "certificates.secretName",
        "podSecurityContext",
        "extra",
        "gmsa/gmsa-webhook are the names of upstream's objects; to take over a running webhook without a gap, give webhook.name and webhook.namespace others and follow ADOPTION.md",
    ]
    rendered = call("render", folder({"gmsa.yaml": done.stdout}) / "gmsa.yaml")
    assert rendered.status == 0, rendered.stderr
    # upstream's Deployment selects by this label alone; ours can take its place
    assert rendered.object("Deployment")["spec"]["selector"] == {"matchLabels": {"app": "gmsa-webhook"}}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "a: [",
        "credential: 1\nimage: []\n",
        "",
        "credential: {enabled: true}",
        "credential: {enabled: true, domainJoinConfig: [1], hostAccountConfig: x}\ncertificates: {certManager: 1}\n",
        "qps: x\nreplicaCount: {}\n",
    ],
)
def test_values_that_are_none(text: str, call: Call, folder: Folder) -> None:
    done = call("import", "helm-values", folder({"values.yaml": text}) / "values.yaml")
    assert done.status in (0, 1)
    assert done.status == 0 or done.stderr
