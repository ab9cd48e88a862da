"""What one application may take: discovery and generate end with one message before they stop the others."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Folder
from hosts.applications import CHART_YAML, CONFIG, KUSTOMIZATION, PLAIN, Files, below, parameters
from hosts.cases import objects
from hosts.conftest import Sidecar
from hosts.support import assert_mentions, deployment, gmsa_config

MIB = 1024 * 1024


Done = subprocess.CompletedProcess[str]
Discover = Callable[..., Done]


@pytest.fixture
def discover(sidecar: Sidecar, program: Path) -> Discover:
    """Runs discovery in the folder `app` of a repository, with at most so many bytes of memory."""

    def run(root: Path, memory: int = 1024 * MIB) -> Done:
        own = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app")
        return with_memory(memory, own, root / "app", program, "argocd", "discover")

    return run


def with_memory(memory: int, sidecar: Sidecar, cwd: Path, *command: str | Path) -> Done:
    return sidecar.try_to_run(cwd, "sh", "-c", f'ulimit -S -d {memory // 1024}; exec "$@"', "sh", *command)


# Archives


def member(name: str, size: int, kind: bytes = b"0", at: dict[int, bytes] | None = None) -> bytes:
    """The header of a member; `at`: other bytes at other places of it."""
    header = bytearray(512)
    fields = {0: name.encode(), 124: b"%011o\0" % size, 148: b" " * 8, 156: kind, 257: b"ustar\x0000", **(at or {})}
    for place, value in fields.items():
        header[place : place + len(value)] = value
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def packed(*parts: bytes) -> bytes:
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", compresslevel=1) as stream:
        for part in parts:
            stream.write(part)
    return data.getvalue()


def a_long_name() -> bytes:
    return packed(member("././@LongLink", 90 * MIB, b"L"), *[bytes(MIB)] * 90, member("x", 0))


def a_long_extended_header() -> bytes:
    return packed(member("pax", 90 * MIB, b"x"), *[bytes(MIB)] * 90, member("x", 0))


def a_sparse_file() -> bytes:
    """Of GNU tar, with a map that goes on for 30 MiB."""
    more = bytearray(512)
    more[504] = 1
    header = member("a/templates/x", 0, b"S", {482: b"\1", 483: b"%011o\0" % 8_000_000_000})
    return packed(header, *[bytes(more) * 2048] * 30)


def a_large_hole() -> bytes:
    """A file of 40 GB in some bytes, as POSIX has it."""
    records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n36 GNU.sparse.realsize=40000000000\n"
    header = member("pax", len(records), b"x") + records.ljust(512, b"\0")
    return packed(header, member("a/templates/x", 512), b"1\n0\n0\n".ljust(512, b"\0"), bytes(1024))


def a_member_of_8_gib() -> bytes:
    return packed(member("a/templates/x", 8 * 1024 * MIB - 1), *[bytes(MIB)] * 64)


ARCHIVES = (a_long_name, a_long_extended_header, a_sparse_file, a_large_hole, a_member_of_8_gib)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_a_hostile_archive_costs_next_to_nothing(
    archive: Callable[[], bytes], discover: Discover, folder: Folder
) -> None:
    found = discover(folder(below("app", {"Chart.yaml": CHART_YAML, "charts/a.tgz": archive()})), memory=32 * MIB)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def many_members() -> bytes:
    return packed(*[member(f"a/templates/{number}", 0) for number in range(20_001)])


def many_empty_parts() -> bytes:
    """Of gzip, before there is a member: 20 bytes each."""
    return gzip.compress(b"") * 20_002


@pytest.mark.parametrize("archive", [many_members, many_empty_parts])
def test_archives_with_many_members_end_in_one_message(
    archive: Callable[[], bytes], discover: Discover, folder: Folder
) -> None:
    found = discover(folder(below("app", {"Chart.yaml": CHART_YAML, "charts/a.tgz": archive()})))
    assert_one_message(found, "20,000 files")


def test_archives_that_unpack_to_much_end_in_one_message(discover: Discover, folder: Folder) -> None:
    part = packed(member("a/x", 90 * MIB), *[bytes(MIB)] * 90)
    charts: Files = {f"charts/{number}.tgz": part for number in range(3)}
    assert_one_message(discover(folder(below("app", {"Chart.yaml": CHART_YAML, **charts}))), "256 MiB")


def test_an_archive_may_have_several_parts(discover: Discover, folder: Folder) -> None:
    """As programs that compress in parallel make it, wherever a part ends."""
    text = CONFIG.encode()
    tar = member("web/templates/gmsa.yaml", len(text)) + text.ljust(-len(text) // 512 * -512, b"\0") + bytes(1024)
    parts = [gzip.compress(tar[start : start + 100]) for start in range(0, len(tar), 100)]
    found = discover(folder(below("app", {"Chart.yaml": CHART_YAML, "charts/a.tgz": b"".join(parts)})))
    assert found.stdout


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["gmsa.yaml", "long/" * 18 + "gmsa.yaml", "long/" * 40 + "gmsa.yaml"])
def test_a_config_in_an_archive_is_found_in_every_format(
    name: str, form: int, discover: Discover, folder: Folder
) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", format=form) as archive:
        for path, text in {"web/Chart.yaml": CHART_YAML, f"web/templates/{name}": CONFIG}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    found = discover(folder(below("app", {"Chart.yaml": CHART_YAML, "charts/web.tgz": data.getvalue()})))
    assert (found.returncode, found.stdout) == (0, "this folder uses a GMSAConfig\n")


# Files

MENTIONED = "# GMSAConfig gmsa-krm.dev/\n"
# What it is, its files, and the limit.
HOSTILE: dict[str, tuple[Files, str]] = {
    "many files": ({f"{number}.yaml": "" for number in range(20_001)}, "20,000 files"),
    "large documents": ({f"{number}.yaml": f"{MENTIONED}a: |\n" + "  a\n" * 3 * MIB for number in range(3)}, "32 MiB"),
    "a large kustomization": ({"kustomization.yaml": f"namePrefix: {'a' * 2 * MIB}\n"}, "2 MiB"),
    "a large chart": ({"Chart.yaml": f"{CHART_YAML}description: {'a' * 2 * MIB}\n"}, "2 MiB"),
    "many resources": ({"kustomization.yaml": f"resources: [{'a,' * 100_000}]\n"}, "20,000 files"),
    "many nodes": ({"a.yaml": f"{MENTIONED}a: &a [{'[],' * 2 * MIB}]\n"}, "memory"),
    "many charts": ({"Chart.yaml": CHART_YAML, **{f"charts/{number}/x": "" for number in range(20_001)}}, "20,000"),
    "many packed charts": ({"Chart.yaml": CHART_YAML, **{f"charts/{it}.tgz": "" for it in range(20_001)}}, "20,000"),
    "many folders": (
        {"Chart.yaml": CHART_YAML, **{f"templates/{number}/a/b/c/d/x": "" for number in range(4_000)}},
        "20,000",
    ),
}


def assert_one_message(found: Done, *words: str) -> None:
    assert (found.returncode, found.stdout) == (1, "")
    assert_mentions(found.stderr, "more than one run may take", *words)
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_discovery_ends_in_one_message(name: str, discover: Discover, folder: Folder) -> None:
    files, limit = HOSTILE[name]
    assert_one_message(discover(folder(below("app", files))), limit)


@pytest.mark.parametrize("kind", ["kustomizations", "charts"])
def test_more_than_a_thousand_references_in_a_row_are_followed(kind: str, discover: Discover, folder: Folder) -> None:
    """Python has a limit of its own for functions that call themselves."""

    def reference(name: str, number: int) -> Files:
        if kind == "charts":
            return {f"{name}/Chart.yaml": f"{CHART_YAML}dependencies: [{{name: a, repository: file://../{number}}}]\n"}
        return {f"{name}/kustomization.yaml": f"resources: [../{number}]\n"}

    chain: Files = {**reference("app", 0)}
    for number in range(1500):
        chain |= reference(str(number), number + 1)
    last = KUSTOMIZATION if kind == "kustomizations" else {"Chart.yaml": CHART_YAML, "templates/gmsa.yaml": CONFIG}
    root = folder({**chain, **below("1500", last)})
    found = discover(root)
    assert (found.returncode, found.stdout) == (0, "this folder uses a GMSAConfig\n")


def test_what_is_around_the_application_does_not_matter(discover: Discover, folder: Folder) -> None:
    around: Files = {f"other/{number}.yaml": MENTIONED for number in range(20_001)}
    root = folder({**below("app", KUSTOMIZATION), **around, ".gitignore": "*\n"})
    assert discover(root).stdout


# Overrides


@pytest.mark.parametrize(
    "line", ["webhook.nodeSelector.k{}: v", "webhook.tolerations[{}].key: a", "webhook.k{}: v", "credspecs[{}].k: 1"]
)
def test_an_environment_may_set_many_fields(line: str, sidecar: Sidecar, program: Path, folder: Folder) -> None:
    """7,000 took 38 s, and 40,000 would have taken twenty minutes."""
    lines = "".join(f"{line.format(number)}\n" for number in range(40_000 if "nodeSelector" in line else 20_000))
    root = folder({**PLAIN, "environments/prod.yaml": lines[: MIB - 100].rpartition("\n")[0]})
    own = sidecar.with_environ(ARGOCD_EXEC_TIMEOUT="45s", **parameters(environment={"string": "prod"}))
    done = own.try_to_run(root, program, "argocd", "generate")
    assert done.returncode in (0, 1)
    assert "more than one run may take" not in done.stderr


# Programs


def kustomize(programs: Path, script: str) -> Path:
    (programs / "kustomize").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "kustomize").chmod(0o755)
    return programs


def test_output_without_an_end_ends_in_one_message(
    sidecar: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = kustomize(tmp_path_factory.mktemp("programs"), "exec yes 'a: b'")
    own = sidecar.with_programs(programs)
    done = own.try_to_run(folder(KUSTOMIZATION), program, "argocd", "generate")
    assert_one_message(done, "kustomize build", "256 MiB")
    assert os.listdir(own.temporary) == []


def test_programs_have_the_limits_of_the_run(
    sidecar: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limits = 'core: "%s", open: "%s", size: "%s", memory: "%s"'
    script = (
        f"printf 'kind: ConfigMap\napiVersion: v1\nmetadata: {{name: limits}}\ndata: {{{limits}}}\n'"
        ' "$(ulimit -c)" "$(ulimit -n)" "$(ulimit -f)" "$(ulimit -d)"'
    )
    programs = kustomize(tmp_path_factory.mktemp("programs"), script)
    (found,) = objects(sidecar.with_programs(programs).run(folder(KUSTOMIZATION), program, "argocd", "generate"))
    size = found["data"]["size"]
    assert size in (str(256 * MIB // 512), str(256 * MIB // 1024))  # in the blocks of the shell
    assert found["data"]["core"] == "0"
    assert int(found["data"]["open"]) <= 1024
    assert found["data"]["memory"] != "unlimited"


def test_a_large_repository_is_not_copied(sidecar: Sidecar, program: Path, folder: Folder, tmp_path: Path) -> None:
    """The volume is that of all applications, and a pod that fills it is evicted."""
    chart = f"{CHART_YAML}dependencies: [{{name: other, version: 1.0.0, repository: file://../other}}]\n"
    root = folder({"app/Chart.yaml": chart, "app/templates/gmsa.yaml": CONFIG, "other/Chart.yaml": CHART_YAML})
    with open(root / "other/large", "wb") as file:
        file.truncate(1024 * MIB)
    own = sidecar.with_environ(ARGOCD_APP_SOURCE_PATH="app", TMPDIR=str(tmp_path))
    assert_one_message(own.try_to_run(root / "app", program, "argocd", "generate"), "1,024 MiB", "packed charts")
    assert set(os.listdir(tmp_path)) <= {"app", "other"}


DOUBLED = '{{ $x := "aaaaaaaa" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}'


@pytest.mark.parametrize("files", [{"templates/a.yaml": DOUBLED}, {"templates/gmsa.yaml": CONFIG, "big.txt": ""}])
def test_memory_without_an_end_ends_in_one_message(
    files: Files, sidecar: Sidecar, program: Path, folder: Folder
) -> None:
    if "big.txt" in files:
        files = {**files, "templates/a.yaml": "{{ range until 4000000 }}\n- a\n{{ end }}"}
    root = folder({"Chart.yaml": CHART_YAML, **files})
    done = with_memory(300 * MIB, sidecar, root, program, "argocd", "generate")
    assert_one_message(done, "memory")


def test_a_kustomization_with_very_many_entries_ends_in_one_message(
    sidecar: Sidecar, program: Path, folder: Folder
) -> None:
    root = folder({"kustomization.yaml": f"generators: [gmsa.yaml]\nresources: [{'a,' * 20_001}]\n", **PLAIN})
    assert_one_message(sidecar.try_to_run(root, program, "argocd", "generate"), "20,000")


def test_a_large_kustomization_ends_in_one_message(sidecar: Sidecar, program: Path, folder: Folder) -> None:
    root = folder({**KUSTOMIZATION, "kustomization.yaml": f"generators: [gmsa.yaml]\nnamePrefix: {'a' * 2 * MIB}\n"})
    assert_one_message(sidecar.try_to_run(root, program, "argocd", "generate"), "2 MiB")


def test_large_manifests_need_memory_of_their_size(sidecar: Sidecar, program: Path, folder: Folder) -> None:
    """Not of the size that a file may have."""
    root = folder({**PLAIN, "web.yaml": "".join(f"---\n{deployment(f'web-{number}')}" for number in range(5000))})
    done = with_memory(80 * MIB, sidecar, root, program, "argocd", "generate")
    assert (done.returncode, done.stdout.count("name: web-")) == (0, 5000)


def test_the_processor_time_of_generate_is_limited(sidecar: Sidecar, program: Path, folder: Folder) -> None:
    credspecs = "".join(f"  - account: A{number}\n" for number in range(30_000))
    root = folder({"gmsa.yaml": gmsa_config(credspecs=[]).replace("credspecs: []\n", f"credspecs:\n{credspecs}")})
    done = sidecar.with_environ(ARGOCD_EXEC_TIMEOUT="1s").try_to_run(root, program, "argocd", "generate")
    assert_one_message(done, "1 s", "processor")


# Leftovers


def test_what_killed_runs_left_is_removed(sidecar: Sidecar, program: Path, folder: Folder, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    killed, running, new, link = (f"gmsa-krm-run-{name}" for name in ("killed_0", "running0", "new_0000", "link_000"))
    for name in (f"{killed}/repository", running, new, "other", "gmsa-krm-of-a-user"):
        (temporary / name).mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (temporary / link).symlink_to(elsewhere)
    an_hour_ago = time.time() - 3600
    for name in (killed, running, link, "other", "gmsa-krm-of-a-user"):
        os.utime(temporary / name, (an_hour_ago, an_hour_ago), follow_symlinks=False)
    of_another_user = temporary / "gmsa-krm-run-another0"
    kept = {running, new, link, "other", "gmsa-krm-of-a-user"}
    if os.getuid() == 0:
        of_another_user.mkdir()
        os.chown(of_another_user, 12345, 12345)
        os.utime(of_another_user, (an_hour_ago, an_hour_ago))
        kept.add(of_another_user.name)
    descriptor = os.open(temporary / running, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        own = sidecar.with_environ(TMPDIR=str(temporary))
        own.run(folder(below("app", KUSTOMIZATION)) / "app", program, "argocd", "generate")
    finally:
        os.close(descriptor)
    assert set(os.listdir(temporary)) == kept
    assert elsewhere.exists()


def test_a_run_that_is_killed_leaves_nothing_for_long(
    sidecar: Sidecar, program: Path, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = kustomize(tmp_path_factory.mktemp("programs"), "kill -9 $PPID; sleep 1")
    own = sidecar.with_environ(TMPDIR=str(tmp_path_factory.mktemp("tmp")))
    root = folder(KUSTOMIZATION)
    assert own.with_programs(programs).try_to_run(root, program, "argocd", "generate").returncode == -9
    (left,) = os.listdir(own.temporary)
    os.utime(own.temporary / left, (0, 0))
    own.run(root, program, "argocd", "generate")
    assert os.listdir(own.temporary) == []
