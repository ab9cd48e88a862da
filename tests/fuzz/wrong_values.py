"""Wrong and doubtful values of GMSAConfig fields, of workloads and of upstream's values, by the key that they are for."""

from __future__ import annotations

import json
import random
from typing import Any

from yaml_styles import ODD_SCALARS, Raw

Data = dict[str, Any]

_DIGITS = "9" * 5000
_GUID = "244818ae-87ac-4fcd-92ec-e79e5252348a"

WRONG: dict[str, tuple[Any, ...]] = {
    "account": (
        *("WebApp1$", "CONTOSO\\WebApp1", "web@contoso.com", "", " x", "x ", "a/b", "x" * 16, "x" * 21, "a\tb", "***"),
        "a\u0007",
    ),
    "affinity": (
        {"nodeAffinity": {"required": {}}},
        [],
        "x",
        {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": Raw("[1.5, 0x1]")}},
    ),
    "annotations": ({"a": 1}, [], {"a": None}, {"a": Raw("NO")}),
    "apiGroup": ("Argo", "", "a/b"),
    "apiVersion": ("gmsa-krm.dev/v1", "gmsa-krm.dev/v1alpha2", "gmsa-krm.dev", "v1", ""),
    "audience": ("", None, ["x"], "a\nb"),
    "containers": ([], ["nothing"], ["IIS"], "iis", ["iis", "iis"], [None], {}, [1], [[]]),
    "contents": ("", "{}", "not json", "[1]", '{"CmsPlugins": 1}', '{"a": 1, "a": 2}', "[" * 3000),
    "crd": ({"install": "true"}, {"install": None}, [], {"instal": True}),
    "credspec": ("gmsa-webap1", "GMSA-WebApp1", "nothing", "", "Gmsa-webapp1"),
    "dnsName": (
        *("contoso.com.", "CONTOSO", "con toso.com", "", "-a.com", "a..b", "x" * 64 + ".com", "ünï.com"),
        *(".".join(["abc"] * 70), "_sites.contoso.com", "a'; exit #.com"),
    ),
    "dnsTreeName": ("contoso.com.", "CONTOSO", "a b", ""),
    "domain": ("Contoso", "contos", "nowhere", ""),
    "excludedNamespaces": (["A"], "kube-system", [1]),
    "existingCredspecs": ("x", ["Upper"], [None], ["a", "a"]),
    "expirationSeconds": (599, 4294967297, "3600", 0, Raw("1e3"), Raw(_DIGITS)),
    "file": (
        *("nothing.json", "../x.json", "/etc/passwd", "", "credspecs", "link.json", "C:\\x.json", "a\0b", "..\\x.json"),
        *("empty.json", "loop.json", "x" * 300, "a\nb"),
    ),
    "guid": (
        *(f"{{{_GUID}}}", "244818ae", "00000000-0000-0000-0000-000000000000", "", _GUID.replace("-", "")),
        "zzz818ae-87ac-4fcd-92ec-e79e5252348a",
    ),
    "hosts": ("NODE1", ["n.contoso.com"], ["NODE1$"], [""], ["a\\b\\c"], ["x" * 16], [1], [[]], {}),
    "image": ("", "a b", "UPPER/x", "x@sha256:1", "webhook", "webhook:latest", "a:b:c", "https://x/y"),
    "imagePullSecrets": (["A"], [{"name": "x"}], "x"),
    "input": (
        *("", "x", {}, {"ObjectId": "x"}, {"objectId": "x", "SecretUri": "y"}, ["a"], "a:b:c", "{}", None),
        *({"ObjectId": "a b", "SecretUri": "http://x"}, '{"credentialArn":1}', "{" * 3000),
    ),
    "intervalSeconds": (0, 601, "3"),
    "issuerDiscovery": ("authenticated", "Everyone", ""),
    "kind": ("GMSAConfigs", "gmsaconfig", "ConfigMap"),
    "kubeVersion": ("1", "latest", "1.x", Raw("1.34"), "1.27", "1.29", "0.0", "", "1.25", f"1.{_DIGITS}"),
    "labelSelector": (
        *("", "app=iis,", "=x", "a b", "a in b", "a in (b,c d)", ",", "a<b", "a=b=c", "a in (", "!", f"a > {_DIGITS}"),
        f"a<-{_DIGITS}",
    ),
    "labels": ({"a": True}, "x", {"a": {}}, {"app": ["iis"]}),
    "logLevel": ("Info", "verbose", ""),
    "match": ({}, [], [{}], {"kinds": []}, None, "web", [{"kinds": ["Deployment"]}, {}], {"kind": ["Deployment"]}),
    "maxAttempts": (-1, 1001, "x", "1", Raw(_DIGITS)),
    "method": ("restartservice", "Reset", ""),
    "minAvailable": (5, "150%", "x", "1", f"{_DIGITS}%"),
    "mode": ("webhook", "policy", "none", "Webhok", "", None, "Policy"),
    "mountPath": ("relative", "/a/../b", "", "C:\\tokens", "/a:b"),
    "name": ("Upper", "a_b", "-a", "", "a" * 254, "a..b", "ünï", "a b", "x\n---\nkind: Pod", 1, [], "cluster", "admin"),
    "namespace": ("Web", "a.b", "", "-a", "x" * 64, "kube-system", "default", "*", "a\nb", 1, ["web"]),
    "netBiosName": ("contoso.com", "", "A B", "X" * 16, "A\\B", "A*", "ÜNÏ", "a"),
    "nodeSelector": (
        {"a": 1},
        {"kubernetes.io/os": "windows"},
        ["a"],
        {"a": "x y"},
        {"a": Raw("NO")},
        {"a": ["b"]},
        "x",
        {"kubernetes.io/os": None},
    ),
    "onExistingHook": ("keep", "Overwrite", "Error"),
    "os": ("windows", "${OS}", [], {"name": "linux"}, {"name": None}, {"name": ["windows"]}),
    "plugin": (
        *("azurekeyvault", "AzureKeyvault", "Nothing", "f919de1a-efc4-4902-b7e5-56b3d83b7ce3", "{f919de1a}", ""),
        "{not-a-guid-1}",
    ),
    "podDisruptionBudget": (
        {"minAvailable": 1, "maxUnavailable": 1},
        {"minAvailable": 5},
        {"minAvailable": "150%"},
        {"minAvailable": -1},
        {"maxUnavailable": "a"},
        {"minAvailable": "1"},
    ),
    "podTemplate": ("spec.", "spec.template[0]", "", ".spec", "spec..template"),
    "replicas": (0, 101, "2", 1, -1, 1.5, None, Raw("0x2"), Raw("02"), Raw(_DIGITS)),
    "resources": (
        {"limit": {}},
        {"limits": {"cpu": "x"}},
        {"limits": {"memory": Raw("1e3")}},
        {"requests": ["a"]},
        "big",
    ),
    "snapshot": (
        "",
        "nothing.yaml",
        "../ad.yaml",
        "/etc/passwd",
        "directory",
        "gmsa.yaml",
        "loop.json",
        "a\0b",
        [],
        {},
    ),
    "rotateEvery": ("0h", "1d", "8760h", "1s", "100h", f"{_DIGITS}h"),
    "scope": ("contoso.com.", "", "A B", "x" * 20, "a..b"),
    "securityContext": (
        "x",
        "${POD_SECURITY}",
        [],
        None,
        {"windowsOptions": "x"},
        {"windowsOptions": None},
        {"windowsOptions": []},
    ),
    "seedEnv": ("NOTHING", "", "SHORT", "WEAK", "GMSA_KRM_SEED_2", "FILE_SEED"),
    "seedFile": ("nothing", "../seed", "short.txt", "weak.txt", "credspecs"),
    "serviceAccount": ("Web", "", "a_b", "nobody"),
    "serviceAccountName": ("*", "A", "x\ny", ["webapp1"], "", None, 1, {"a": "b"}, "system:serviceaccounts", "x" * 300),
    "serviceAccounts": (
        *([], ["*", "webapp1"], ["Web"], "webapp1", [None], [""], ["default"], ["a", "a"], {"a": "b"}),
    ),
    "sid": (
        *("S-1-5-21-1-2-3-1105", "S-1-5-32-544", "S-1-5-21-1-2", "", "S-1-5-21-1-2-4294967296", "s-1-5-21-1-2-3"),
        *("S-1-5-21-01-2-3", f"S-1-5-21-1-2-{_DIGITS}"),
    ),
    "source": ("generate", "CertManger", "Files", "ExistingSecret", "", "Derive"),
    "tolerations": (
        [{"key": 1}],
        [{"Key": "a"}],
        {"key": "a"},
        [{"key": "a", "tolerationSeconds": "1"}],
        ["a"],
        [{"operator": "Equals"}],
        [{"key": "a", "operator": "Exists", "value": "b"}],
        [{"effect": "No"}],
    ),
    "usedBy": ("FromWorkload", "fromworkloads", {"namespace": "web"}, [{}], [{"namespace": "web"}], ["web"], [], None),
    "validFor": (*("1d", "0h", "30m", "59m", "1h", "720h", "", "999999999h", "1h-1", "4379h", "8760", f"{_DIGITS}h"),),
    "volumeMounts": ("x", [None], [{"name": "a"}], [["a"]], {}),
    "volumes": ("x", "${VOLUMES}", [None], [{"name": ["a"]}], {}),
}


def paths_of(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in `data`."""
    found = [path] if path else []
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        found += paths_of(value, (*path, key))
    return found


def with_wrong_values(rng: random.Random, data: Data, number: int) -> Data:
    """A copy of `data` with a few wrong values: from the pool of the key, of another kind, misplaced or missing."""
    data = _copy(data)
    for _ in range(number):
        paths = paths_of(data)
        if not paths:
            break
        pooled = [path for path in paths if path[-1] in WRONG]
        _spoil(rng, data, rng.choice(pooled if pooled and rng.random() < 0.7 else paths))
    return data


def _spoil(rng: random.Random, data: Any, path: tuple[Any, ...]) -> None:
    holder: Any = data
    for key in path[:-1]:
        holder = holder[key]
    key, how = path[-1], rng.random()
    if how < 0.65 and key in WRONG:
        holder[key] = rng.choice(WRONG[key])
    elif how < 0.75:
        holder[key] = Raw(rng.choice(ODD_SCALARS[:28]))
    elif how < 0.85 and isinstance(holder, dict):
        mistyped = rng.choice((key + "s", key[:-1], key.lower(), key.upper(), key[::-1], "x" + key)) or "x"
        holder[mistyped] = holder.pop(key)
    elif how < 0.95:
        del holder[key]
    elif isinstance(holder, list):
        holder.append(_copy(holder[key]))
    else:
        holder[rng.choice(("unknown", "spec", "enabled", "dnsName", "<<", "a b", "日本"))] = rng.choice(
            (1, "x", None, [])
        )


def _copy(data: Any) -> Any:
    """Raw stays Raw, which json and deepcopy would not both keep."""
    if isinstance(data, dict):
        return {key: _copy(value) for key, value in data.items()}
    return [_copy(item) for item in data] if isinstance(data, list) else data


def copied(data: Data) -> Data:
    copy: Data = json.loads(json.dumps(data))
    return copy
