"""`render`, `lint` and `install` as users call them, wrong inputs above all."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import DOMAIN, HEAD, ROOT, Call, Folder, build, config, environment, identity

SMALL = config("  admission: {mode: None}\n  credspecs:\n  - account: WebApp1\n")
MANIFESTS = """\
# comment that stays
apiVersion: apps/v1
kind: Deployment
metadata:   {name: web, namespace: web}
spec: {replicas: 1e0, note: NO}
---
apiVersion: v1
kind: Namespace
metadata:
  name: web
"""


def test_manifests_pass_through_to_the_byte_in_apply_order(call: Call, folder: Folder) -> None:
    where = folder(
        {
            "gmsa.yaml": SMALL,
            "app/web.yaml": MANIFESTS,
            "app/kustomization.yaml": "resources: []\n",
            "notes.txt": "no YAML: [",
            ".hidden/x.yaml": "a: [",
        }
    )
    done = call("render", where)
    assert done.status == 0, done.stderr
    kinds = [item["kind"] for item in done.objects]
    assert kinds == ["Namespace", "GMSACredentialSpec", "ClusterRole", "Deployment"]
    assert MANIFESTS.partition("---\n")[0] in done.stdout
    (where / "out").mkdir()
    (where / "out" / "all.yaml").write_text(done.stdout)
    assert call("render", where / "gmsa.yaml", where / "out" / "all.yaml").stdout == done.stdout


def test_several_configs_share_what_is_equal(call: Call, folder: Folder) -> None:
    one = config("  webhook: {certificate: {source: CertManager}}\n  credspecs:\n  - account: WebApp1\n")
    where = folder(
        {
            "a.yaml": one,
            "b.yaml": one.replace("WebApp1", "WebApp2"),
            "c.yaml": one + "---\n" + SMALL.replace("WebApp1", "WebApp3"),
        }
    )
    done = call("render", where)
    assert done.status == 0, done.stderr
    assert [item["metadata"]["name"] for item in done.objects if item["kind"] == "GMSACredentialSpec"] == [
        "gmsa-webapp1",
        "gmsa-webapp2",
        "gmsa-webapp3",
    ]
    assert len({identity(item) for item in done.objects}) == len(done.objects)
    other = folder({"b.yaml": one.replace("CONTOSO", "OTHER")})
    clash = call("render", other)
    assert (clash.status, clash.stdout) == (1, "")
    assert (
        "GMSACredentialSpec gmsa-webapp1 comes of spec.credspecs[0] of another entry or config too, with other contents"
        in clash.stderr
    )


def test_json_is_a_list_that_kubectl_takes(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": SMALL, "web.yaml": MANIFESTS})
    done = call("render", "--format", "json", where)
    loaded = json.loads(done.stdout)
    assert (loaded["apiVersion"], loaded["kind"]) == ("v1", "List")
    assert [item["kind"] for item in loaded["items"]] == [
        "Namespace",
        "GMSACredentialSpec",
        "ClusterRole",
        "Deployment",
    ]
    assert loaded["items"][3]["spec"] == {"replicas": 1.0, "note": False}  # as kubectl reads it


def test_its_own_list_changes_nothing(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": SMALL})
    (where / "all.json").write_text(call("render", "--format", "json", where / "gmsa.yaml").stdout)
    done = call("render", where)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == (where / "all.json").read_text()
    (where / "all.json").write_text(done.stdout.replace("CONTOSO", "OTHER"))
    assert json.loads(call("render", where).stdout) == json.loads(done.stdout)


def test_numbers_that_json_does_not_have(call: Call, folder: Folder) -> None:
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: 0x_, b: {'1' * 5000}, c: 1e999, d: 0x1F}}\n"
    done = call("render", "--format", "json", folder({"gmsa.yaml": SMALL, "m.yaml": manifest}))
    assert done.status == 0, done.stderr
    assert json.loads(done.stdout, parse_constant=pytest.fail)["items"][2]["data"] == {
        "a": "0x_",
        "b": "1" * 5000,
        "c": "1e999",
        "d": 31,
    }


def test_directives_pass_through(call: Call, folder: Folder) -> None:
    manifest = "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    where = folder({"config": SMALL})
    done = call(where / "config", program="GMSAConfig", stdin=manifest.encode())
    assert done.status == 0, done.stderr
    assert done.stdout.startswith(manifest)


@pytest.mark.parametrize("redirection", ["<&-", ">/dev/full", ">&-"])
def test_closed_and_full_streams_get_no_traceback(redirection: str, program: Path, folder: Folder) -> None:
    where = folder({"gmsa.yaml": SMALL})
    for command in ("render", "lint"):
        done = subprocess.run(
            f"{program} {command} {where}/gmsa.yaml {redirection}",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr
        assert done.returncode == (0 if redirection == "<&-" else 3), done.stderr


def test_stdin_is_a_path_too(call: Call) -> None:
    assert len(call("render", "-", stdin=SMALL.encode()).objects) == 2
    wrong = call("render", "-", stdin=SMALL.replace("WebApp1", "a$").encode())
    assert "stdin:13:14: spec.credspecs[0].account" in wrong.stderr


# A folder


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != ".gmsa-krm-files"}


def test_a_folder_gets_a_file_per_resource_and_loses_only_what_we_wrote(call: Call, folder: Folder) -> None:
    full = config("  credspecs:\n  - account: WebApp1\n  - account: WebApp2\n")
    where = folder({"gmsa.yaml": full})
    out = where / "out"
    job = folder({"job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n"}) / "job.yaml"
    for _ in range(2):  # a name that ends in - is one of ours too
        assert call("render", where / "gmsa.yaml", job, "-o", out).status == 0
    job.unlink()
    done = call("render", where / "gmsa.yaml", "-o", out)
    assert done.status == 0, done.stderr
    assert "spec.credspecs[1]" in done.stdout
    assert done.stdout.splitlines()[-1] == f"{len(files(out))} files in {out}"
    for name, text in files(out).items():
        mode = stat.S_IMODE((out / name).stat().st_mode)
        assert mode == (0o600 if "-secret-" in name else 0o644), name
        assert isinstance(yaml.safe_load(text), dict)
    order = [yaml.safe_load(text)["kind"] for _, text in sorted(files(out).items())]
    assert order.index("Namespace") < order.index("CustomResourceDefinition") < order.index("GMSACredentialSpec")
    assert order.index("Deployment") < order.index("MutatingWebhookConfiguration")

    (out / "mine.yaml").write_text("mine")
    (where / "gmsa.yaml").write_text(full.replace("  - account: WebApp2\n", ""))
    before = set(files(out))
    assert call("render", where / "gmsa.yaml", "-o", out).status == 0
    assert before - set(files(out)) == {
        "12-gmsacredentialspec-gmsa-webapp2.yaml",
        "14-clusterrole-use-gmsa-webapp2.yaml",
    }
    assert (out / "mine.yaml").read_text() == "mine"


def test_a_file_of_somebody_else_is_not_overwritten(call: Call, folder: Folder) -> None:
    where = folder(
        {
            "gmsa.yaml": SMALL,
            "out/12-gmsacredentialspec-gmsa-webapp1.yaml": "mine",
            "out/.gmsa-krm-files": "../gmsa.yaml\n/etc/passwd\nkustomization.yaml\n",
            "out/kustomization.yaml": "mine",
        }
    )
    done = call("render", where / "gmsa.yaml", "-o", where / "out")
    assert (done.status, done.stdout) == (3, "")
    assert "is there and not ours; move it, or choose another folder" in done.stderr
    assert (where / "out/12-gmsacredentialspec-gmsa-webapp1.yaml").read_text() == "mine"
    (where / "out/12-gmsacredentialspec-gmsa-webapp1.yaml").unlink()
    assert call("render", where / "gmsa.yaml", "-o", where / "out").status == 0
    assert (where / "gmsa.yaml").exists()
    assert (where / "out/kustomization.yaml").read_text() == "mine"


def test_a_folder_that_cannot_be_written(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": SMALL, "file": ""})
    done = call("render", where / "gmsa.yaml", "-o", where / "file" / "out")
    assert (done.status, done.stdout) == (3, "")
    assert "cannot be written (Not a directory)" in done.stderr


def test_nothing_is_written_where_the_config_is_wrong(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": SMALL.replace("WebApp1", "a$")})
    assert call("render", where / "gmsa.yaml", "-o", where / "out").status == 1
    assert not (where / "out").exists()


# Bad input

WRONG: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 1, "no GMSAConfig in what was given"),
    "no YAML": (b"a: [", 1, "gmsa.yaml:2:1: not YAML"),
    "no object": (b"- a\n", 1, "gmsa.yaml:1:1: is no Kubernetes object"),
    "NUL": (SMALL.encode() + b"\0", 1, "holds a NUL character"),
    "no UTF-8": (SMALL.encode() + b"# \xff", 1, "gmsa.yaml:14:3: is no UTF-8 text"),
    "no config": (b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", 1, "no GMSAConfig in what was given"),
    "too large": (SMALL.encode() + b"# " + b"x" * (17 << 20), 1, "is over 16 MiB"),
    "bomb": (
        SMALL.encode()
        + b"  x: &a [1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"  y%d: &%c [%s]\n" % (n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(20)),
        1,
        "the aliases expand to more than",
    ),
    "another error after a good config": (SMALL.encode() + b"---\na: [", 1, "gmsa.yaml:16:1: not YAML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_gets_one_message_and_an_empty_stdout(name: str, call: Call, folder: Folder) -> None:
    data, status, wanted = WRONG[name]
    done = call("render", folder({"gmsa.yaml": data}) / "gmsa.yaml")
    assert (done.status, done.stdout) == (status, "")
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_paths_and_usage(call: Call, tmp_path: Path) -> None:
    missing = call("render", tmp_path / "none.yaml")
    assert (missing.status, missing.stdout) == (3, "")
    assert "none.yaml: cannot be read (No such file or directory)" in missing.stderr
    for arguments in (
        ["render"],
        ["rendr", "a"],
        ["render", "a", "--format", "toml"],
        ["install"],
        ["certs", "issue", "--nope"],
    ):
        assert call(*arguments).status == 2
    empty = call("render", tmp_path)
    assert (empty.status, empty.stdout) == (1, "")


def test_a_reader_that_goes_away_gets_no_traceback(program: Path, tmp_path: Path) -> None:
    credspecs = "".join(f"  - account: App{number}\n" for number in range(2000))
    (tmp_path / "gmsa.yaml").write_text(HEAD + DOMAIN + "  credspecs:\n" + credspecs)
    done = subprocess.run(
        f"{program} render {tmp_path}/gmsa.yaml | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


VALID = (
    (ROOT / "tests/cases/webhook-options/gmsa.yaml")
    .read_text()
    .replace("caBundleFile: ca.crt", f"caBundleFile: {'ca.crt'}")
)
PIECES = st.sampled_from(
    [
        "[",
        "]",
        "{",
        "}",
        ":",
        "- ",
        "\n",
        "  ",
        "'",
        '"',
        "*a",
        "&a ",
        "|",
        "~",
        "NO",
        "-1",
        "a$",
        "\t",
        "#",
        "!!int ",
        "<<: ",
        "..",
        "/",
        "\0",
        "é",
        "0x10",
        "%",
        "---\n",
        "null",
        "1e9",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from([VALID, SMALL, (ROOT / "tests/cases/host-account/gmsa.yaml").read_text()]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.sampled_from([0, 0, 1, 5, 20]))
        text = text[:at] + draw(st.one_of(PIECES, st.just(""), st.text(max_size=3))) + text[end:]
    return text


@given(text=mutated())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_config_gives_valid_output_or_a_message(text: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes((ROOT / "tests/cases/webhook-options/ca.crt").read_bytes())
    (tmp_path / "gmsa.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    done = call("render", tmp_path / "gmsa.yaml")
    if done.status == 0:
        assert all(item["kind"] and item["metadata"]["name"] for item in done.objects)
    else:
        assert (done.status, done.stdout) == (1, "")
        assert done.stderr.strip()
    # the same text on the other doors
    for other in (
        call(stdin=text.encode("utf-8", "surrogatepass")),
        call(tmp_path / "gmsa.yaml", program="GMSAConfig"),
    ):
        assert other.status in (0, 1)
        assert other.status == 0 or other.stderr.strip()


# lint


def test_lint_says_what_render_would_say(call: Call, folder: Folder) -> None:
    where = folder(
        {
            "gmsa.yaml": SMALL.replace(
                "- account: WebApp1", "- account: WebApp1$\n    usedBy: [{namespace: a, serviceAccounts: [default]}]"
            )
        }
    )
    done = call("lint", where)
    assert done.status == 1
    lines = done.stdout.splitlines()
    assert lines[0].endswith(
        "gmsa.yaml:13:14: spec.credspecs[0].account: WebApp1$ ends in $; a credential spec has the name without it: WebApp1"
    )
    assert lines[-1] == "1 error, 1 warning"
    found = json.loads(call("lint", "--format", "json", where).stdout)
    assert [(it["severity"], it["rule"], it["line"]) for it in found] == [
        ("error", "account-name", 13),
        ("warning", "default-service-account", 14),
    ]
    sarif = json.loads(call("lint", "--format", "sarif", where).stdout)
    results = sarif["runs"][0]["results"]
    assert [
        (it["level"], it["ruleId"], it["locations"][0]["physicalLocation"]["region"]["startLine"]) for it in results
    ] == [
        ("error", "account-name", 13),
        ("warning", "default-service-account", 14),
    ]
    clean = call("lint", folder({"gmsa.yaml": SMALL}))
    assert (clean.status, clean.stdout) == (0, "no errors, no warnings\n")


def test_sarif_fits_its_schema(call: Call, folder: Folder) -> None:
    """The JSON Schema of OASIS, errata 01, as the Go module go-sarif carries it."""
    import re

    import jsonschema

    from build import module

    source = (module("sarif-schema") / "pkg/report/v210/sarif/schema.go").read_text()
    found = re.search(r"const schema = `(.*?)`\s*\Z", source, re.DOTALL)
    assert found
    schema = json.loads(found[1])
    validator = jsonschema.Draft4Validator(schema)
    wrong = SMALL.replace("WebApp1", "WebApp1$") + "  webhook: {replicas: 1, certificate: {source: Generate}}\n"
    for files in ({"gmsa.yaml": wrong}, {"gmsa.yaml": SMALL}, {"gmsa.yaml": "a: ["}, {"gmsa.yaml": MANIFESTS}):
        log = json.loads(call("lint", "--format", "sarif", folder(files)).stdout)
        validator.validate(log)
    log["runs"][0]["results"] = [{"rule": "no-such-key"}]
    assert not validator.is_valid(log)


# install


def test_the_plugin_goes_where_kustomize_looks(call: Call, kustomize: Path, tmp_path: Path, program: Path) -> None:
    case = ROOT / "tests/cases/domain-joined"
    for variable, below in (("KUSTOMIZE_PLUGIN_HOME", ""), ("XDG_CONFIG_HOME", "kustomize/plugin")):
        home = tmp_path / variable
        home.mkdir()
        given = home / "a folder"
        env = environment(home, **{variable: str(given)})
        installed = subprocess.run(
            [program, "install", "kustomize"], env=env, capture_output=True, text=True, check=True
        )
        place = given / below / "gmsa-krm.dev/v1alpha1/gmsaconfig/GMSAConfig"
        assert installed.stdout == f"installed {place}\n"
        assert os.access(place, os.X_OK)
        done = build(kustomize, case, home, **{variable: str(given)})
        assert done.returncode == 0, done.stderr
        assert "GMSACredentialSpec" in done.stdout
    again = call("install", "kustomize", "--dir", tmp_path / "plugins")
    assert again.status == 0
    place = tmp_path / "plugins/gmsa-krm.dev/v1alpha1/gmsaconfig/GMSAConfig"
    assert call("install", "kustomize", "--dir", tmp_path / "plugins").status == 0
    place.write_text("#!/bin/sh\n# somebody's\n")
    refused = call("install", "kustomize", "--dir", tmp_path / "plugins")
    assert refused.status == 3
    assert "is there and not ours" in refused.stderr
    assert place.read_text() == "#!/bin/sh\n# somebody's\n"


def test_a_folder_with_a_credspec_as_powershell_writes_it(call: Call, folder: Folder) -> None:
    """UTF-16, which is no YAML here; the config that names it says what it is."""
    contents = (ROOT / "tests/cases/credspec-file/credspecs/webapp3.json").read_text()
    root = folder(
        {
            "gmsa.yaml": config("  admission: {mode: None}\n  credspecs: [{file: webapp3.json}]\n"),
            "webapp3.json": contents.encode("utf-16"),
        }
    )
    assert call("render", root).object("GMSACredentialSpec")["metadata"]["name"] == "gmsa-webapp3"
    (root / "other.json").write_bytes(contents.encode("utf-16"))
    assert "other.json" in call("render", root).stderr
