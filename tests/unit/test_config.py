"""Every mistake of a config is found, with its place and its cure, and all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import DOMAIN, HEAD, Call, Render, config
from gmsa_krm.config.load import parse_config

CREDSPEC = "  credspecs:\n  - account: WebApp1\n"


def messages(text: str) -> list[str]:
    return [str(finding) for finding in parse_config(text, "gmsa.yaml").findings]


def domain(key: str, value: str) -> str:
    lines = [f"{line[:4]}{key}: {value}" if f"{key}:" in line else line for line in DOMAIN.splitlines()]
    return config(domain="\n".join(lines).replace("    dnsName", "  - dnsName", 1) + "\n")


# {mistake: (config, what one message must hold)}; the cure stands after the semicolon
MISTAKES: dict[str, tuple[str, str]] = {
    "account's SID": (
        domain("sid", "S-1-5-21-1-2-3-1105"),
        "gmsa.yaml:10:10: spec.domains[0].sid: S-1-5-21-1-2-3-1105 is an account's SID (it ends in a RID); give the domain's: S-1-5-21-1-2-3",
    ),
    "no SID": (domain("sid", "contoso"), "contoso is no domain SID; give S-1-5-21-a-b-c"),
    "SID too large": (domain("sid", "S-1-5-21-1-2-4294967296"), "over 4294967295"),
    "builtin SID": (domain("sid", "S-1-5-32-544"), "is no domain SID"),
    "GUID in braces": (
        domain("guid", "'{244818ae-87ac-4fcd-92ec-e79e5252348a}'"),
        "has braces; a domain's GUID has none: 244818ae-87ac-4fcd-92ec-e79e5252348a",
    ),
    "no GUID": (domain("guid", "contoso"), "contoso is no GUID; give `(Get-ADDomain).ObjectGUID`"),
    "empty GUID": (domain("guid", "00000000-0000-0000-0000-000000000000"), "is the empty GUID"),
    "NetBIOS name too long": (
        domain("netBiosName", "CONTOSOCONTOSO16"),
        "has 16 characters; a NetBIOS name has 15 at most",
    ),
    "NetBIOS name with a dot": (domain("netBiosName", "contoso.com"), "is a DNS name; give the NetBIOS name"),
    "NetBIOS name of a boolean": (domain("netBiosName", "NO"), 'NO reads as a boolean in YAML; quote it: "NO"'),
    "NetBIOS name of a number": (domain("netBiosName", "0123"), '0123 reads as a number in YAML; quote it: "0123"'),
    "NetBIOS name on": (domain("netBiosName", "ON"), 'ON reads as a boolean in YAML; quote it: "ON"'),
    "DNS name that ends in a dot": (domain("dnsName", "contoso.com."), "ends in a dot; write contoso.com"),
    "DNS name that is none": (domain("dnsName", "contoso com"), "is no DNS name"),
    "DNS name of one label": (
        domain("dnsName", "CONTOSO"),
        "warning: spec.domains[0].dnsName: CONTOSO has a single label",
    ),
    "account with $": (
        config("  credspecs:\n  - account: WebApp1$\n"),
        "gmsa.yaml:12:14: spec.credspecs[0].account: WebApp1$ ends in $; a credential spec has the name without it: WebApp1",
    ),
    "account with a domain": (
        config("  credspecs:\n  - account: CONTOSO\\WebApp1\n"),
        "is DOMAIN\\name; give the name alone: WebApp1",
    ),
    "account as a principal name": (
        config("  credspecs:\n  - account: WebApp1@contoso.com\n"),
        "is a user principal name; give the sAMAccountName: WebApp1",
    ),
    "account over 20": (
        config(f"  credspecs:\n  - account: {'a' * 21}\n"),
        "has 21 characters; a sAMAccountName has 20 at most",
    ),
    "account over 15": (
        config(f"  credspecs:\n  - account: {'a' * 16}\n"),
        "warning: spec.credspecs[0].account: aaaaaaaaaaaaaaaa has 16 characters",
    ),
    "account of odd characters": (config("  credspecs:\n  - account: 'Web:App'\n"), "'Web:App' is no sAMAccountName"),
    "name in upper case": (
        config("  credspecs:\n  - {account: WebApp1, name: gmsa-WebApp1}\n"),
        "'gmsa-WebApp1' is no RFC 1123 name (lower case, digits, - and .); write gmsa-webapp1",
    ),
    "name with an underscore": (config("  credspecs:\n  - {account: WebApp1, name: web_app}\n"), "write web-app"),
    "two of one name": (
        config("  credspecs:\n  - account: WebApp1\n  - account: webapp1\n"),
        "spec.credspecs[1].name: gmsa-webapp1 is taken by spec.credspecs[0]; give this entry a name of its own",
    ),
    "domain that does not exist": (
        config("  credspecs:\n  - {account: WebApp1, domain: contosso.com}\n"),
        "spec.credspecs[0].domain: contosso.com is no entry of spec.domains; did you mean contoso.com?",
    ),
    "no domain at all": (HEAD + CREDSPEC, "spec.credspecs[0].domain: is missing; add it to spec.domains"),
    "neither account nor file": (config("  credspecs:\n  - name: a\n"), "has neither account nor file; give one"),
    "account and file": (
        config("  credspecs:\n  - {account: A, file: a.json}\n"),
        "has both account and file; keep one",
    ),
    "domain beside file": (
        config("  credspecs:\n  - {file: a.json, domain: contoso.com}\n"),
        "spec.credspecs[0].domain: goes with account",
    ),
    "plugin GUID without braces": (
        config(CREDSPEC + "    hostAccount: {plugin: CCC2A336-D7F3-4818-A213-272B7924213E, input: a}\n"),
        'has no braces, and without them the plugin is not called; write "{CCC2A336-D7F3-4818-A213-272B7924213E}"',
    ),
    "unknown plugin": (
        config(CREDSPEC + "    hostAccount: {plugin: AzureKeyvault, input: a}\n"),
        "AzureKeyvault is no known plugin; did you mean AzureKeyVault?",
    ),
    "plugin input of the wrong form": (
        config(CREDSPEC + "    hostAccount: {plugin: Rancher, input: a}\n"),
        "is not what Rancher reads; write <namespace>:<secret>",
    ),
    "plugin input incomplete": (
        config(CREDSPEC + "    hostAccount: {plugin: AzureKeyVault, input: {ObjectId: a}}\n"),
        "input.SecretUri: is missing; AzureKeyVault needs ObjectId and SecretUri",
    ),
    "plugin input misspelt": (
        config(
            CREDSPEC
            + "    hostAccount: {plugin: AWS, input: {CredentialArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:a'}}\n"
        ),
        "unknown field of AWS's input; did you mean credentialArn?",
    ),
    "plugin input of AWS as an ARN": (
        config(CREDSPEC + "    hostAccount: {plugin: AWS, input: 'arn:aws:ssm:eu-west-1:123456789012:parameter/a'}\n"),
        'is not what AWS reads; write {"credentialArn":',
    ),
    "default service account": (
        config(CREDSPEC + "    usedBy: [{namespace: web, serviceAccounts: [default]}]\n"),
        "warning: spec.credspecs[0].usedBy[0].serviceAccounts: binds the default service account, so every pod of web",
    ),
    "diagnostics by an account that may not": (
        config(
            CREDSPEC
            + "    usedBy: [{namespace: web, serviceAccounts: [a]}]\n    diagnostics: {namespace: web, serviceAccount: b}\n"
        ),
        "spec.credspecs[0].diagnostics.serviceAccount: b of web is not in usedBy, so the Job's pod would be refused",
    ),
    "no service accounts": (
        config(CREDSPEC + "    usedBy: [{namespace: web, serviceAccounts: []}]\n"),
        "is empty; give at least one entry",
    ),
    "service account name": (
        config(CREDSPEC + "    usedBy: [{namespace: web, serviceAccounts: [Web_App]}]\n"),
        "spec.credspecs[0].usedBy[0].serviceAccounts[0]: 'Web_App' is no RFC 1123 name",
    ),
    "namespace with a dot": (
        config(CREDSPEC + "    usedBy: [{namespace: web.app, serviceAccounts: [a]}]\n"),
        "'web.app' is no RFC 1123 label (lower case, digits and -, 63 characters); write web-app",
    ),
    "usedBy of a word": (
        config(CREDSPEC + "    usedBy: Fromworkloads\n"),
        "spec.credspecs[0].usedBy: Fromworkloads is neither a list nor FromWorkloads; did you mean FromWorkloads?",
    ),
    "workload without a match": (
        config("  workloads: [{match: {}}]\n"),
        "spec.workloads[0].match: matches everything; give kinds, names, namespaces or labelSelector",
    ),
    "label selector": (
        config("  workloads: [{match: {labelSelector: 'app=iis,tier in web'}}]\n"),
        "spec.workloads[0].match.labelSelector: 'tier in web' is no part of a label selector",
    ),
    "workload kind's path": (
        config("  workloadKinds: [{apiGroup: argoproj.io, kind: Rollout, podTemplate: /spec}]\n"),
        "'/spec' is no path of fields",
    ),
    "unknown field": (
        config("  webhook: {replica: 2}\n"),
        "spec.webhook.replica: unknown field; did you mean replicas?",
    ),
    "field in the wrong case": (
        domain("netBiosName", "CONTOSO\n    netbiosName: X"),
        "spec.domains[0].netbiosName: unknown field; did you mean netBiosName?",
    ),
    "key twice": (
        config(CREDSPEC + "    account: WebApp2\n"),
        "gmsa.yaml:13:5: the key account stands twice in this mapping; remove one",
    ),
    "required field": (
        HEAD + "  domains: [{dnsName: contoso.com}]\n",
        "spec.domains[0].sid: is missing; give SID of the domain",
    ),
    "long-lived token": (
        config("  serviceAccounts: [{name: a, namespace: b, tokenSecret: true}]\n"),
        "warning: spec.serviceAccounts[0].tokenSecret: makes a token that never expires",
    ),
    "Kubernetes version": (config("  kubeVersion: latest\n"), "spec.kubeVersion: 'latest' is no version of Kubernetes"),
    "version as a number": (
        config("  kubeVersion: 1.30\n"),
        'spec.kubeVersion: 1.30 reads as a number in YAML; quote it: "1.30"',
    ),
    "previous of no form": (
        config(
            "  admission: {mode: Policy}\n  credspecs: [{account: X}]\n  policy: {acceptPrevious: [{credspec: gmsa-x}]}\n"
        ),
        "spec.policy.acceptPrevious[0]: wants either file or contents",
    ),
    "choice": (
        config("  admission: {mode: webhook}\n"),
        "spec.admission.mode: webhook is not Webhook, Policy or None; did you mean Webhook?",
    ),
    "number in quotes": (
        config('  webhook: {replicas: "2"}\n'),
        "2 is not a whole number; write it in digits, unquoted",
    ),
    "number out of range": (config("  webhook: {replicas: 0}\n"), "0 is out of range; give 1 to 100"),
    "boolean of YAML 1.1": (config("  crd: {install: yes}\n"), "yes is not true or false"),
    "list that is a mapping": (
        config("  credspecs: {account: a}\n"),
        "spec.credspecs: wants a list, found a mapping; start each entry with `- `",
    ),
    "mapping that is a list": (config("  webhook: []\n"), "spec.webhook: wants a mapping, found a list"),
    "duration in days": (config("  webhook: {certificate: {validFor: 30d}}\n"), "'30d' is no duration; write hours"),
    "validity under two epochs": (
        config("  webhook: {certificate: {source: Derive, validFor: 1000h}}\n"),
        "give at least 1440h",
    ),
    "validity under an hour": (config("  webhook: {certificate: {validFor: 5m}}\n"), "5m is under an hour"),
    "ExistingSecret without its name": (
        config("  webhook: {certificate: {source: ExistingSecret}}\n"),
        "needs existingSecret: {name: ..., caBundleFile: ...}",
    ),
    "image without a tag": (
        config("  webhook: {image: registry.example.com/webhook}\n"),
        "warning: spec.webhook.image: registry.example.com/webhook has no fixed tag",
    ),
    "image that is none": (config("  webhook: {image: 'a b'}\n"), "'a b' is no image reference"),
    "webhook name": (config("  webhook: {name: 1webhook}\n"), "cannot name a Service"),
    "one replica": (
        config("  webhook: {replicas: 1}\n"),
        "warning: spec.webhook.replicas: with one replica no gMSA pod can start while it restarts",
    ),
    "both budgets": (
        config("  webhook: {podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}}\n"),
        "has minAvailable and maxUnavailable; keep one",
    ),
    "budget of a word": (
        config("  webhook: {podDisruptionBudget: {minAvailable: one}}\n"),
        "one is neither a number (1) nor a percentage (50%)",
    ),
    "toleration misspelt": (
        config("  webhook: {tolerations: [{keys: a}]}\n"),
        "spec.webhook.tolerations[0].keys: unknown field; did you mean key?",
    ),
    "webhook on Windows": (
        config("  webhook: {nodeSelector: {kubernetes.io/os: windows}}\n"),
        "kubernetes.io/os must be linux",
    ),
    "label that is a boolean": (
        config("  webhook: {nodeSelector: {pool: on}}\n"),
        'spec.webhook.nodeSelector.pool: on reads as a boolean in YAML; quote it: "on"',
    ),
    "namespace of Kubernetes": (
        config("  webhook: {namespace: kube-system, certificate: {source: CertManager}}\n"),
        "spec.webhook.namespace: kube-system is Kubernetes' own",
    ),
    "budget that stops drains": (
        config("  webhook: {podDisruptionBudget: {minAvailable: 2}}\n"),
        "warning: spec.webhook.podDisruptionBudget.minAvailable: 2 of 2 replicas must stay",
    ),
    "quantity": (
        config("  webhook: {resources: {requests: {cpu: many}}}\n"),
        "spec.webhook.resources.requests.cpu: many is no quantity; write something like 100m or 128Mi",
    ),
    "requests of a scalar": (
        config("  webhook: {resources: {requests: hello}}\n"),
        "spec.webhook.resources.requests: wants a mapping, found a scalar",
    ),
    "toleration of a number": (
        config("  webhook: {tolerations: [{key: a, operator: 5}]}\n"),
        'spec.webhook.tolerations[0].operator: 5 reads as a number in YAML; quote it: "5"',
    ),
    "affinity misspelt": (
        config("  webhook: {affinity: {podAntiAffinity: {requiredDuringScheduling: []}}}\n"),
        "spec.webhook.affinity.podAntiAffinity.requiredDuringScheduling: unknown field; did you mean requiredDuringSchedulingIgnoredDuringExecution?",
    ),
    "label value": (
        config("  webhook: {nodeSelector: {pool: 'c d!'}}\n"),
        "spec.webhook.nodeSelector.pool: c d! is no label value",
    ),
    "account of other letters": (
        config("  credspecs:\n  - account: Приложение\n"),
        "spec.credspecs[0].name: is missing, and none can be made of Приложение",
    ),
    "number with underscores": (domain("netBiosName", "1e_3"), '1e_3 reads as a number in YAML; quote it: "1e_3"'),
    "control characters": (
        config('  webhook: {"x\\e[31m\\nfake.yaml:1:1: all good": 1}\n'),
        "spec.webhook.x\\x1b[31m\\nfake.yaml:1:1: all good: unknown field",
    ),
    "version": (config().replace("v1alpha1", "v2"), "apiVersion: gmsa-krm.dev/v2 is not gmsa-krm.dev/v1alpha1"),
    "no name": (config().replace("  name: contoso", "  labels: {}"), "metadata.name: is missing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    text, wanted = MISTAKES[mistake]
    found = messages(text)
    assert any(wanted in message for message in found), found
    assert len(found) == 1 or mistake in ("required field", "plugin input misspelt", "list that is a mapping"), found


def test_a_right_config_has_no_finding() -> None:
    assert messages(config(CREDSPEC + "    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n")) == []


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_places(render: Render) -> None:
    text = config(
        "  credspecs:\n  - account: WebApp1$\n    domian: x\n  - account: WebApp2\n    domain: nowhere\n  webhook: {replicas: -1, certificate: {validFor: 1d}}\n"
    ).replace("3094792973", "3094792973-500")
    done = render(text)
    assert (done.status, done.stdout) == (1, "")
    fields = [
        "domains[0].sid",
        "credspecs[0].account",
        "credspecs[0].domian",
        "credspecs[1].domain",
        "webhook.replicas",
        "webhook.certificate.validFor",
    ]
    assert all(f"spec.{field}: " in done.stderr for field in fields)
    assert len(done.stderr.splitlines()) == len(fields)
    lines = [int(line.split("gmsa.yaml:")[1].split(":")[0]) for line in done.stderr.splitlines()]
    assert lines == sorted(lines)


def test_a_field_of_the_wrong_type_everywhere(render: Render, call: Call) -> None:
    """Every field of the schema gets a value of each other type; each run ends with a message."""
    schema = json.loads(call("schema").stdout)
    paths = list(_paths(schema["properties"]["spec"], ("spec",)))
    assert len(paths) > 60
    for path in paths:
        for wrong in ("{wrong: 1}", "[[1]]", "!!binary aGk=", "''", "~", "1.5", "*"):
            found = parse_or_message(_nested(path, wrong))
            assert isinstance(found, list)


def parse_or_message(text: str) -> Any:
    from gmsa_krm.findings import InputError

    try:
        return messages(text)
    except InputError as error:
        return error.findings


def _paths(schema: dict[str, Any], path: tuple[str, ...]) -> Any:
    for key, value in schema.get("properties", {}).items():
        yield (*path, key)
        item = value.get("items", value)
        yield from _paths(item, (*path, key + ("[]" if "items" in value else "")))


def _nested(path: tuple[str, ...], value: str) -> str:
    text = value
    for key in reversed(path):
        text = (
            f"[{{{key[:-2]}: {text}}}]"
            if False
            else f"{{{key.removesuffix('[]')}: {'[' + text + ']' if key.endswith('[]') else text}}}"
        )
    return f"apiVersion: gmsa-krm.dev/v1alpha1\nkind: GMSAConfig\nmetadata: {{name: a}}\nspec: {text[7:-1]}\n"


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ("{", "webapp.json: is not JSON"),
        ("[]", "holds no JSON object"),
        ('{"a": 1, "a": 2}', "the key a stands twice"),
        ('{"CmsPlugins": ["ActiveDirectory"]}', "webapp.json: DomainJoinConfig: is missing; it must be an object"),
    ],
)
def test_a_credspec_file_that_is_none(contents: str, wanted: str, render: Render) -> None:
    done = render(config("  credspecs: [{file: webapp.json}]\n"), {"webapp.json": contents})
    assert (done.status, done.stdout) == (1, "")
    assert wanted in done.stderr


GOOD_FILE = json.loads((Path(__file__).parent.parent / "cases/credspec-file/credspecs/webapp3.json").read_text())


def changed(*path: Any, value: Any) -> str:
    contents = json.loads(json.dumps(GOOD_FILE))
    at = contents
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(contents)


HOST = ("ActiveDirectoryConfig", "HostAccountConfig")
GUID = "{CCC2A336-D7F3-4818-A213-272B7924213E}"


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        (
            changed("DomainJoinConfig", "Sid", value="S-1-5-21-1-2-3-1105"),
            "webapp.json: DomainJoinConfig.Sid: S-1-5-21-1-2-3-1105 is an account's SID",
        ),
        (
            changed("DomainJoinConfig", "Guid", value="{630a7dd3-2d3e-4471-ae91-1d9ea2556cd5}"),
            "DomainJoinConfig.Guid: {630a7dd3",
        ),
        (changed("DomainJoinConfig", "MachineAccountName", value="WebApp3$"), "ends in $"),
        (
            changed(*HOST, value={"PluginGUID": GUID, "PluginInput": {"a": "b"}, "PortableCcgVersion": "1"}),
            'PluginInput: must be a string, and the API server refuses anything else; write "{\\"a\\":\\"b\\"}"',
        ),
        (
            changed(*HOST, value={"PluginGUID": GUID, "PluginInput": "a", "PortableCcgVersion": 1}),
            'PortableCcgVersion: must be a string, and the API server refuses anything else; write "1"',
        ),
        (
            changed(*HOST, value={"PluginGUID": GUID[1:-1], "PluginInput": "a", "PortableCcgVersion": "1"}),
            "has no braces",
        ),
        (
            changed(*HOST, value={"PluginGUID": GUID, "PluginInput": "a", "PortableCcgPlugin": "1"}),
            "HostAccountConfig.PortableCcgPlugin: unknown field, which the CRD drops; did you mean PortableCcgVersion?",
        ),
        (changed("ActiveDirectoryConfig", "GroupManagedServiceAccounts", value=[]), "lists no account"),
        (changed("CmsPlugins", value=["Other"]), "CmsPlugins: must be"),
    ],
)
def test_mistakes_in_a_credspec_file(contents: str, wanted: str, render: Render) -> None:
    done = render(config("  credspecs: [{file: webapp.json}]\n"), {"webapp.json": contents})
    assert (done.status, done.stdout) == (1, "")
    assert wanted in done.stderr


def test_half_a_surrogate_pair_in_a_credspec_file_is_refused(render: Render) -> None:
    contents = changed(*HOST, value={"PluginGUID": GUID, "PluginInput": "x\ud800y", "PortableCcgVersion": "1"})
    done = render(config("  credspecs: [{file: webapp.json}]\n"), {"webapp.json": contents})
    assert (done.status, done.stdout) == (1, "")
    assert "holds half of a surrogate pair" in done.stderr


def test_a_wrong_reference_is_not_compared_with_all_of_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """900 wrong references to 300 domains took seven seconds, and it grew with the product."""
    import difflib

    compared: list[int] = []
    real = difflib.get_close_matches
    monkeypatch.setattr(
        difflib,
        "get_close_matches",
        lambda word, words, **rest: compared.append(len(words)) or real(word, words, **rest),
    )
    one = DOMAIN.partition("\n")[2]
    text = HEAD + "  domains:\n" + "".join(one.replace("contoso.com", f"d{n}.contoso.com") for n in range(300))
    text += "  credspecs:\n" + "".join(f"  - {{account: A{n}, domain: D{n}.contoso.com}}\n" for n in range(20))
    found = messages(text)
    assert len(found) == len(compared) == 20
    assert max(compared) == 1
    assert "did you mean d7.contoso.com?" in found[7]


def test_merge_keys_work_in_a_plugins_input() -> None:
    text = config(
        CREDSPEC
        + "    hostAccount:\n      plugin: AzureKeyVault\n      input: {<<: {ObjectId: a}, SecretUri: 'https://a/secrets/b'}\n"
    )
    assert messages(text) == []


def test_one_scope_only_is_a_warning(render: Render) -> None:
    contents = changed(
        "ActiveDirectoryConfig", "GroupManagedServiceAccounts", value=[{"Name": "WebApp3", "Scope": "fabrikam.com"}]
    )
    done = render(config("  credspecs: [{file: webapp.json}]\n"), {"webapp.json": contents})
    assert done.status == 0
    assert "webapp.json: warning: " in done.stderr
    assert "one Scope only, so Kerberos falls back to NTLM; add an entry for the NetBIOS name" in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_credspec_file_as_powershell_writes_it(encoding: str, render: Render) -> None:
    done = render(
        config("  credspecs: [{file: webapp.json}]\n"), {"webapp.json": json.dumps(GOOD_FILE).encode(encoding)}
    )
    assert done.status == 0, done.stderr
    assert done.object("GMSACredentialSpec")["credspec"] == GOOD_FILE


def test_two_files_of_one_account_need_names(render: Render) -> None:
    text = json.dumps(GOOD_FILE)
    done = render(config("  credspecs: [{file: a.json}, {file: b.json}]\n"), {"a.json": text, "b.json": text})
    assert done.status == 1
    assert (
        "spec.credspecs[1].name: is named gmsa-webapp3 after the account in it, and so is spec.credspecs[0]"
        in done.stderr
    )


@pytest.mark.parametrize(
    "path",
    [
        "../secret.json",
        "/etc/passwd",
        "a/../../secret.json",
        "link.json",
        "linked/secret.json",
        "C:\\a",
        "\\\\server\\a",
    ],
)
def test_paths_that_leave_the_folder(path: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(GOOD_FILE))
    inner = tmp_path / "inner"
    (inner / "a").mkdir(parents=True)
    (inner / "link.json").symlink_to(tmp_path / "secret.json")
    (inner / "linked").symlink_to(tmp_path)
    (inner / "gmsa.yaml").write_text(config(f"  credspecs: [{{file: '{path}'}}]\n"))
    done = call("render", inner / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert "spec.credspecs[0].file: " in done.stderr
    assert "leaves the config's folder" in done.stderr or "is an absolute path" in done.stderr


def test_links_inside_the_folder_are_followed(render: Render, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    done = render(config("  credspecs: [{file: link.json}]\n"), {"real.json": json.dumps(GOOD_FILE)})
    assert done.status == 0, done.stderr


def test_aliases_and_merge_keys_work_in_a_config() -> None:
    text = config(
        "  credspecs:\n"
        "  - account: WebApp1\n    usedBy: &used [{namespace: web, serviceAccounts: [a]}]\n"
        "  - account: WebApp2\n    usedBy: *used\n"
        "  - <<: {account: Lost, domain: contoso.com}\n    account: WebApp3\n"
    )
    loaded = parse_config(text, "gmsa.yaml")
    assert [str(finding) for finding in loaded.findings] == []
    assert [spec.account for spec in loaded.config.spec.credspecs] == ["WebApp1", "WebApp2", "WebApp3"]
    assert loaded.config.spec.credspecs[1].used_by[0].namespace == "web"
