"""The command line has the habits of kubectl and helm: -o, -n, -q, and - for stdin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Call, Done, Folder, config
from gmsa_krm.arguments import INPUTS, FastParser
from gmsa_krm.declarations import declare_commands
from hosts.support import SNAPSHOT

CONFIG = config("""\
  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
  admission:
    mode: None
  workloads:
  - match:
      names: [web]
    credspec: gmsa-webapp1
    serviceAccount: webapp1
""")
# Nobody may use the account, which is a warning.
UNUSED = config("""\
  credspecs:
  - account: WebApp1
  admission:
    mode: None
""")
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - name: iis
        image: iis
"""
CREDSPEC = (ROOT / "tests/cases/credspec-file/credspecs/webapp3.json").read_bytes()


@pytest.fixture
def place(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = folder(
        {
            "gmsa.yaml": CONFIG,
            "unused.yaml": UNUSED,
            "web.yaml": WEB,
            "webapp3.json": CREDSPEC,
            "values.yaml": "certificates:\n  secretName: gmsa-server-cert\n",
            "ad.yaml": SNAPSHOT,
            "access.json": '{"kind": "AccessReport", "nodes": [], "edges": []}\n',
        }
    )
    monkeypatch.chdir(root)
    return root


def test_o_is_a_format_as_for_kubectl(call: Call, place: Path) -> None:
    plain = call("render", "gmsa.yaml")
    assert call("render", "gmsa.yaml", "-o", "yaml") == plain
    listing = call("render", "gmsa.yaml", "-o", "json")
    assert json.loads(listing.stdout)["items"] == plain.objects
    assert call("render", "gmsa.yaml", "--output=json") == listing
    assert call("render", "gmsa.yaml", "--format", "json") == listing
    assert call("render", "gmsa.yaml", "-o", "json", "--format", "json") == listing
    assert sorted(it.name for it in place.iterdir() if it.is_dir()) == []


@pytest.mark.parametrize("name", ["out", "./json", "yaml/", "JSON", "yml"])
def test_any_other_value_of_o_is_a_folder(name: str, call: Call, place: Path) -> None:
    done = call("render", "gmsa.yaml", "-o", name, "--format", "json")
    assert done.status == 0
    assert any(it.suffix == ".json" for it in (place / name).iterdir())


def test_a_folder_named_as_a_format_has_a_path(call: Call, place: Path) -> None:
    """With 0.1 it was -o json."""
    (place / "json").mkdir()
    assert json.loads(call("render", "gmsa.yaml", "-o", "json").stdout)
    assert not list((place / "json").iterdir())


def test_two_formats_are_wrong_usage(call: Call, place: Path) -> None:
    done = call("render", "gmsa.yaml", "-o", "json", "--format", "yaml")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "gmsa-krm: -o json is a format and differs from --format yaml; give one of them, or -o ./json for a folder of"
        " this name\n"
    )


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_lint_takes_its_format_as_o_too(form: str, call: Call, place: Path) -> None:
    assert call("lint", "unused.yaml", "-o", form) == call("lint", "unused.yaml", "--format", form)


def declared() -> dict[str, FastParser]:
    """The commands without commands in them, by their words."""

    def add(parser: FastParser, path: str) -> None:
        if not parser.commands:
            found[path] = parser
        for name, command in parser.commands.items():
            add(command, f"{path} {name}".strip())

    found: dict[str, FastParser] = {}
    parser = FastParser()
    declare_commands(parser)
    add(parser, "")
    return found


def test_short_options_mean_one_thing() -> None:
    """In each command that has them, -n is --namespace, -o is --output, and -q is --quiet."""
    for path, parser in declared().items():
        for long, short in {"--namespace": "-n", "--output": "-o", "--quiet": "-q"}.items():
            assert parser.options.get(long) == parser.options.get(short), path
        if "--format" in parser.options:
            assert "-o" in parser.options, path


def test_n_is_the_namespace(call: Call, place: Path) -> None:
    short = call("render", "gmsa.yaml", "web.yaml", "-n", "web")
    assert short == call("render", "gmsa.yaml", "web.yaml", "--namespace", "web")
    assert short.status == 0
    stream = WEB.encode()
    for option in ("-n", "--namespace", "--release-namespace"):
        done = call("post-render", "--config", "gmsa.yaml", option, "web", stdin=stream)
        assert "gmsaCredentialSpecName" in done.stdout, option
    assert "namespace: web" in call("patch", "--config", "gmsa.yaml", "deploy/web", "-n", "web").stdout
    assert call("lint", ".", "-n", "Web").status == 1  # not a name


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        (("render", "unused.yaml"), b""),
        (("render", "unused.yaml", "-o", "out"), b""),
        (("post-render", "--config", "unused.yaml"), WEB.encode()),
        (("import", "credspec", "webapp3.json"), b""),
        (("import", "helm-values", "values.yaml"), b""),
        (("install", "kustomize", "--dir", "plugins"), b""),
        (("install", "helm", "--dir", "plugins", "--uninstall"), b""),
        (("certs", "issue", "--dir", "certs", "--force"), b""),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else "",
)
def test_quiet_prints_what_was_asked_for_and_no_more(
    command: tuple[str, ...], stdin: bytes, call: Call, place: Path
) -> None:
    usual = call(*command, stdin=stdin)
    quiet = call(*command, "-q", stdin=stdin)
    assert (usual.status, quiet.status, quiet.stderr) == (0, 0, "")
    prints_objects = "kind:" in usual.stdout
    assert usual.stderr if prints_objects else usual.stdout
    assert quiet.stdout == (usual.stdout if prints_objects else "")


def test_errors_are_not_quiet(call: Call, place: Path) -> None:
    for command in ("render", "unused.yaml", "--strict"), ("render", "nothing.yaml"), ("render", "values.yaml"):
        usual = call(*command)
        assert usual.status
        assert call(*command, "--quiet") == usual


def test_quiet_lint_prints_findings_only(call: Call, folder: Folder, place: Path) -> None:
    """As helm lint --quiet."""
    root = folder({"sub/unused.yaml": UNUSED, "sub/values.yaml": "a: b\n"}) / "sub"
    usual, quiet = call("lint", root), call("lint", root, "-q")
    *findings, rules, count, note = usual.stdout.splitlines()
    assert quiet.stdout.splitlines() == findings
    assert findings
    assert rules == "rules: no-users (gmsa-krm explain RULE says more)"
    assert count == "no errors, 1 warning"
    assert note.startswith("skipped: ")
    assert call("lint", "gmsa.yaml", "web.yaml", "-n", "web", "-q") == Done(0, "", "")


def test_the_log_is_not_quiet(call: Call, place: Path) -> None:
    call("post-render", "--config", "unused.yaml", "--log-file", "log", "-q", stdin=WEB.encode())
    assert "warning" in (place / "log").read_text()


# Each command with a file to read, as it is called with the file and then with - and the file on stdin.
FILES = [
    ("render {}", "gmsa.yaml"),
    ("lint {} web.yaml", "gmsa.yaml"),
    ("lint gmsa.yaml {}", "web.yaml"),
    ("lint --ad {} gmsa.yaml web.yaml", "ad.yaml"),
    ("who-can {}", "gmsa.yaml"),
    ("who-can --ad {} gmsa.yaml", "ad.yaml"),
    ("who-can --since {} gmsa.yaml", "access.json"),
    ("patch --config {} deploy/web", "gmsa.yaml"),
    ("schema --config {}", "gmsa.yaml"),
    ("import credspec {}", "webapp3.json"),
    ("import ad {}", "ad.yaml"),
    ("import helm-values {}", "values.yaml"),
    ("certs show {}", "certs/tls.crt"),
    ("schema --config {} --name-references", "gmsa.yaml"),
]


@pytest.mark.parametrize(("line", "file"), FILES, ids=[line for line, _ in FILES])
def test_a_dash_is_stdin(line: str, file: str, call: Call, place: Path) -> None:
    call("certs", "issue")
    named = call(*line.format(file).split())
    piped = call(*line.format("-").split(), stdin=(place / file).read_bytes())
    assert named.status == 0
    assert piped == Done(0, named.stdout.replace(file, "stdin"), named.stderr.replace(file, "stdin"))


def test_into_a_dash_prints_the_new_config(call: Call, place: Path) -> None:
    text = (place / "gmsa.yaml").read_bytes()
    piped = call("import", "credspec", "webapp3.json", "--into", "-", stdin=text)
    call("import", "credspec", "webapp3.json", "--into", "gmsa.yaml")
    assert piped.stdout == (place / "gmsa.yaml").read_text()
    assert piped.stdout.encode() != text
    assert not (place / "-").exists()
    again = call("import", "credspec", "webapp3.json", "--into", "-", stdin=piped.stdout.encode())
    assert again.stdout == piped.stdout
    assert yaml.safe_load(again.stdout)


def test_every_file_that_a_command_reads_is_tried() -> None:
    """An option with a file to read has a line above, or in the tests beside it."""
    known = {line.partition("{}")[0].split(" gmsa.yaml")[0].strip() for line, _ in FILES}
    known |= {"import credspec --into", "post-render --config"}
    known |= {"doctor", "doctor --ad"}  # tests/cluster
    # Of a domain controller, and a file that is written: tests/active_directory.
    known |= {"import ad --password-file", "import ad --ca", "import ad --snapshot", "import ad --into"}
    for path, parser in declared().items():
        for name, (_, settings) in parser.options.items():
            if settings.get("metavar") in INPUTS:
                assert f"{path} {name}" in known
        if parser.positional is not None and parser.positional[1].get("metavar") in INPUTS:
            assert path in known


@pytest.mark.parametrize(
    "line",
    [
        "render - -",
        "lint - gmsa.yaml -",
        "patch --config - --config - deploy/web",
        "import credspec - --into -",
        "import credspec - -",
        "certs show - -",
        "post-render --config - --config -",
    ],
)
def test_stdin_is_read_once(line: str, call: Call, place: Path) -> None:
    done = call(*line.split(), stdin=CONFIG.encode())
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == "gmsa-krm: - is stdin, which can be read only once; give a file in place of the other -\n"


def test_the_stdin_of_a_post_renderer_is_taken(call: Call, place: Path) -> None:
    done = call("post-render", "--config", "-", stdin=CONFIG.encode())
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "gmsa-krm: --config - is not possible, since Helm's stream is on stdin; give the config as a file\n"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("render --out out gmsa.yaml", "--out is not an option of gmsa-krm render (did you mean --output?)"),
        ("render gmsa.yaml --environment=west", "--environment is not an option of gmsa-krm render"),
        ("certs issue --directory x", "--directory is not an option of gmsa-krm certs issue (did you mean --dir?)"),
        ("render gmsa.yaml --strict web.yaml", "web.yaml is apart from the other PATHs; write all before the options"),
        ("version x", "x is one argument too many for gmsa-krm version; see gmsa-krm version --help"),
        # Helm 3 with the options of gmsa-krm, and without its command.
        ("--config=gmsa.yaml", "--config needs a command before it (patch, post-render, schema)"),
        ("-x", "-x needs a command before it; see gmsa-krm --help"),
    ],
)
def test_what_is_left_over_is_named_with_its_command(line: str, message: str, call: Call) -> None:
    done = call(*line.split())
    assert done.status == 2
    assert message in done.stderr
    assert "usage:" not in done.stderr
