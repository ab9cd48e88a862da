"""Workloads of every kind, and objects that a config has nothing to do with, as data; credential specs as files."""

from __future__ import annotations

import json
from typing import Any

from configs import ACCOUNTS, CANONICAL, CONTENTS, KINDS, NAMES, NAMESPACES, OLDER
from dice import Dice
from wrong_values import WRONG, copied
from yaml_styles import Raw, Style

Data = dict[str, Any]

_API_VERSIONS = {
    **dict.fromkeys(("Pod", "PodTemplate", "ReplicationController"), "v1"),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps/v1"),
    **dict.fromkeys(("CronJob", "Job"), "batch/v1"),
    "Rollout": "argoproj.io/v1alpha1",
    "CloneSet": "apps.kruise.io/v1alpha1",
    "Odd": "example.com/v1",
}
_IMAGES = (
    "iis",
    "mcr.microsoft.com/windows/nanoserver:ltsc2022",
    "mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022",
)
_USERS = ("ContainerUser", "User Manager\\ContainerUser", "ContainerAdministrator", "NT AUTHORITY\\SYSTEM")
_HOOKS = (
    ["cmd", "/c", "x"],
    ["powershell.exe", "-command", "Restart-Service -Name netlogon"],
    ["powershell.exe", "-command", "nltest /sc_reset:contoso.com"],
)


def _windows_options(dice: Dice) -> Data:
    options: Data = {}
    how = dice.random()
    if how < 0.7:
        others = ("gmsa-report", "GMSA-WebApp1", "gmsa-webap1", "gmsa-existing", "nothing")
        options["gmsaCredentialSpecName"] = dice.pick(("gmsa-webapp1",), others)
    if how > 0.6 and ("gmsaCredentialSpecName" in options or not dice.is_right):
        same = (CANONICAL, CANONICAL, json.dumps(CONTENTS), json.dumps(CONTENTS, indent=2))
        options["gmsaCredentialSpec"] = dice.pick(same, (OLDER, "{}", "not json", CANONICAL + "\n"))
    if dice.some(0.15):
        options["runAsUserName"] = dice.choice(_USERS)
    if dice.some(0.07):
        options["hostProcess"] = dice.pick((False,), (True,))
    if dice.some(0.05) and not dice.is_right:
        options["gmsaCredentialSpecName"] = dice.choice(("", None, 1, True, [], {}))
    return options


_SECURITY_CONTEXTS: tuple[Data, ...] = (
    {"runAsUser": 1000},
    {"readOnlyRootFilesystem": True},
    {"capabilities": {"drop": ["ALL"]}},
    {"privileged": False},
)
_MOUNTS: tuple[list[Data], ...] = (
    [{"name": "a", "mountPath": "/a"}],
    [{"name": "bound-token", "mountPath": "/var/run/secrets/tokens", "readOnly": True}],
    [{"name": "x", "mountPath": "/var/run/secrets/tokens"}],
    [],
)
_VALUES = (
    "NO",
    "1",
    "true",
    "x: y",
    "two\nlines\n",
    "😀",
    "a text of several words",
    "a\rb",
    "a\u0085b",
    "-x\n---\nkind: Pod",
)


def _container(dice: Dice, name: str, listing: str, rate: float) -> Data:
    """`rate`: how often it has Windows options."""
    container: Data = {"name": name, "image": dice.choice(_IMAGES)}
    if dice.some(rate):
        container["securityContext"] = {"windowsOptions": _windows_options(dice)}
    if dice.some(0.07):
        container.setdefault("securityContext", {}).update(dice.choice(_SECURITY_CONTEXTS))
    if dice.some(0.1) and listing == "containers":
        command = {"exec": {"command": dice.choice(_HOOKS)}}
        others: tuple[Data, ...] = ({"postStart": None}, {"preStop": command}, {"postStart": {"httpGet": {"port": 80}}})
        container["lifecycle"] = dice.choice(({"postStart": command}, *others, {}))
    if dice.some(0.1):
        container["volumeMounts"] = dice.choice(_MOUNTS)
    if dice.some(0.2):
        container["env"] = [{"name": "A", "value": dice.choice(_VALUES)}]
    if dice.some(0.1):
        container["args"] = dice.choice((["-a", "*"], [], ["--x=1", "1e3"]))
    return container


def _affinity(*systems: str) -> Data:
    """A required node affinity with a term for each system."""
    terms = [
        {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": [system]}]} for system in systems
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


_POD_FIELDS: tuple[tuple[str, float, tuple[Any, ...]], ...] = (
    ("hostPID", 0.03, (True,)),
    ("hostIPC", 0.03, (True,)),
    ("shareProcessNamespace", 0.03, (True,)),
    ("hostNetwork", 0.03, (True,)),
    ("hostname", 0.1, ("a", "a\rstatus:", "a\u0085b", "two words")),
    ("tolerations", 0.1, ([{"key": "os", "value": "windows"}],)),
    ("volumes", 0.1, ([{"name": "a", "emptyDir": {}}], [{"name": "bound-token", "projected": {"sources": []}}], [])),
)
_POD_SECURITY: tuple[Data, ...] = (
    {"fsGroup": 1},
    {"runAsUser": 1},
    {"seccompProfile": {"type": "RuntimeDefault"}},
    {"runAsNonRoot": True},
)


def pod_spec(dice: Dice, rate: float) -> Data:
    """`rate`: how often the pod or a container names a credspec."""
    pod: Data = {}
    _add_containers(dice, pod, rate)
    if dice.some(rate):
        pod["securityContext"] = {"windowsOptions": _windows_options(dice)}
        if dice.some(0.1):
            pod["securityContext"].update(dice.choice(_POD_SECURITY))
    if dice.some(0.6):
        key = dice.choice(("serviceAccountName",) * 5 + ("serviceAccount",))
        pod[key] = dice.pick(("webapp1", "webapp1", "report", "default", "robot"), WRONG["serviceAccountName"], 0.05)
    if dice.some(0.4):
        windows = {"kubernetes.io/os": "windows"}
        pod["nodeSelector"] = dice.pick(
            (windows, windows, {"pool": "a"}, {}, None),
            ({"kubernetes.io/os": "linux"}, {"beta.kubernetes.io/os": "linux"}),
        )
    if dice.some(0.25):
        pod["os"] = dice.pick(({"name": "windows"}, {"name": "windows"}, {}, None), ({"name": "linux"},))
    if dice.some(0.05):
        pod["runtimeClassName"] = dice.pick(("windows", "none"), ("kata",))
    if dice.some(0.1):
        pod["affinity"] = dice.pick((_affinity("windows"), _affinity("windows", "linux"), {}), (_affinity("linux"),))
    pod.update({key: dice.choice(values) for key, probability, values in _POD_FIELDS if dice.some(probability)})
    if dice.some(0.05) and not dice.is_right:
        _add_misplaced(dice, pod)
    items = list(pod.items())
    dice.shuffle(items)
    return dict(items)


def _add_misplaced(dice: Dice, pod: Data) -> None:
    """A reference where the API does not read it, or in another spelling."""
    name = dice.choice(
        ("gmsaCredentialSpecName", "gmsaCredentialSpec", "gMSACredentialSpecName", "gmsa_credential_spec")
    )
    reference = {name: dice.choice(("gmsa-webapp1", CANONICAL, None, ["x"], {"x": "y"}))}
    pod.update(dice.choice((reference, {"windowsOptions": reference}, {"securityContext": reference})))


def _add_containers(dice: Dice, pod: Data, rate: float) -> None:
    names = ["iis", *dice.sample(("log", "init", "sidecar", "main"), dice.randint(0, 2))]
    if dice.is_right or dice.some(0.9):
        pod["containers"] = [_container(dice, name, "containers", rate / 2) for name in names]
    if dice.some(0.2):
        pod["initContainers"] = [_container(dice, name, "initContainers", rate) for name in dice.few(("init", "first"))]
    if dice.some(0.07):
        pod["ephemeralContainers"] = [_container(dice, "debug", "ephemeralContainers", 0 if dice.is_right else rate)]


_LABELS: tuple[Data, ...] = (
    {"app": "iis"},
    {"app": "iis", "tier": "db"},
    {"app": "api", "size": "5"},
    {"legacy": ""},
    {"app.kubernetes.io/managed-by": "gmsa-krm"},
)
_ANNOTATIONS: tuple[Data, ...] = (
    {"helm.sh/hook": "pre-install"},
    {"a": "b"},
    {"config.kubernetes.io/path": "web.yaml", "config.kubernetes.io/index": "0"},
)
_ALPHA: Data = {"pod.alpha.windows.kubernetes.io/gmsa-credential-spec-name": "gmsa-webapp1"}
_NO_TEMPLATES: tuple[Data, ...] = ({}, {"spec": None}, {"spec": []}, {"metadata": {}}, {"spec": "x"})


def workload(dice: Dice, kind: str = "", rate: float = 0.5) -> Data:
    """An object with a pod; `kind` "": of any kind."""
    kind = kind or dice.choice((*KINDS, "Deployment", "Deployment", "Odd"))
    metadata: Data = {"name": dice.choice(NAMES)}
    if dice.some(0.85):
        metadata["namespace"] = dice.pick(("web", "web", "web", *NAMESPACES), ("*", "A", "a\nb"), 0.03)
    if dice.some(0.5):
        metadata["labels"] = dice.choice(_LABELS)
    if dice.some(0.1):
        metadata["annotations"] = dice.pick(_ANNOTATIONS, (_ALPHA,))
    template: Data = {"metadata": {"labels": {"app": "iis"}}, "spec": pod_spec(dice, rate)}
    if dice.some(0.03) and not dice.is_right:
        template = dice.choice(_NO_TEMPLATES)
    return {"apiVersion": _API_VERSIONS[kind], "kind": kind, "metadata": metadata, **_body(kind, template)}


def _body(kind: str, template: Data) -> Data:
    if kind == "Pod":
        return {"spec": template.get("spec", {})}
    if kind == "PodTemplate":
        return {"template": template}
    if kind == "CronJob":
        return {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}}
    if kind == "Odd":
        return {"spec": {"deep": {"er": {"template": template}}}}
    return {"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "iis"}}, "template": template}}


def _object(api: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Data:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def foreign_object(dice: Dice) -> Data:
    """An object without a pod; a few of them are what a config may emit too."""
    name = dice.choice(NAMES)
    texts = {"a": "NO", "b": "0o17", "c": "two\nlines\n", "d": Raw("text"), "on": "1", "e": "a text of words"}
    scalars = {"n": Raw("1e3"), "d": Raw("2026-01-01"), "x": Raw("0x1F"), "gmsaCredentialSpecName": "x"}
    context = {"windowsOptions": _windows_options(dice)}
    hooks = "admissionregistration.k8s.io/v1"
    return dice.choice(
        (
            _object("v1", "ConfigMap", name, data=texts),
            _object("v1", "ConfigMap", name, data={"GMSAConfig": "gmsa-krm.dev/v1alpha1", "kind": "Deployment"}),
            _object("v1", "Namespace", dice.choice(NAMESPACES)),
            _object("v1", "Secret", name, "web", data={"k": "AAAA"}),
            _object("v1", "Service", name, "web", spec={"ports": [{"port": 80}]}),
            _object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "x.example.com", spec={"group": "x"}),
            _object(hooks, "ValidatingWebhookConfiguration", "x", webhooks=[]),
            _object("example.com/v1", "Widget", name, spec=scalars),
            credspec_object(dice, dice.choice((0, 0, 0, 1, 2))),
            _object("example.com/v1", "Job", name, spec={"template": {"spec": {"securityContext": context}}}),
            _object("v1", "ServiceAccount", "webapp1", "web"),
            _runtime_class("kata", "linux"),
            _runtime_class("windows", "windows"),
            _object("rbac.authorization.k8s.io/v1", "ClusterRole", "gmsa-webapp1", rules=[]),
            _object(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                "all",
                rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}],
            ),
        )
    )


def credspec_object(dice: Dice, changes: int) -> Data:
    """A GMSACredentialSpec whose contents have a number of changes."""
    name = dice.choice(("gmsa-webapp1", "other", "gmsa-reports"))
    contents: Any = credspec_json(dice, changes)
    if changes and dice.some(0.2):
        contents = dice.choice((None, [], "x", {}, {"a": {"b": "${C}"}}))
    elif dice.some(0.1):
        contents["DomainJoinConfig"] = {**CONTENTS["DomainJoinConfig"], "Sid": "${DOMAIN_SID}"}
    return _object("windows.k8s.io/v1", "GMSACredentialSpec", name, credspec=contents)


def _runtime_class(name: str, system: str) -> Data:
    scheduling = {"nodeSelector": {"kubernetes.io/os": system}}
    return _object("node.k8s.io/v1", "RuntimeClass", name, handler=name, scheduling=scheduling)


def in_lists(dice: Dice, objects: list[Data]) -> list[Data]:
    """The objects; now and then some of them in a List, a DeploymentList, another object or a List in a List."""
    if len(objects) < 2 or not dice.some(0.2):
        return objects
    at = dice.randrange(len(objects))
    inner: Data = {"apiVersion": "v1", "kind": dice.choice(("List", "List", "DeploymentList")), "items": objects[at:]}
    if dice.some(0.3):
        inner["metadata"] = {}
    if dice.some(0.2):
        inner = {**inner, "kind": "ConfigMap", "metadata": {"name": "listed"}}
    if dice.some(0.2):
        inner = {"apiVersion": "v1", "kind": "List", "items": [inner]}
    return [*objects[:at], inner]


_GMSAS: tuple[Any, ...] = (
    [],
    None,
    {},
    ["WebApp1"],
    [{"Name": "WebApp1"}],
    [{"Name": "WebApp1", "Scope": "CONTOSO"}],
    [{"Name": "x$", "Scope": "a b"}],
    [{"Name": 1, "Scope": True, "Sid": "x"}],
)
_HOST_ACCOUNTS: tuple[Any, ...] = (
    None,
    {},
    [],
    {"PortableCcgVersion": 1, "PluginGUID": "859E1386-BDB4-49E8-85C7-3070B13920E1", "PluginInput": {"a": 1}},
    {"PluginGuid": "x"},
    {"PortableCcgVersion": "1", "PluginGUID": "{859E1386-BDB4-49E8-85C7-3070B13920E1}", "PluginInput": "x"},
)
_PARTS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("CmsPlugins", ([], ["activedirectory"], "ActiveDirectory", None, ["ActiveDirectory", "x"])),
    ("Extra", (1, {}, None)),
    ("cmsPlugins", (["ActiveDirectory"],)),
    ("ActiveDirectoryConfig", ("x", [], None)),
    ("DomainJoinConfig", ("x", [], None, {})),
)


def credspec_json(dice: Dice, changes: int) -> Data:
    """The JSON that New-CredentialSpec writes, with a number of changes."""
    data = copied(CONTENTS)
    for _ in range(changes):
        directory, join = data.get("ActiveDirectoryConfig"), data.get("DomainJoinConfig")
        how = dice.randrange(7)
        if how == 0:
            key, values = dice.choice(_PARTS)
            data[key] = dice.choice(values)
        elif how == 1:
            data.pop(dice.choice(list(data) or [""]), None)
        elif how == 2 and isinstance(directory, dict):
            directory["GroupManagedServiceAccounts"] = dice.choice(_GMSAS)
        elif how == 3 and isinstance(directory, dict):
            directory["HostAccountConfig"] = dice.choice(_HOST_ACCOUNTS)
        elif isinstance(join, dict):
            _change_join(dice, join)
    return data


def _change_join(dice: Dice, join: Data) -> None:
    key = dice.choice((*join, "Name", "dnsName", "SID"))
    odd = (*WRONG["sid"], *WRONG["guid"], *WRONG["dnsName"], *WRONG["account"], *ACCOUNTS, 1, None, [], True)
    if dice.some(0.2):
        join.pop(key, None)
    else:
        join[key] = dice.choice(odd)


_BROKEN = (
    *(b"", b"[]", b"1", b"null", b"\xff\xfe", b"\xef\xbb\xbf", b'{"a": "\\ud800"}', b"{" * 5000, b"x" * 70_000),
    *(b"\xff{}", b"{'a': 1}", b'{"CmsPlugins": NaN}', b'{"a": ' + b"9" * 5000 + b"}"),
)


def credspec_bytes(dice: Dice, data: Data, *, may_be_object: bool = True) -> bytes:
    """`data` as a file: most in UTF-8, some in UTF-16, with a byte order mark, or broken.

    `may_be_object`: not for a file beside manifests, where a GMSACredentialSpec is left out if a config reads it.
    """
    if may_be_object and dice.some(0.3):
        data = _object("windows.k8s.io/v1", "GMSACredentialSpec", dice.choice(("web", "Web_1", "")), credspec=data)
    text = json.dumps(data, indent=dice.choice((None, 2, 4)), ensure_ascii=dice.some(0.5))
    if dice.some(0.3):
        return bytes(Style(dice).dump(data).encode("utf-8", "surrogatepass"))
    forms = (
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode("utf-32"),
        text.encode("utf-8-sig"),
        text.replace("\n", "\r\n").encode(),
        text.replace('"CmsPlugins"', '"CmsPlugins": 1, "CmsPlugins"').encode(),
        text[: dice.randrange(len(text))].encode(),
        dice.choice(_BROKEN),
        text.replace("CONTOSO", dice.choice(("\\u0043ONTOSO", "C\\tO", "😀"))).encode(),
    )
    return dice.choice(forms) if dice.some(0.4) else text.encode()
