"""What is measured against what, and the bounds: the groups whose contenders run side by side."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from doubling import KINDS
from inputs import SOURCES
from measure import Command

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from build import tool  # noqa: E402

__all__ = ["ROOT", "Comparison", "Group", "groups", "tool"]

PYTHON = Path(sys.executable)
OURS = PYTHON.parent / "gmsa-krm"
SEED = "a seed for benchmarks, 32 bytes or more; never use it"
GIB = 1 << 30


@dataclass(frozen=True)
class Comparison:
    """Two contenders of a group by CPU time: `ours` may take `bound` times what `theirs` takes, better `wish` times.

    `memory`: bytes that `ours` may use; `base`: the contender whose time is taken off both, "" for none.
    """

    what: str
    against: str
    ours: str
    theirs: str
    bound: float | None = None
    wish: float | None = None
    memory: int | None = None
    base: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    rounds: int
    contenders: dict[str, Command]
    comparisons: list[Comparison]


def groups(work: Path) -> list[Group]:
    """Makes the inputs in `work`, and what they need of the real programs."""
    subprocess.run([PYTHON, HERE / "inputs.py", work], check=True)
    # as pip does at an installation that is not editable
    subprocess.run([PYTHON, "-m", "compileall", "-q", ROOT / "plugin"], check=True)
    kustomize, helm = tool("kustomize"), tool("helm4")
    return [
        _start(work),
        _helm(work, helm),
        _generator(work, kustomize),
        _size(work),
        _objects(work, kustomize),
        _stream(work),
        _post_renderer(work, kustomize),
        _argocd(work),
        _around(work, kustomize, helm),
        _lint(work, tool("kubernetes-newest/kubectl")),
        _doubling(work),
    ]


def _start(work: Path) -> Group:
    folder = work / "start"
    _said(folder, OURS, "certs", "issue", "--dir", "certs", "--force")
    contenders = {"bare": Command((PYTHON, "-c", "pass"), folder)}
    for source in SOURCES:
        contenders[source] = Command((OURS, "render", f"{source}.yaml"), folder, {"GMSA_KRM_SEED": SEED})
    comparisons = [
        Comparison(f"start to full webhook set-up, source {source}", "`python3 -c pass`", source, "bare", bound, wish)
        for source, bound, wish in (
            ("CertManager", 6, 4),
            ("ExistingSecret", 6, 4),
            ("Files", 7, 4),
            ("Derive", 11, 8),
            ("Generate", 11, 8),
        )
    ]
    # what others cost by themselves: the floor of whoever needs them
    for module in ("re", "argparse", "yaml", "ssl", "cryptography.x509"):
        contenders[module] = Command((PYTHON, "-c", f"import {module}"), folder)
        comparisons.append(Comparison(f"for comparison: `import {module}`", "`python3 -c pass`", module, "bare"))
    return Group("start", 25, contenders, comparisons)


def _helm(work: Path, helm: Path) -> Group:
    folder = work / "chart"
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: gmsa\nversion: 0.1.0\n")
    rendered = _said(work / "start", OURS, "render", "CertManager.yaml")
    (folder / "templates" / "all.yaml").write_bytes(rendered.replace(b"{{", b'{{ "{{" }}'))
    contenders = {
        "render": Command((OURS, "render", work / "start" / "CertManager.yaml"), folder),
        "helm": Command((helm, "template", "gmsa", "."), folder, {"HOME": str(folder)}),
    }
    return Group(
        "helm",
        15,
        contenders,
        [
            Comparison(
                "`render` of the overlay trial",
                "`helm template` of a chart that makes the same objects",
                "render",
                "helm",
                1.5,
                1,
            ),
        ],
    )


def _generator(work: Path, kustomize: Path) -> Group:
    static = work / "generator-static"
    _as_files(work / "credspecs" / "300.yaml", static)
    path = {"PATH": f"{OURS.parent}:/usr/bin:/bin", "HOME": str(work)}
    build = (kustomize, "build", "--enable-alpha-plugins", "--enable-exec", ".")
    # what kustomize itself spends on the answer of a function
    prepared = work / "generator-prepared"
    shutil.copytree(work / "generator", prepared)
    config = (prepared / "gmsa.yaml").read_text()
    (prepared / "gmsa.yaml").write_text(config.replace("path: gmsa-krm", "path: ./answer"))
    (prepared / "answer").write_text("#!/bin/sh\ncat > /dev/null\nexec cat answer.yaml\n")
    (prepared / "answer").chmod(0o755)
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\nfunctionConfig:\n"
    request = head + "".join(f"  {line}\n" for line in config.splitlines())
    answer = subprocess.run([OURS], cwd=prepared, input=request.encode(), capture_output=True, check=True).stdout
    (prepared / "answer.yaml").write_bytes(answer)
    contenders = {
        "generator": Command(build, work / "generator", path),
        "static": Command((kustomize, "build", "."), static, path),
        "prepared": Command(build, prepared, path),
    }
    against = "`kustomize build` of the same objects as static files"
    return Group(
        "generator",
        7,
        contenders,
        [
            Comparison(
                "`kustomize build` with our generator, 300 credspecs",
                "with a generator that prints a prepared answer (`cat`)",
                "generator",
                "prepared",
                1.15,
                1.05,
            ),
            Comparison("for comparison: with our generator", against, "generator", "static"),
            Comparison("for comparison: with the prepared answer", against, "prepared", "static"),
        ],
    )


def _size(work: Path) -> Group:
    folder = work / "credspecs"
    contenders = {
        "1,000": Command((OURS, "render", "1000.yaml"), folder),
        "10,000": Command((OURS, "render", "10000.yaml"), folder, rounds=4),
    }
    return Group(
        "size",
        6,
        contenders,
        [
            Comparison(
                "`render`, 10,000 credspecs (30,000 objects)",
                "`render`, 1,000 credspecs",
                "10,000",
                "1,000",
                11,
                10,
                GIB,
            ),
        ],
    )


def _objects(work: Path, kustomize: Path) -> Group:
    static = work / "objects-static"
    _as_files(work / "credspecs" / "1000.yaml", static)
    contenders = {
        "render": Command((OURS, "render", "1000.yaml"), work / "credspecs"),
        "kustomize": Command((kustomize, "build", "."), static, {"HOME": str(work)}, rounds=2),
    }
    return Group(
        "objects",
        4,
        contenders,
        [
            Comparison("`render`, 3,000 objects", "`kustomize build` of them", "render", "kustomize", 0.1, 0.02),
        ],
    )


def _stream(work: Path) -> Group:
    folder = work / "stream"
    stream = folder / "without-a-match.yaml"
    contenders = {
        "cat": Command(("cat",), folder, stdin=stream),
        "post-render": Command((OURS, "post-render", "--config", "gmsa.yaml"), folder, stdin=stream),
        "python": Command(
            (PYTHON, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"), folder, stdin=stream
        ),
    }
    return Group(
        "stream",
        9,
        contenders,
        [
            Comparison(
                "`post-render`, 50 MB stream without a match",
                "Python that reads all and writes it",
                "post-render",
                "python",
                9,
                6,
            ),
            Comparison("for comparison: the same", "`cat`", "post-render", "cat"),
        ],
    )


def _post_renderer(work: Path, kustomize: Path) -> Group:
    folder = work / "one-percent"
    (folder / "patch.yaml").write_bytes(
        _said(folder, OURS, "patch", "--config", "gmsa.yaml", "Deployment/any", "--namespace", "web")
    )
    (folder / "ours.yaml").write_bytes(_said(folder, OURS, "render", "gmsa.yaml"))
    (folder / "kustomization.yaml").write_text(
        "resources: [ours.yaml, all.yaml]\n"
        "patches:\n- path: patch.yaml\n  target: {kind: Deployment, labelSelector: app=iis}\n"
    )
    stream = folder / "stream.yaml"
    contenders = {
        "post-render": Command((OURS, "post-render", "--config", "gmsa.yaml"), folder, stdin=stream),
        "kustomize": Command(
            ("sh", "-c", 'cat > all.yaml && "$0" build .', kustomize), folder, {"HOME": str(work)}, stream, rounds=2
        ),
    }
    return Group(
        "post-renderer",
        4,
        contenders,
        [
            Comparison(
                "`post-render`, 20 MB with 1 % matching",
                "kustomize as the post-renderer with an equal patch",
                "post-render",
                "kustomize",
                0.2,
                0.05,
            ),
        ],
    )


def _argocd(work: Path) -> Group:
    folder = work / "plain"
    contenders = {
        "argocd": Command(
            (OURS, "argocd", "generate"), folder, {"ARGOCD_APP_NAME": "plain", "ARGOCD_APP_NAMESPACE": "web"}
        ),
        "render": Command((OURS, "render", "."), folder),
    }
    return Group(
        "argocd",
        9,
        contenders,
        [
            Comparison(
                "`argocd generate` on plain manifests, 1,000 objects",
                "`render` of the same",
                "argocd",
                "render",
                1.2,
                1.05,
            ),
        ],
    )


def _around(work: Path, kustomize: Path, helm: Path) -> Group:
    """What is in a repository beside the application costs next to nothing."""
    programs = work / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "kustomize").symlink_to(kustomize)
    (programs / "helm").symlink_to(helm)
    contenders, comparisons = {}, []
    for app in ("kustomization", "chart"):
        environ = {"PATH": f"{programs}:/usr/bin:/bin", "ARGOCD_APP_SOURCE_PATH": app, "ARGOCD_APP_NAMESPACE": "web"}
        few, many = f"{app} alone", f"{app} among others"
        for name, folder in ((few, "around-0"), (many, "around-20000")):
            contenders[name] = Command((OURS, "argocd", "generate"), work / folder / app, environ)
        what = f"`argocd generate` of a {app}, 20,000 other files in the repository"
        comparisons.append(Comparison(what, "the same without them", many, few, 1.2, 1.05))
    return Group("around", 7, contenders, comparisons)


_EVENTS = """
import glob, yaml
for file in sorted(glob.glob("[0-9]*.yaml")):
    parser = yaml._yaml.CParser(open(file, "rb"))
    while parser.get_event() is not None: pass
"""
_DATA = """
import glob, yaml
for file in sorted(glob.glob("[0-9]*.yaml")):
    yaml.load(open(file, "rb"), yaml.CSafeLoader)
"""


def _lint(work: Path, kubectl: Path) -> Group:
    folder = work / "lint"
    contenders = {
        "lint": Command((OURS, "lint", "."), folder),
        "events": Command((PYTHON, "-c", _EVENTS), folder),
        "data": Command((PYTHON, "-c", _DATA), folder, rounds=2),
        "kubectl": Command((kubectl, "kustomize", "."), folder, {"HOME": str(work)}, rounds=1, cap=90),
    }
    what = "`lint` of a folder of 5,000 manifests"
    comparisons = [
        Comparison(what, "reading them with libyaml into data (`yaml.CSafeLoader`)", "lint", "data", 1.2, 0.8),
        Comparison(what, "reading them with libyaml (PyYAML's events)", "lint", "events"),
        Comparison(what, "`kubectl kustomize` of it", "lint", "kubectl"),
    ]
    return Group("lint", 4, contenders, comparisons)


def _doubling(work: Path) -> Group:
    """No input makes the program slower than its size does: twice the input, net of the start, takes twice the time."""
    contenders, comparisons = {}, []
    for kind in KINDS:
        for size in kind.sizes:
            folder = work / "doubling" / kind.name / size
            stdin = folder / kind.stdin if kind.stdin else None
            command: tuple[str | Path, ...] = (OURS, *kind.arguments)
            contenders[f"{kind.name} {size}"] = Command(
                command, folder, kind.variables, stdin, cap=60, status=kind.status
            )
        small, one, two = (f"{kind.name} {size}" for size in kind.sizes)
        what, against = f"{2 * kind.number:,} {kind.what}", f"{kind.number:,}, both net of the start"
        comparisons.append(Comparison(what, against, two, one, 2.6, 2.1, base=small))
    return Group("doubling", 3, contenders, comparisons)


def _as_files(config: Path, folder: Path) -> None:
    """The objects of a config as a kustomization of files, one for each."""
    _said(config.parent, OURS, "render", config, "-o", folder)
    files = sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    (folder / "kustomization.yaml").write_text("resources:\n" + "".join(f"- {file}\n" for file in files))


def _said(folder: Path, *command: str | Path) -> bytes:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} (in {folder}) failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout
