"""`render` as users call it: streams, Lists, folders, and wrong inputs above all."""

from __future__ import annotations

import itertools
import json
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import Call, Folder, environment, identity
from hosts.support import CERT_MANAGER, CONTOSO, NO_ADMISSION, assert_mentions, gmsa_config

CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  admission:
    mode: None
  credspecs:
  - account: WebApp1
    usedBy: FromWorkloads
"""
WRONG_CONFIG = CONFIG.replace("WebApp1", "a$")
DEPLOYMENT = """\
# comment that stays
apiVersion: apps/v1
kind: Deployment
metadata:   {name: web, namespace: web}
spec: {replicas: 1e0, note: NO}
"""
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: web
"""
MANIFESTS = f"{DEPLOYMENT}---\n{NAMESPACE}"


def webapps(*accounts: str, domain: dict[str, str] | None = None) -> str:
    """A config with these accounts, and a webhook."""
    return gmsa_config(
        domains=[domain or CONTOSO], credspecs=[{"account": it} for it in accounts], webhook=CERT_MANAGER
    )


# Streams


def test_manifests_pass_through_to_the_byte_in_apply_order(call: Call, folder: Folder) -> None:
    root = folder(
        {
            "gmsa.yaml": CONFIG,
            "app/web.yaml": MANIFESTS,
            "app/kustomization.yaml": "resources: []\n",
            "notes.txt": "not YAML: [",
            ".hidden/x.yaml": "a: [",
        }
    )
    done = call("render", root)
    assert done.status == 0, done.stderr
    kinds = [item["kind"] for item in done.objects]
    assert kinds == ["Namespace", "GMSACredentialSpec", "ClusterRole", "Deployment"]
    assert DEPLOYMENT in done.stdout
    folder({"out/all.yaml": done.stdout})
    assert call("render", root / "gmsa.yaml", root / "out/all.yaml").stdout == done.stdout


def test_several_configs_share_what_is_equal(call: Call, folder: Folder) -> None:
    webapp3 = gmsa_config(credspecs=[{"account": "WebApp3"}], admission=NO_ADMISSION)
    root = folder(
        {
            "a.yaml": webapps("WebApp1"),
            "b.yaml": webapps("WebApp2"),
            "c.yaml": f"{webapps('WebApp1')}---\n{webapp3}",
        }
    )
    done = call("render", root)
    assert done.status == 0, done.stderr
    credspecs = [item["metadata"]["name"] for item in done.objects if item["kind"] == "GMSACredentialSpec"]
    assert credspecs == ["gmsa-webapp1", "gmsa-webapp2", "gmsa-webapp3"]
    assert len({identity(item) for item in done.objects}) == len(done.objects)


def test_an_object_with_other_contents_in_another_config_is_an_error(call: Call, folder: Folder) -> None:
    other_domain = {**CONTOSO, "netBiosName": "OTHER"}
    root = folder({"a.yaml": webapps("WebApp1"), "b.yaml": webapps("WebApp1", domain=other_domain)})
    done = call("render", root)
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, "GMSACredentialSpec gmsa-webapp1", "spec.credspecs[0]")
    findings = json.loads(call("lint", "--format", "json", root).stdout)
    assert "same-object" in [finding["rule"] for finding in findings]


def test_directives_pass_through(call: Call, folder: Folder) -> None:
    manifest = "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    root = folder({"config": CONFIG})
    done = call(root / "config", program="GMSAConfig", stdin=manifest.encode())
    assert done.status == 0, done.stderr
    assert done.stdout.startswith(manifest)


def test_stdin_is_a_path_too(call: Call) -> None:
    assert len(call("render", "-", stdin=CONFIG.encode()).objects) == 2
    wrong = call("render", "-", stdin=WRONG_CONFIG.encode())
    assert_mentions(wrong.stderr, "stdin:14:14: spec.credspecs[0].account: ")


def test_a_folder_may_hold_a_credspec_as_powershell_writes_it(call: Call, folder: Folder) -> None:
    """UTF-16, which is refused elsewhere; the config that names the file says what it is."""
    contents = (Path(__file__).parent.parent / "cases/credspec-file/credspecs/webapp3.json").read_text()
    config = gmsa_config(credspecs=[{"file": "webapp3.json"}], admission=NO_ADMISSION)
    root = folder({"gmsa.yaml": config, "webapp3.json": contents.encode("utf-16")})
    assert call("render", root).object("GMSACredentialSpec")["metadata"]["name"] == "gmsa-webapp3"
    folder({"other.json": contents.encode("utf-16")})
    assert_mentions(call("render", root).stderr, "other.json")


# JSON


def test_json_is_a_list_that_kubectl_takes(call: Call, folder: Folder) -> None:
    done = call("render", "--format", "json", folder({"gmsa.yaml": CONFIG, "web.yaml": MANIFESTS}))
    loaded = json.loads(done.stdout)
    assert (loaded["apiVersion"], loaded["kind"]) == ("v1", "List")
    kinds = [item["kind"] for item in loaded["items"]]
    assert kinds == ["Namespace", "GMSACredentialSpec", "ClusterRole", "Deployment"]
    assert loaded["items"][3]["spec"] == {"replicas": 1.0, "note": False}  # as kubectl reads it


def test_its_own_list_changes_nothing(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    listing = call("render", "--format", "json", root / "gmsa.yaml").stdout
    folder({"all.json": listing})
    done = call("render", root)
    assert (done.status, done.stdout, done.stderr) == (0, listing, "")


def test_its_own_list_is_brought_up_to_date(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    listing = call("render", "--format", "json", root / "gmsa.yaml").stdout
    folder({"all.json": listing.replace("CONTOSO", "OTHER")})
    assert json.loads(call("render", root).stdout) == json.loads(listing)


ODD_NUMBERS = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
data:
  a: 0x_
  b: {"1" * 5000}
  c: 1e999
  d: 0x1F
"""


def test_numbers_that_json_does_not_have_are_strings(call: Call, folder: Folder) -> None:
    done = call("render", "--format", "json", folder({"gmsa.yaml": CONFIG, "m.yaml": ODD_NUMBERS}))
    assert done.status == 0, done.stderr
    data = json.loads(done.stdout, parse_constant=pytest.fail)["items"][2]["data"]
    assert data == {"a": "0x_", "b": "1" * 5000, "c": "1e999", "d": 31}


# A folder


def contents_of(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(out.iterdir()) if path.name != ".gmsa-krm-files"}


def test_a_folder_gets_a_file_per_resource(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": gmsa_config(credspecs=[{"account": "WebApp1"}, {"account": "WebApp2"}])})
    out = root / "out"
    done = call("render", root / "gmsa.yaml", "-o", out)
    assert done.status == 0, done.stderr
    assert "spec.credspecs[1]" in done.stdout  # a table says where each file comes from
    assert done.stdout.splitlines()[-1] == f"{len(contents_of(out))} files in {out}"
    for name, text in contents_of(out).items():
        mode = stat.S_IMODE((out / name).stat().st_mode)
        assert mode == (0o600 if "-secret-" in name else 0o644), name
        assert isinstance(yaml.safe_load(text), dict)
    order = [yaml.safe_load(text)["kind"] for text in contents_of(out).values()]
    assert order.index("Namespace") < order.index("CustomResourceDefinition") < order.index("GMSACredentialSpec")
    assert order.index("Deployment") < order.index("MutatingWebhookConfiguration")


NAMELESS_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  generateName: j-
"""


def test_a_folder_takes_a_job_without_a_name_twice(call: Call, folder: Folder) -> None:
    """The name of its file ends in -, and is known again all the same."""
    root = folder({"gmsa.yaml": CONFIG, "job.yaml": NAMELESS_JOB})
    for _ in range(2):
        assert call("render", root / "gmsa.yaml", root / "job.yaml", "-o", root / "out").status == 0


def test_a_folder_loses_only_files_that_were_written_before(call: Call, folder: Folder) -> None:
    both, one = (gmsa_config(credspecs=[{"account": it} for it in names]) for names in (("A", "B"), ("A",)))
    root = folder({"gmsa.yaml": both, "job.yaml": NAMELESS_JOB})
    out = root / "out"
    assert call("render", root / "gmsa.yaml", root / "job.yaml", "-o", out).status == 0
    before = set(contents_of(out))
    folder({"gmsa.yaml": one, "out/mine.yaml": "mine"})
    assert call("render", root / "gmsa.yaml", "-o", out).status == 0
    gone = before - set(contents_of(out))
    (job,) = (name for name in before if "-job-" in name)
    assert gone == {"12-gmsacredentialspec-gmsa-b.yaml", "14-clusterrole-use-gmsa-b.yaml", job}
    assert (out / "mine.yaml").read_text() == "mine"


def test_a_file_of_somebody_else_is_not_overwritten(call: Call, folder: Folder) -> None:
    name = "12-gmsacredentialspec-gmsa-webapp1.yaml"
    root = folder({"gmsa.yaml": CONFIG, f"out/{name}": "mine"})
    done = call("render", root / "gmsa.yaml", "-o", root / "out")
    assert (done.status, done.stdout) == (3, "")
    assert_mentions(done.stderr, name, "another folder")
    assert (root / "out" / name).read_text() == "mine"


def test_a_list_of_files_that_was_tampered_with_removes_nothing(call: Call, folder: Folder) -> None:
    root = folder(
        {
            "gmsa.yaml": CONFIG,
            "out/.gmsa-krm-files": "../gmsa.yaml\n/etc/passwd\nkustomization.yaml\n",
            "out/kustomization.yaml": "mine",
        }
    )
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 0
    assert (root / "gmsa.yaml").exists()
    assert Path("/etc/passwd").exists()
    assert (root / "out/kustomization.yaml").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_an_error(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": CONFIG, "file": ""})
    done = call("render", root / "gmsa.yaml", "-o", root / "file/out")
    assert (done.status, done.stdout) == (3, "")
    assert_mentions(done.stderr, "cannot be written", "Not a directory")


def test_nothing_is_written_where_the_config_is_wrong(call: Call, folder: Folder) -> None:
    root = folder({"gmsa.yaml": WRONG_CONFIG})
    assert call("render", root / "gmsa.yaml", "-o", root / "out").status == 1
    assert not (root / "out").exists()


# Bad input


def alias_bomb() -> bytes:
    """Fields below spec: each of 20 lists holds the one before nine times."""
    letters = "abcdefghijklmnopqrstu"
    lines = ["  x: &a [1,1,1,1,1,1,1,1,1]\n"]
    for number, (before, name) in enumerate(itertools.pairwise(letters)):
        lines.append(f"  y{number}: &{name} [{','.join([f'*{before}'] * 9)}]\n")
    return "".join(lines).encode()


VALID = CONFIG.encode()
WRONG: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("no GMSAConfig",)),
    "not YAML": (b"a: [", ("gmsa.yaml:2:1: ", "YAML")),
    "not an object": (b"- a\n", ("gmsa.yaml:1:1: ", "Kubernetes object")),
    "NUL": (VALID + b"\0", ("NUL",)),
    "not UTF-8": (VALID + b"# \xff", ("gmsa.yaml:16:3: ", "UTF-8")),
    "no config": (b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", ("no GMSAConfig",)),
    "too large": (VALID + b"# " + b"x" * (17 << 20), ("16 MiB",)),
    "alias bomb": (VALID + alias_bomb(), ("aliases",)),
    "an error after a good config": (VALID + b"---\na: [", ("gmsa.yaml:18:1: ", "YAML")),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_gets_one_message_and_an_empty_stdout(name: str, call: Call, folder: Folder) -> None:
    data, words = WRONG[name]
    done = call("render", folder({"gmsa.yaml": data}) / "gmsa.yaml")
    assert (done.status, done.stdout) == (1, "")
    assert_mentions(done.stderr, *words)
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_file_is_an_error(call: Call, tmp_path: Path) -> None:
    missing = call("render", tmp_path / "none.yaml")
    assert (missing.status, missing.stdout) == (3, "")
    assert_mentions(missing.stderr, "none.yaml: ", "cannot be read", "No such file or directory")


def test_an_empty_folder_is_an_error(call: Call, tmp_path: Path) -> None:
    empty = call("render", tmp_path)
    assert (empty.status, empty.stdout) == (1, "")


def test_a_misspelt_command_gets_a_suggestion(call: Call) -> None:
    for words, meant in ((["rneder", "a"], "render"), (["import", "helm-value", "a"], "helm-values")):
        done = call(*words)
        assert (done.status, done.stdout) == (2, "")
        assert f"did you mean {meant}?" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_help_and_version_are_commands_too(call: Call) -> None:
    assert call("version").stdout == call("--version").stdout
    assert call("help", "certs", "issue").stdout == call("certs", "issue", "--help").stdout
    assert call("help").stdout == call("--help").stdout
    assert call("help", "lnit").status == 2


@pytest.mark.parametrize(
    "arguments",
    [["render"], ["rendr", "a"], ["render", "a", "--format", "toml"], ["install"], ["certs", "issue", "--nope"]],
    ids=" ".join,
)
def test_wrong_usage_has_a_status_of_its_own(arguments: list[str], call: Call) -> None:
    assert call(*arguments).status == 2


# Streams of the shell


def shell(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = environment(home)
    return subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["render", "lint"])
@pytest.mark.parametrize(
    ("redirection", "status"),
    [
        ("<&-", 0),
        (">&-", 3),
        (">/dev/full", 3),
    ],
)
def test_closed_and_full_streams_get_no_traceback(
    command: str, redirection: str, status: int, program: Path, folder: Folder
) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    done = shell(f"{program} {command} {root}/gmsa.yaml {redirection}", root)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == status, done.stderr


@pytest.mark.parametrize("command", ["render", "lint"])
def test_a_full_stream_gets_no_traceback_where_python_does_not_buffer(
    command: str, program: Path, folder: Folder
) -> None:
    root = folder({"gmsa.yaml": CONFIG})
    done = shell(f"PYTHONUNBUFFERED=1 {program} {command} {root}/gmsa.yaml >/dev/full", root)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == 3, done.stderr


def test_a_reader_that_goes_away_gets_no_traceback(program: Path, folder: Folder) -> None:
    accounts = [{"account": f"App{number}"} for number in range(2000)]
    root = folder({"gmsa.yaml": gmsa_config(credspecs=accounts)})
    done = shell(f"{program} render {root}/gmsa.yaml | head -1", root)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
