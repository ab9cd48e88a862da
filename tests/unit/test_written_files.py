"""What is written over: regular files only. Devices, pipes and links are written to, or refused, and stay what they are."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from builders import CERT_MANAGER, gmsa_config
from conftest import Call, Done, Folder

CONFIG = gmsa_config(CERT_MANAGER)
# Post-renders nothing but a mistake, so that there is a message to log.
MISTAKE = gmsa_config("""
    webhook:
      replicas: 0
""")
MESSAGE = "spec.webhook.replicas"


def post_render(call: Call, log: Path) -> Done:
    done = call("post-render", "--log-file", log, stdin=MISTAKE.encode())
    assert (done.status, done.stdout) == (1, "")
    return done


# The log


def test_a_device_stays_a_device(call: Call, tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    post_render(call, device)
    assert stat.S_ISCHR(device.lstat().st_mode)


def test_a_log_goes_through_a_link(call: Call, tmp_path: Path) -> None:
    target, link = tmp_path / "target.log", tmp_path / "link.log"
    target.write_text("an earlier and much longer text\n" * 50)
    link.symlink_to(target)
    post_render(call, link)
    assert link.is_symlink()
    assert MESSAGE in target.read_text()
    assert "earlier" not in target.read_text()


def test_a_log_goes_into_a_pipe(call: Call, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    for _ in range(1000):  # until the reader has opened it
        done = post_render(call, pipe)
        if "cannot be written" not in done.stderr:
            break
    reader.join(10)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert MESSAGE in read[0]


def test_a_pipe_that_nobody_reads_does_not_hang(call: Call, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe: cannot be written" in post_render(call, tmp_path / "pipe").stderr


def test_a_link_to_nothing_is_not_followed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert "link: cannot be written" in post_render(call, tmp_path / "link").stderr
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("log", ["/dev/stderr", "/proc/self/fd/2"])
@pytest.mark.parametrize("to_file", [True, False], ids=["a file", "a pipe"])
def test_the_log_may_be_stderr(log: str, to_file: bool, program: Path, tmp_path: Path) -> None:
    """CI does so, often as root, who could replace /dev/stderr for everybody."""
    before = os.lstat("/dev/stderr")
    command = [str(program), "post-render", "--log-file", log]
    if to_file:
        with (tmp_path / "log").open("wb") as file:
            file.write(b"earlier lines\n")
            file.flush()
            subprocess.run(command, input=MISTAKE.encode(), stderr=file, check=False)
        text = (tmp_path / "log").read_text()
        assert text.startswith("earlier lines\n")
    else:
        text = subprocess.run(command, input=MISTAKE, stderr=subprocess.PIPE, text=True, check=False).stderr
    assert text.count(MESSAGE) == 2
    assert "\0" not in text
    assert os.lstat("/dev/stderr").st_ino == before.st_ino


def test_the_log_is_not_written_into_the_stream(program: Path) -> None:
    command = [program, "post-render", "--log-file", "/dev/stdout"]
    done = subprocess.run(command, input=MISTAKE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/dev/stdout: cannot be written" in done.stderr


def test_the_usual_log_of_helm_4_stays_where_it_is_a_link(call: Call, tmp_path: Path) -> None:
    log = tmp_path / "gmsa-krm" / "post-render.log"
    log.parent.mkdir()
    log.symlink_to("/dev/null")
    done = call("post-render", stdin=CONFIG.encode(), env={"HELM_PLUGIN_NAME": "gmsa", "XDG_STATE_HOME": str(tmp_path)})
    assert done.status == 0, done.stderr
    assert log.is_symlink()


# Everything else


def test_a_certificate_does_not_replace_a_link(call: Call, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("somebody's\n")
    certs = tmp_path / "certs"
    certs.mkdir()
    (certs / "tls.key").symlink_to(other)
    done = call("certs", "issue", "--dir", certs, "--force")
    assert (done.status, done.stdout) == (3, "")
    assert f"{certs}/tls.key: cannot be written (it is a symbolic link" in done.stderr
    assert (certs / "tls.key").is_symlink()
    assert other.read_text() == "somebody's\n"
    assert sorted(it.name for it in certs.iterdir()) == ["tls.key"]


def test_a_certificate_does_not_replace_a_pipe_and_does_not_wait_for_one(call: Call, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.crt")
    done = call("certs", "issue", "--dir", tmp_path, "--force")
    assert (done.status, done.stdout) == (3, "")
    assert "ca.crt: cannot be" in done.stderr
    assert stat.S_ISFIFO((tmp_path / "ca.crt").lstat().st_mode)


def test_a_render_replaces_no_link_even_where_the_index_names_it(call: Call, folder: Folder) -> None:
    """A repository may bring an index and links of the names that a render would write."""
    where = folder({"gmsa.yaml": CONFIG, "victim": "somebody's\n", "out/.gmsa-krm-files": ""})
    config, out = where / "gmsa.yaml", where / "out"
    assert call("render", config, "-o", out).status == 0
    file = next(out.glob("*-deployment-*"))
    file.unlink()
    file.symlink_to(where / "victim")
    done = call("render", config, "-o", out)
    assert (done.status, done.stdout) == (3, "")
    assert f"{file}: cannot be written (it is a symbolic link" in done.stderr
    assert file.is_symlink()
    assert (where / "victim").read_text() == "somebody's\n"


@pytest.mark.parametrize("what", ["a link", "a pipe"])
def test_an_index_that_is_not_a_file_is_not_read(what: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG})
    index = where / "out" / ".gmsa-krm-files"
    index.parent.mkdir()
    if what == "a link":
        index.symlink_to("/etc/hosts")
    else:
        os.mkfifo(index)
    done = call("render", where / "gmsa.yaml", "-o", index.parent)
    assert (done.status, done.stdout) == (3, "")
    assert f"{index}: cannot be" in done.stderr
    assert list(index.parent.iterdir()) == [index]


@pytest.mark.parametrize("what", ["a link", "a pipe"])
def test_an_installation_replaces_only_a_file(what: str, call: Call, tmp_path: Path) -> None:
    assert call("install", "kustomize", "--dir", tmp_path).status == 0
    plugin = tmp_path / "gmsa-krm.dev/v1alpha1/gmsaconfig/GMSAConfig"
    if what == "a link":
        plugin.rename(tmp_path / "real")
        plugin.symlink_to(tmp_path / "real")
    else:
        plugin.unlink()
        os.mkfifo(plugin)
    before = plugin.lstat()
    done = call("install", "kustomize", "--dir", tmp_path)
    assert (done.status, done.stdout) == (3, "")
    assert f"{plugin}: cannot be" in done.stderr
    assert plugin.lstat() == before


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_list_with_a_secret_is_for_the_owner_only(form: str, call: Call, folder: Folder) -> None:
    manifests = """\
apiVersion: v1
kind: List
metadata:
  name: open
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: a
---
apiVersion: v1
kind: List
metadata:
  name: secret
items:
- apiVersion: v1
  kind: "Secre\\x74"
  metadata:
    name: a
---
apiVersion: v1
kind: List
metadata:
  name: nested
items:
- apiVersion: v1
  kind: List
  items:
  - apiVersion: v1
    kind: Secret
    metadata:
      name: b
---
apiVersion: v1
kind: SecretList
metadata:
  name: typed
items:
- metadata:
    name: a
---
apiVersion: v1
kind: List
metadata:
  name: escaped
"it\\x65ms":
- apiVersion: v1
  kind: Secret
  metadata:
    name: c
---
apiVersion: v1
kind: List
metadata:
  name: tagged
!!binary aXRlbXM=:
- apiVersion: v1
  kind: Secret
  metadata:
    name: d
"""
    where = folder({"gmsa.yaml": CONFIG, "lists.yaml": manifests})
    done = call("render", "--format", form, where / "gmsa.yaml", where / "lists.yaml", "-o", where / "out")
    assert done.status == 0, done.stderr
    modes = {it.stem.rpartition("-")[2]: stat.S_IMODE(it.stat().st_mode) for it in (where / "out").glob("*list-*")}
    secret = dict.fromkeys(("secret", "nested", "typed", "escaped", "tagged"), 0o600)
    assert modes == {"open": 0o644, **secret}


# A file that is read


def test_the_log_does_not_replace_a_config(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG})
    (where / "link.log").symlink_to(where / "gmsa.yaml")
    for log in (where / "gmsa.yaml", where / "link.log", where / ".." / where.name / "gmsa.yaml"):
        done = call("post-render", "--config", where / "gmsa.yaml", "--log-file", log, stdin=MISTAKE.encode())
        assert (done.status, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            f"gmsa-krm: --log-file {log} is also a --config, which would be lost; give another file"
        ]
        assert (where / "gmsa.yaml").read_text() == CONFIG


@pytest.mark.parametrize("config", [CONFIG, MISTAKE], ids=["right", "wrong"])
def test_the_log_does_not_replace_a_file_that_a_config_reads(config: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": f"{config}  credspecs:\n  - file: web.json\n    usedBy: []\n", "web.json": "{}"})
    done = call("post-render", "--config", where / "gmsa.yaml", "--log-file", where / "web.json", stdin=b"")
    assert (done.status, done.stdout) == (2, "")
    assert f"--log-file {where}/web.json is also a file that a config reads" in done.stderr
    assert (where / "web.json").read_text() == "{}"


def test_the_log_does_not_replace_the_seed(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": gmsa_config("    webhook:\n      certificate: {source: Derive}\n"), "seed": "x" * 40})
    arguments = ("post-render", "--config", where / "gmsa.yaml", "--log-file", where / "seed")
    done = call(*arguments, stdin=b"", env={"GMSA_KRM_SEED_FILE": str(where / "seed")})
    assert (done.status, done.stdout) == (2, "")
    assert (where / "seed").read_text() == "x" * 40


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_the_log_does_not_replace_the_stream(stream: str, program: Path, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG, "stream.yaml": MISTAKE, "empty": ""})
    command = [str(program), "post-render", "--config", "gmsa.yaml", "--log-file", "stream.yaml"]
    to, of = ("empty", "stream.yaml") if stream == "stdin" else ("stream.yaml", "empty")
    with (where / of).open() as given, (where / to).open("a") as out:
        done = subprocess.run(command, cwd=where, stdin=given, stdout=out, stderr=-1, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--log-file stream.yaml is also the file o" in done.stderr
    assert (where / "stream.yaml").read_text() == MISTAKE


def test_a_log_that_is_no_input_is_written(call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG, "copy.yaml": CONFIG})
    done = call("post-render", "--config", where / "gmsa.yaml", "--log-file", where / "copy.yaml", stdin=b"")
    assert (done.status, (where / "copy.yaml").read_text()) == (0, "")


@pytest.mark.parametrize("option", ["FILE", "--into", "--ca", "--password-file"])
def test_a_snapshot_does_not_replace_what_is_read(option: str, call: Call, folder: Folder) -> None:
    where = folder({"a": "{}", "b": "{}"})
    of_server = ("--server", "dc1.example.com") if option in ("--ca", "--password-file") else (where / "b",)
    given = (where / "a",) if option == "FILE" else (option, where / "a", *of_server)
    done = call("import", "ad", *given, "--snapshot", where / "a")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == f"gmsa-krm: --snapshot {where}/a is also {option}, which would be lost; give another file\n"
    assert (where / "a").read_text() == "{}"


# Folders


def test_a_folder_that_the_user_names_may_be_a_link(call: Call, folder: Folder) -> None:
    """As a log may be. What is in the folder is replaced where it is a file, and no link is followed there."""
    where = folder({"gmsa.yaml": CONFIG, "elsewhere/mine": ""})
    (where / "link").symlink_to("elsewhere")
    for end in ("", "/"):
        assert call("render", where / "gmsa.yaml", "-o", f"{where}/link{end}").status == 0
        assert (where / "link").is_symlink()
    there = sorted(it.name for it in (where / "elsewhere").iterdir())
    assert {"mine", "kustomization.yaml", ".gmsa-krm-files"} < set(there)
    assert call("render", where / "gmsa.yaml", "--chart", where / "link" / "chart").status == 0
    assert call("certs", "issue", "--dir", where / "link").status == 0
    assert (where / "elsewhere" / "tls.key").is_file()


@pytest.mark.parametrize("option", ["-o", "--chart"])
def test_a_link_to_no_folder_is_an_error(option: str, call: Call, folder: Folder) -> None:
    where = folder({"gmsa.yaml": CONFIG, "file": "mine"})
    (where / "link").symlink_to("elsewhere")
    (where / "other").symlink_to("file")
    for name in ("link", "other", "file"):
        done = call("render", where / "gmsa.yaml", option, where / name)
        assert (done.status, done.stdout) == (3, "")
        assert f"{where}/{name}" in done.stderr
    assert (where / "file").read_text() == "mine"
    assert not (where / "elsewhere").exists()
