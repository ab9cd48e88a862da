"""`import credspec`: the config that comes out renders the contents that went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import CONTENTS, Call, Folder

GOOD: dict[str, Any] = json.loads(CONTENTS)
INTO = """\
# The set-up of the web team
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata: {name: web}
spec:
  domains:
  - {dnsName: contoso.com, netBiosName: CONTOSO, guid: 244818ae-87ac-4fcd-92ec-e79e5252348a,
     sid: S-1-5-21-2126449477-2524075714-3094792973}   # ours
  credspecs:
  - account: Old   # keep it
    usedBy: FromWorkloads
  admission: {mode: None}
"""


def credspec(account: str, domain: str = "contoso.com", *more: tuple[str, str], **host: str) -> dict[str, Any]:
    net_bios = domain.partition(".")[0].upper()
    number = sum(map(ord, domain))
    scopes = [(account, net_bios), (account, domain), *more]
    directory: dict[str, Any] = {"GroupManagedServiceAccounts": [{"Name": name, "Scope": it} for name, it in scopes]}
    if host:
        directory["HostAccountConfig"] = {**host, "PortableCcgVersion": "1"}
    contents = {
        "ActiveDirectoryConfig": directory,
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": domain,
            "DnsTreeName": domain,
            "Guid": f"244818ae-87ac-4fcd-92ec-{number:012}",
            "MachineAccountName": account,
            "NetBiosName": net_bios,
            "Sid": f"S-1-5-21-1-2-{number}",
        },
    }
    return GOOD if (account, domain, more, host) == ("WebApp1", "contoso.com", (), {}) else contents


def manifest(name: str, contents: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "windows.k8s.io/v1",
        "kind": "GMSACredentialSpec",
        "metadata": {"name": name, "uid": "1"},
        "credspec": contents,
    }


def rendered(call: Call, path: Path) -> dict[str, Any]:
    done = call("render", path)
    assert done.status == 0, done.stderr
    return {it["metadata"]["name"]: it["credspec"] for it in done.objects if it["kind"] == "GMSACredentialSpec"}


CONTENTS_OF = {
    "an account": credspec("WebApp1"),
    "a child domain": {
        **credspec("Web", "emea.contoso.com"),
        "DomainJoinConfig": {**credspec("Web", "emea.contoso.com")["DomainJoinConfig"], "DnsTreeName": "contoso.com"},
    },
    "an additional account": credspec("WebApp1", "contoso.com", ("Web2", "CONTOSO"), ("Web2", "contoso.com")),
    "an account of another domain": credspec("WebApp1", "contoso.com", ("Web2", "fabrikam.com")),
    "a known plugin": credspec(
        "WebApp1", PluginGUID="{e4781092-f116-4b79-b55e-28eb6a224e26}", PluginInput="web:password"
    ),
    "another plugin": credspec("WebApp1", PluginGUID="{8019A64C-3F4E-4DE3-AD2B-9A544290E2C3}", PluginInput="a: 'b' #"),
}


@pytest.mark.parametrize("contents", CONTENTS_OF.values(), ids=CONTENTS_OF)
@pytest.mark.parametrize("form", ["json", "yaml", "utf-16", "list"])
def test_the_config_renders_the_contents(contents: dict[str, Any], form: str, call: Call, folder: Folder) -> None:
    data: dict[str, str | bytes] = {
        "json": json.dumps(contents, indent=2),
        "yaml": yaml.safe_dump(manifest("web-1", contents)),
        "utf-16": json.dumps(contents).encode("utf-16"),
        "list": json.dumps({"kind": "List", "items": [{"kind": "ConfigMap"}, manifest("web-1", contents)]}),
    }
    root = folder({"in": data[form]})
    done = call("import", "credspec", root / "in")
    assert done.status == 0, done.stderr
    folder({"out.yaml": done.stdout + "  admission: {mode: None}\n"})
    ((name, found),) = rendered(call, root / "out.yaml").items()
    assert found == contents
    account = contents["DomainJoinConfig"]["MachineAccountName"]
    assert name == ("web-1" if form in ("yaml", "list") else f"gmsa-{account.lower()}")


def test_entries_are_added_to_a_config_whose_text_stays(call: Call, folder: Folder) -> None:
    files = {"a.json": json.dumps(GOOD), "b.yaml": yaml.safe_dump(manifest("b", credspec("Web2", "fabrikam.com")))}
    root = folder({"gmsa.yaml": INTO, **files})
    command = ("import", "credspec", root / "a.json", root / "b.yaml", "--into", root / "gmsa.yaml")
    done = call(*command)
    assert (done.status, done.stdout) == (0, "")
    assert "WebApp1 was added without usedBy" in done.stderr
    added = (root / "gmsa.yaml").read_text()
    assert set(INTO.splitlines()) <= set(added.splitlines())
    contents = rendered(call, root / "gmsa.yaml")
    assert contents["gmsa-webapp1"] == GOOD
    assert contents["b"] == credspec("Web2", "fabrikam.com")
    # With a second domain each entry names its own.
    assert contents["gmsa-old"]["DomainJoinConfig"]["DnsName"] == "contoso.com"

    again = call(*command)
    assert (again.status, again.stdout) == (0, "")
    assert (root / "gmsa.yaml").read_text() == added


def test_a_stream_of_manifests_is_imported_in_its_order(call: Call, folder: Folder) -> None:
    stream = "---\n".join(yaml.safe_dump(manifest(name, credspec(name.upper()))) for name in ("b", "a"))
    root = folder({"all.yaml": f"{stream}---\nkind: ConfigMap\nmetadata: {{name: x}}\n"})
    done = call("import", "credspec", root / "all.yaml")
    assert [it["account"] for it in yaml.safe_load(done.stdout)["spec"]["credspecs"]] == ["B", "A"]
    assert call("import", "credspec", "-", stdin=(root / "all.yaml").read_bytes()).stdout == done.stdout


def changed(**fields: str) -> dict[str, Any]:
    return {**GOOD, "DomainJoinConfig": {**GOOD["DomainJoinConfig"], **fields}}


WRONG: dict[str, tuple[dict[str, str | bytes], tuple[str, ...]]] = {
    "an account's SID": (
        {"a": json.dumps(changed(Sid="S-1-5-21-1-2-3-4"))},
        ("DomainJoinConfig.Sid", "S-1-5-21-1-2-3"),
    ),
    "no credential spec": ({"a": "kind: ConfigMap\nmetadata: {name: a}\n"}, ("has no credential spec",)),
    "an empty file": ({"a": b""}, ("JSON",)),
    "two domains of one SID": (
        {
            "a": json.dumps(GOOD),
            "b": json.dumps(
                {
                    **credspec("B", "b.com"),
                    "DomainJoinConfig": {
                        **credspec("B", "b.com")["DomainJoinConfig"],
                        "Sid": GOOD["DomainJoinConfig"]["Sid"],
                    },
                }
            ),
        },
        ("b: DomainJoinConfig.Sid", "contoso.com", "each domain has its own"),
    ),
    "a name that the API server refuses": (
        {"a": yaml.safe_dump(manifest("gmsa-WebApp1", GOOD))},
        ("metadata.name", "write gmsa-webapp1"),
    ),
    "contents under spec": (
        {"a": yaml.safe_dump({"kind": "GMSACredentialSpec", "metadata": {"name": "a"}, "spec": GOOD})},
        ("spec: unknown field", "credspec"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_a_message_and_changes_nothing(name: str, call: Call, folder: Folder) -> None:
    files, words = WRONG[name]
    root = folder({"gmsa.yaml": INTO, **files})
    for into in ((), ("--into", root / "gmsa.yaml")):
        done = call("import", "credspec", *(root / it for it in files), *into)
        assert (done.status, done.stdout) == (1, "")
        assert all(word in done.stderr for word in words), done.stderr
    assert (root / "gmsa.yaml").read_text() == INTO


def test_a_config_with_mistakes_is_not_added_to(call: Call, folder: Folder) -> None:
    wrong = INTO.replace("mode: None", "mode: Nothing")
    root = folder({"gmsa.yaml": wrong, "a.json": json.dumps(GOOD)})
    done = call("import", "credspec", root / "a.json", "--into", root / "gmsa.yaml")
    assert done.status == 1
    assert "spec.admission.mode" in done.stderr
    assert (root / "gmsa.yaml").read_text() == wrong


@pytest.mark.parametrize("command", ["render", "lint"])
def test_a_manifest_that_a_config_reads_is_not_one_of_its_own(command: str, call: Call, folder: Folder) -> None:
    """In one folder with the config, as people keep them: the config emits it."""
    config = INTO.replace("- account: Old   # keep it", "- file: web.yaml")
    root = folder({"gmsa.yaml": config, "web.yaml": yaml.safe_dump(manifest("web-1", credspec("Web", "fabrikam.com")))})
    done = call(command, root)
    assert done.status == 0, done.stdout + done.stderr
    if command == "render":
        assert rendered(call, root) == {"web-1": credspec("Web", "fabrikam.com")}


@pytest.mark.parametrize("others", [[], [{"dnsName": "example.com", "netBiosName": "EXAMPLE"}]])
def test_a_new_domain_gets_a_name_that_no_other_has(others: list[dict[str, str]], call: Call, folder: Folder) -> None:
    """A domain of the config may be called as another one is on the network."""
    config = yaml.safe_load(INTO)
    config["spec"]["domains"][0]["name"] = "fabrikam.com"
    ids = {"guid": "aaaaaaaa-87ac-4fcd-92ec-e79e5252348a", "sid": "S-1-5-21-7-8-9"}
    config["spec"]["domains"] += [{**it, **ids} for it in others]
    config["spec"]["credspecs"][0]["domain"] = "fabrikam.com"
    root = folder({"gmsa.yaml": yaml.safe_dump(config), "b.json": json.dumps(credspec("Web2", "fabrikam.com"))})
    before = rendered(call, root / "gmsa.yaml")
    done = call("import", "credspec", root / "b.json", "--into", root / "gmsa.yaml")
    assert done.status == 0, done.stderr
    assert rendered(call, root / "gmsa.yaml") == {**before, "gmsa-web2": credspec("Web2", "fabrikam.com")}


def test_the_file_that_a_link_leads_to_is_replaced_as_a_whole(call: Call, folder: Folder) -> None:
    """It was emptied and written again, so that a full disk would have lost it."""
    root = folder({"real.yaml": INTO, "a.json": json.dumps(GOOD)})
    (root / "gmsa.yaml").symlink_to("real.yaml")
    (root / "earlier.yaml").hardlink_to(root / "real.yaml")
    assert call("import", "credspec", root / "a.json", "--into", root / "gmsa.yaml").status == 0
    assert (root / "gmsa.yaml").is_symlink()
    assert "WebApp1" in (root / "real.yaml").read_text()
    assert (root / "earlier.yaml").read_text() == INTO


def test_two_entries_of_one_account_are_told_apart(call: Call, folder: Folder) -> None:
    files = {"a.json": json.dumps(GOOD), "b.yaml": yaml.safe_dump(manifest("web", GOOD))}
    root = folder({"gmsa.yaml": INTO, **files})
    done = call("import", "credspec", root / "a.json", root / "b.yaml", "--into", root / "gmsa.yaml")
    assert "WebApp1 was added without usedBy" in done.stderr
    assert "web was added without usedBy" in done.stderr
