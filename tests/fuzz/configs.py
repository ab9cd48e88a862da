"""GMSAConfigs as data."""

from __future__ import annotations

import json
from typing import Any

from dice import Dice
from yaml_styles import Raw

Data = dict[str, Any]

DOMAINS: tuple[Data, ...] = (
    {
        "dnsName": "contoso.com",
        "netBiosName": "CONTOSO",
        "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "sid": "S-1-5-21-2126449477-2524075714-3094792973",
    },
    {
        "dnsName": "europe.contoso.com",
        "netBiosName": "NO",
        "guid": "59d60a02-be02-4fd3-8a7f-c7c6c0daceaa",
        "sid": "S-1-5-21-857038504-468933455-1338018723",
    },
    {
        "dnsName": "fabrikam.example",
        "netBiosName": "FABRIKAM",
        "guid": "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0",
        "sid": "S-1-5-21-1-2-4294967295",
    },
    {
        "dnsName": "corp",
        "netBiosName": "CORP_1",
        "guid": "00000001-0000-0000-0000-000000000000",
        "sid": "S-1-5-21-0-0-0",
    },
)
ACCOUNTS = (
    *("WebApp1", "Report", "svc_web", "Web.App", "a-b", "X1", "Queue 2", "LongAccountName1", "NO", "0123", "1e3"),
    *("ünïcode", "under_", "---x", "Sql$ervice", "1.2.3"),
)
NAMESPACES = ("web", "default", "app", "team-a", "0123")
SERVICE_ACCOUNTS = ("webapp1", "default", "report", "*", "sa.dots", "robot")
KUBE_VERSIONS = ("1.34", "v1.36.1", "1.36", "1.28", "1.29.3", "1.27", "1.30", "v1.33.4-gke.100", "1.31+")
IMAGES = (
    "registry.example.com:5000/gmsa/webhook:v1",
    "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook:v0.14.1",
    "a/b@sha256:" + "a" * 64,
    "webhook",
    "webhook:latest",
)
KINDS = (
    *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "PodTemplate", "CronJob"),
    *("Job", "Rollout", "CloneSet"),
)
NAMES = ("web", "api", "job", "web-1", "worker", "cron")
_SELECTORS = (
    *("app=iis", "app in (iis, api)", "app notin (x),tier", "!legacy", "app==iis,tier!=db", "example.com/a=b"),
    *("size>3", "size<10", "app="),
)
_PLUGINS: tuple[tuple[str, Any], ...] = (
    ("AzureKeyVault", "ObjectId=2b5f3f6e;SecretUri=https://contoso.vault.azure.net/secrets/webapp1"),
    ("AzureKeyVault", {"ObjectId": "2b5f3f6e", "SecretUri": "https://contoso.vault.azure.net/secrets/webapp1"}),
    ("AWS", {"credentialArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:webapp2-a1b2c3"}),
    ("AWS", '{"credentialArn":"arn:aws-cn:ssm:cn-north-1:123456789012:parameter/x"}'),
    ("Rancher", "cattle-windows-gmsa-system:webapp3"),
    ("Rancher", {"namespace": "cattle", "secret": "webapp3"}),
    ("{f919de1a-efc4-4902-b7e5-56b3d83b7ce3}", "anything"),
    ("{f919de1a-efc4-4902-b7e5-56b3d83b7ce3}", 'it\'s \\ "quoted" & <odd> ünï 😀'),
    ("{F919DE1A-efc4-4902-b7e5-56b3d83b7ce3}", {"b": "1", "a": "NO"}),
)
CONTENTS: Data = {
    "ActiveDirectoryConfig": {
        "GroupManagedServiceAccounts": [
            {"Name": "WebApp1", "Scope": "CONTOSO"},
            {"Name": "WebApp1", "Scope": "contoso.com"},
        ]
    },
    "CmsPlugins": ["ActiveDirectory"],
    "DomainJoinConfig": {
        "DnsName": "contoso.com",
        "DnsTreeName": "contoso.com",
        "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
        "MachineAccountName": "WebApp1",
        "NetBiosName": "CONTOSO",
        "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
    },
}
# As the webhook writes them into a pod.
CANONICAL = json.dumps(CONTENTS, separators=(",", ":"))
OLDER = CANONICAL.replace("CONTOSO", "OLDNAME")
_PREVIOUS: tuple[Data, ...] = (
    {"credspec": "gmsa-webapp1", "contents": OLDER},
    {"credspec": "gmsa-webapp1", "contents": json.dumps(CONTENTS, indent=1)},
    {"credspec": "gmsa-webapp1", "file": "before.json"},
    {"credspec": "gmsa-webapp1", "contents": CANONICAL.replace("WebApp1", "Other$")},
    {"credspec": "gmsa-nothing", "contents": OLDER},
    {"credspec": "gmsa-webapp1", "contents": "{}"},
)


def gmsa_config(
    dice: Dice, mode: str = "", *, has_workloads: bool | None = None, small: bool = False, name: str = "contoso"
) -> Data:
    """A GMSAConfig that is right but for warnings, and for references to what does not exist now and then.

    `mode`: of admission, "" for any; `has_workloads`: None for either.
    """
    spec: Data = {}
    if dice.is_right or dice.some(0.95):
        spec["domains"] = _domains(dice, 1 if small else 3)
        names = [domain.get("name", domain["dnsName"]) for domain in spec["domains"]]
        spec["credspecs"] = credspecs(dice, names, 2 if small else 4)
    mode = mode or dice.choice(("Webhook", "Webhook", "None", "None", "Policy", "Policy", ""))
    if mode:
        spec["admission"] = {"mode": mode}
    _add_sections(dice, spec, mode)
    if dice.some(0.05):
        spec["strict"] = dice.pick((True, False), ("yes", 1, [True], None), 0.5)
    if has_workloads or (has_workloads is None and dice.some(0.4)):
        spec["workloads"] = [workload_entry(dice) for _ in range(dice.choice((1, 1, 2, 3)))]
    items = list(spec.items())
    if dice.some(0.2):
        dice.shuffle(items)
    return wrapped(dict(items), _metadata(dice, name))


def wrapped(spec: Data, metadata: Data | None = None) -> Data:
    """`spec` as a GMSAConfig."""
    return {
        "apiVersion": "gmsa-krm.dev/v1alpha1",
        "kind": "GMSAConfig",
        "metadata": metadata or {"name": "contoso"},
        "spec": spec,
    }


def use_cert_manager(config: Data) -> Data:
    """Takes the files and keys out of a config with a webhook."""
    spec = config["spec"]
    if spec.get("admission", {}).get("mode", "Webhook") == "Webhook":
        spec.setdefault("webhook", {})["certificate"] = {"source": "CertManager"}
    return config


def _metadata(dice: Dice, name: str) -> Data:
    metadata: Data = {"name": name}
    if dice.some(0.1):
        metadata["namespace"] = "x"
    if dice.some(0.1):
        metadata["labels"] = {"a": "b"}
    if dice.some(0.2):
        metadata["annotations"] = {"config.kubernetes.io/function": "exec: {path: gmsa-krm}\n", "note": "x"}
    return metadata


def _domains(dice: Dice, most: int) -> list[Data]:
    pool = DOMAINS[:3] if dice.some(0.9) else DOMAINS
    found = [dict(domain) for domain in dice.few(pool, 1, 1 if dice.some(0.5) else most)]
    for domain in found:
        if dice.some(0.3):
            domain["name"] = domain["netBiosName"].lower()
        if dice.some(0.2):
            domain["dnsTreeName"] = "contoso.com"
    return found


def _add_sections(dice: Dice, spec: Data, mode: str) -> None:
    if dice.some(0.2):
        spec["crd"] = {"install": dice.choice((True, False))}
    if dice.some(0.15):
        accounts = [_service_account(dice) for _ in range(dice.randint(1, 2))]
        spec["serviceAccounts"] = list({(it["namespace"], it["name"]): it for it in accounts}.values())
    if mode in ("Webhook", "") or dice.some(0.05):
        spec["webhook"] = _webhook(dice)
    if dice.some(0.5 if mode == "Policy" else 0.03):
        spec["policy"] = _policy(dice)
    if dice.some(0.2):
        spec["kubeVersion"] = dice.pick(KUBE_VERSIONS[:3] + KUBE_VERSIONS[7:], KUBE_VERSIONS, 0.5)
    if dice.some(0.15):
        spec["existingCredspecs"] = dice.existing = dice.few(("gmsa-existing", "gmsa-other", "gmsa-webapp1"))
    _add_surroundings(dice, spec)
    if dice.some(0.1):
        spec["issuerDiscovery"] = dice.choice(("ServiceAccounts", "Authenticated", "Unauthenticated"))
    if dice.some(0.15):
        spec["workloadKinds"] = _workload_kinds(dice)


def _add_surroundings(dice: Dice, spec: Data) -> None:
    """What is outside of the cluster's API."""
    if dice.some(0.1):
        spec["activeDirectory"] = {
            "snapshot": dice.pick(("directory/snapshot",), ("directory/snapshot", "empty.json"), 0.8)
        }
    if dice.some(0.15):
        spec["nodes"] = _nodes(dice)


def credspecs(dice: Dice, domains: list[str], most: int) -> list[Data]:
    """Entries of credspecs; most begin with the account that workloads refer to. `domains`: their names."""
    entries = []
    if dice.is_right or dice.some(0.85):
        accounts = ["WebApp1", *dice.sample(ACCOUNTS[1:7], dice.randint(0, most - 1))]
    else:
        accounts = dice.sample(ACCOUNTS, dice.randint(0, most))
    for number, account in enumerate(accounts):
        entry: Data = {"account": account}
        if len(domains) > 1 or dice.some(0.1):
            entry["domain"] = dice.choice(domains)
        if account not in ACCOUNTS[:7] and dice.some(0.8):
            entry["name"] = f"gmsa-odd-{number}"
        elif dice.some(0.1):
            entry["name"] = f"own.name-{number}"
        _add_uses(dice, entry)
        entries.append(entry)
    if dice.some(0.1):
        entries.append(_credspec_file(dice))
    return entries


def _add_uses(dice: Dice, entry: Data) -> None:
    if dice.some(0.15):
        entry["additionalAccounts"] = [
            {"account": account, **({"scope": dice.choice(("fabrikam.com", "FABRIKAM"))} if dice.some() else {})}
            for account in dice.few(ACCOUNTS[:6])
        ]
    if dice.some(0.15):
        plugin, given = dice.choice(_PLUGINS)
        entry["hostAccount"] = {"plugin": plugin, "input": given}
    if dice.some(0.8):
        entry["usedBy"] = used_by(dice)
    if dice.some(0.1):
        entry["diagnostics"] = {
            "namespace": dice.pick(("web",), NAMESPACES[:3]),
            "serviceAccount": dice.pick(SERVICE_ACCOUNTS[:1], SERVICE_ACCOUNTS[:3]),
            **({"image": dice.choice(IMAGES)} if dice.some() else {}),
            **({"tolerations": dice.few(_TOLERATIONS)} if dice.some(0.3) else {}),
        }


def _credspec_file(dice: Dice) -> Data:
    entry: Data = {"file": dice.choice(("credspecs/webapp3.json", "utf16.json", "bom.json"))}
    if dice.some(0.6):
        entry["usedBy"] = used_by(dice)
    if dice.some():
        entry["name"] = "from-file"
    return entry


def used_by(dice: Dice) -> Any:
    if dice.some(0.25):
        return "FromWorkloads"
    if dice.is_right:
        everyone = ["webapp1", "report", "robot", "default"]
        return [
            {"namespace": namespace, "serviceAccounts": dice.choice((["*"], everyone))}
            for namespace in NAMESPACES
            if namespace == "web" or dice.some(0.7)
        ]
    found = [{"namespace": "web", "serviceAccounts": ["webapp1"]}] if dice.some(0.7) else []
    more = range(dice.choice((0, 0, 1, 2)))
    return found + [{"namespace": dice.choice(NAMESPACES), "serviceAccounts": dice.few(SERVICE_ACCOUNTS)} for _ in more]


def _service_account(dice: Dice) -> Data:
    account: Data = {"name": dice.choice(("webapp1", "report", "robot")), "namespace": dice.choice(NAMESPACES)}
    if dice.some():
        account["automountToken"] = dice.choice((True, False))
    if dice.some():
        account["imagePullSecrets"] = dice.few(("registry", "other"))
    if dice.some(0.2):
        account["tokenSecret"] = True
    return account


_ZONES = {"key": "a", "operator": "In", "values": ["b", "NO"]}
_WEBHOOK: tuple[tuple[str, float, tuple[Any, ...]], ...] = (
    ("name", 0.15, ("gmsa-webhook", "admission", "a1")),
    ("namespace", 0.15, ("gmsa-webhook", "windows-gmsa", "web")),
    ("createNamespace", 0.15, (True, False)),
    ("image", 0.15, IMAGES),
    ("replicas", 0.2, (1, 2, 3, 100)),
    ("randomHostname", 0.1, (True, False)),
    (
        "resources",
        0.1,
        (
            {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi", "cpu": 1}},
            {"limits": {}},
            {"requests": {"cpu": Raw("0.5")}},
            {},
        ),
    ),
    (
        "tolerations",
        0.1,
        (
            [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
            [{"operator": "Exists"}],
            [{"key": "on", "value": "yes", "operator": "Equal", "effect": "NoExecute", "tolerationSeconds": 30}],
            [],
        ),
    ),
    (
        "nodeSelector",
        0.1,
        ({"pool": "0123"}, {"kubernetes.io/os": "linux"}, {"kubernetes.io/arch": "arm64", "on": "yes"}, {}),
    ),
    (
        "affinity",
        0.07,
        (
            {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [_ZONES]}]
                    }
                }
            },
            {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "x": None}]}},
            {},
        ),
    ),
    ("priorityClassName", 0.07, ("system-cluster-critical",)),
    ("imagePullSecrets", 0.07, (["registry"], [])),
    ("podDisruptionBudget", 0.1, ({"minAvailable": 1}, {"maxUnavailable": "50%"}, {"minAvailable": "50%"}, {})),
    ("qps", 0.05, (1, 5, 10000)),
    ("burst", 0.05, (7,)),
    ("logLevel", 0.05, ("warn", "trace", "panic")),
    ("hardeningPolicy", 0.15, (True, False)),
    ("excludedNamespaces", 0.08, (["kube-system", "build"], ["gmsa-webhook"], [])),
)


def _webhook(dice: Dice) -> Data:
    section: Data = {key: dice.choice(values) for key, probability, values in _WEBHOOK if dice.some(probability)}
    if dice.some(0.75):
        section["certificate"] = _certificate(dice)
    return section


_ISSUERS: tuple[Data, ...] = (
    {"issuerRef": None},
    {"issuerRef": {"name": "ca"}},
    {"issuerRef": {"name": "ca", "kind": "ClusterIssuer"}},
    {"issuerRef": {"name": "x", "kind": "StepIssuer", "group": "certmanager.step.sm"}},
    {},
)
_DERIVE: tuple[Data, ...] = (
    {"rotateEvery": "240h"},
    {"seedFile": "seed.txt"},
    {"seedEnv": "GMSA_KRM_SEED_2"},
    {"seedEnv": "WEAK"},
    {"rotateEvery": "4380h"},
)


def _certificate(dice: Dice) -> Data:
    source = dice.choice(("CertManager",) * 6 + ("Derive", "ExistingSecret", "Generate", "Files"))
    section: Data = {"source": source}
    if source == "CertManager" and dice.some(0.3):
        section["certManager"] = dice.choice(_ISSUERS)
    if source == "Derive" and dice.some(0.5):
        section["derive"] = dice.choice(_DERIVE)
    if source == "ExistingSecret":
        section["existingSecret"] = {"name": "tls", "caBundleFile": dice.choice(("certs/ca.crt", "certs/two.crt"))}
    if source == "Files" and dice.some():
        section["files"] = {"ca": "certs/ca.crt", "cert": "certs/tls.crt", "key": "certs/tls.key"}
    if dice.some(0.2):
        section["validFor"] = dice.choice(("8760h", "4380h", "2000h", "1h30m", "100h", "87600h"))
    return section


def _policy(dice: Dice) -> Data:
    section: Data = {}
    if dice.some():
        section["name"] = dice.choice(("gmsa", "identities", "a.b"))
    if dice.some():
        section["expand"] = dice.choice((True, False))
    if dice.some(0.4):
        section["acceptPrevious"] = [dice.pick(_PREVIOUS[:4], _PREVIOUS) for _ in range(dice.choice((1, 1, 2)))]
    return section


def _nodes(dice: Dice) -> Data:
    section: Data = {"smbCompartmentNamespace": dice.some(0.8)}
    if dice.some(0.3):
        section["hosts"] = dice.few(("NODE1", "node-2", "EMEA\\NODE3", "10", "ünï"))
    if dice.some(0.2):
        section["namespace"] = dice.pick(("nodes",), ("nodes", "default", "kube-system"), 0.5)
    if dice.some(0.2):
        section["image"] = dice.choice(IMAGES)
    if dice.some(0.2):
        section["tolerations"] = [{"key": "a", "operator": "Exists"}]
    return section


_WORKLOAD_KINDS: tuple[list[Data], ...] = (
    [{"apiGroup": "argoproj.io", "kind": "Rollout"}],
    [
        {"apiGroup": "argoproj.io", "kind": "Rollout", "podTemplate": "spec.template"},
        {"apiGroup": "apps.kruise.io", "kind": "CloneSet"},
    ],
    [{"apiGroup": "example.com", "kind": "Odd", "podTemplate": "spec.deep.er.template"}],
    [{"apiGroup": "apps", "kind": "Deployment", "podTemplate": "spec.other"}],
)


def _workload_kinds(dice: Dice) -> list[Data]:
    return dice.choice(_WORKLOAD_KINDS)


def _match(dice: Dice) -> Data:
    section: Data = {}
    while not section:
        if dice.some(0.4):
            section["kinds"] = dice.few(KINDS)
        if dice.some(0.4):
            section["names"] = dice.few(NAMES, 1, 3)
        if dice.some(0.2):
            section["namespaces"] = dice.few(NAMESPACES)
        if dice.some(0.2):
            section["labelSelector"] = dice.choice(_SELECTORS)
    return section


def workload_entry(dice: Dice) -> Data:
    """An entry of `workloads`."""
    entry: Data = {"match": _match(dice) if dice.some(0.8) else [_match(dice) for _ in range(dice.randint(1, 2))]}
    if dice.some(0.85):
        known = ("gmsa-webapp1", "gmsa-webapp1", *dice.existing)
        entry["credspec"] = dice.pick(known, ("gmsa-report", "gmsa-existing", "gmsa-svc-web", "gmsa-unknown"))
    if dice.some(0.3):
        some_containers = (["iis", "log"], ["init"], ["iis", "init"], ["log"])
        entry["containers"] = dice.pick((["iis"],), some_containers)
    if dice.some(0.6):
        entry["serviceAccount"] = dice.choice(("webapp1", "webapp1", "report", "robot"))
    if dice.some(0.2):
        entry["windowsNode"] = dice.choice((True, False))
    if dice.some(0.15):
        entry["tolerations"] = dice.few(_TOLERATIONS)
    if dice.some(0.25):
        entry["netlogonRestart"] = _some_of(dice, _NETLOGON)
    if dice.some(0.15):
        entry["token"] = {"audience": dice.choice(("vault", "NO", "https://x")), **_some_of(dice, _TOKEN)}
    return entry


_TOLERATIONS: tuple[Data, ...] = (
    {"key": "os", "value": "windows"},
    {"key": "os", "operator": "Equal", "value": "windows"},
    {"key": "os", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
)
_NETLOGON: Data = {
    "maxAttempts": (0, 1, 1000),
    "intervalSeconds": (1, 600),
    "method": ("RestartService", "SecureChannelReset"),
    "onExistingHook": ("Error", "Keep", "Replace"),
    "domain": ("contoso.com", "corp"),
}
_TOKEN: Data = {
    "expirationSeconds": (600, 7200),
    "name": ("tok", "bound-token"),
    "mountPath": ("/var/run/x", "C:\\tokens"),
}


def _some_of(dice: Dice, fields: Data) -> Data:
    return {key: dice.choice(values) for key, values in fields.items() if dice.some()}
