"""Each case folder through every door, with one result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from conftest import CASES, ROOT, SEED, Call, as_function, build, by_identity, identity, kubectl

EXAMPLES = sorted(path.parent for path in (ROOT / "kustomize").glob("*/kustomization.yaml"))
ENV = {"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "1790000000"}


@pytest.fixture(params=CASES, ids=lambda path: path.name)
def case(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_render_gives_what_is_wanted_in_apply_order(case: Path, call: Call) -> None:
    want = case / "want.yaml"
    done = call("render", case / "gmsa.yaml", env=ENV)
    assert done.status == 0, done.stderr
    if not want.exists():
        assert case.name == "derive"  # key material: proved by handshake in tests/unit/test_certificates.py
        return
    wanted = list(yaml.safe_load_all(want.read_text()))
    assert [identity(item) for item in done.objects] == [identity(item) for item in wanted]
    assert done.objects == wanted


def test_every_door_of_kustomize_gives_what_render_gives(
    case: Path, call: Call, kustomize: Path, plugin_home: Path, tmp_path: Path
) -> None:
    rendered = call("render", case / "gmsa.yaml", env=ENV)
    wanted = by_identity(rendered.objects)

    legacy = build(kustomize, case, plugin_home, **ENV)
    assert legacy.returncode == 0, legacy.stderr
    assert by_identity(list(yaml.safe_load_all(legacy.stdout))) == wanted

    function_folder = tmp_path / "function"
    shutil.copytree(case, function_folder)
    config = function_folder / "gmsa.yaml"
    config.write_text(as_function(config.read_text()))
    function = build(kustomize, function_folder, tmp_path, "--enable-exec", **ENV)
    assert function.returncode == 0, function.stderr
    assert function.stdout == legacy.stdout

    if kubectl():
        by_kubectl = build(kubectl() or "", case, plugin_home, **ENV)
        assert by_kubectl.returncode == 0, by_kubectl.stderr
        assert by_identity(list(yaml.safe_load_all(by_kubectl.stdout))) == wanted


def test_as_a_transformer_both_plugins_add_to_what_passes_through(
    kustomize: Path, plugin_home: Path, tmp_path: Path, call: Call
) -> None:
    case = ROOT / "tests" / "cases" / "domain-joined"
    foreign = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: foreign
  namespace: web
data:
  norway: "NO"
  octal: '0o17'
  text: |
    two
    lines
"""
    outputs = []
    for name, change in (("legacy", str), ("function", as_function)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "kustomization.yaml").write_text("resources: [foreign.yaml]\ntransformers: [gmsa.yaml]\n")
        (folder / "foreign.yaml").write_text(foreign)
        (folder / "gmsa.yaml").write_text(change((case / "gmsa.yaml").read_text()))
        done = build(kustomize, folder, plugin_home, *(["--enable-exec"] if name == "function" else []))
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    found = by_identity(list(yaml.safe_load_all(outputs[0])))
    wanted = by_identity(call("render", case / "gmsa.yaml").objects)
    assert found.pop(("ConfigMap", "web", "foreign"))["data"] == {
        "norway": "NO",
        "octal": "0o17",
        "text": "two\nlines\n",
    }
    assert found == wanted


def test_an_error_stops_the_build_and_reaches_the_user(kustomize: Path, plugin_home: Path, tmp_path: Path) -> None:
    config = (ROOT / "tests" / "cases" / "domain-joined" / "gmsa.yaml").read_text()
    wrong = config.replace("3094792973", "3094792973-1105")
    for name, text, flags in (("legacy", wrong, []), ("function", as_function(wrong), ["--enable-exec"])):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "kustomization.yaml").write_text("generators: [gmsa.yaml]\n")
        (folder / "gmsa.yaml").write_text(text)
        done = build(kustomize, folder, plugin_home, *flags)
        assert done.returncode != 0
        assert done.stdout == ""
        assert "spec.domains[0].sid" in done.stderr
        assert "give the domain's: S-1-5-21-2126449477-2524075714-3094792973" in done.stderr


@pytest.fixture
def example_folders(tmp_path: Path, call: Call) -> Path:
    """A copy of kustomize/, with the files that its README tells the user to make."""
    copy = tmp_path / "kustomize"
    shutil.copytree(ROOT / "kustomize", copy)
    assert call("certs", "issue", "--dir", copy / "files" / "certs").status == 0
    return copy


@pytest.mark.parametrize("example", [path.name for path in EXAMPLES])
def test_the_examples_run_as_they_stand(
    example: str, example_folders: Path, kustomize: Path, plugin_home: Path, call: Call
) -> None:
    folder = example_folders / example
    flags = [] if example == "legacy-plugin" else ["--enable-exec"]
    done = build(kustomize, folder, plugin_home, *flags, **ENV)
    assert done.returncode == 0, done.stderr
    found = by_identity(list(yaml.safe_load_all(done.stdout)))
    rendered = by_identity(call("render", folder, env=ENV).objects)
    if example == "quickstart":  # source Generate: new keys at every run
        for objects in (found, rendered):
            del objects["Secret", "gmsa-webhook", "gmsa-webhook-tls"]["data"]
            del objects["Deployment", "gmsa-webhook", "gmsa-webhook"]["spec"]["template"]["metadata"]["annotations"]
            for kind in ("Mutating", "Validating"):
                del objects[f"{kind}WebhookConfiguration", "", "gmsa-webhook"]["webhooks"][0]["clientConfig"][
                    "caBundle"
                ]
    assert found == rendered


def test_without_enable_exec_the_build_is_empty_and_says_nothing(
    kustomize: Path, tmp_path: Path, example_folders: Path
) -> None:
    """The trap that kustomize/README.md warns of; when kustomize mends it, the README can say so."""
    done = build(kustomize, example_folders / "cert-manager", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("source", ["cert-manager", "derive", "files", "existing-secret"])
def test_the_same_input_gives_the_same_bytes_everywhere(
    source: str, example_folders: Path, program: Path, tmp_path: Path
) -> None:
    import subprocess

    from conftest import environment

    outputs = set()
    for number, zone in enumerate(("Pacific/Auckland", "America/Los_Angeles")):
        home = tmp_path / f"home-{number}"
        folder = home / "config"
        shutil.copytree(example_folders / source, folder)
        env = environment(
            home, TZ=zone, PYTHONHASHSEED=str(number), GMSA_KRM_SEED=SEED, LC_ALL="C" if number else "C.UTF-8"
        )
        done = subprocess.run([program, "render", "gmsa.yaml"], cwd=folder, env=env, capture_output=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_the_schema_in_the_repository_is_that_of_the_program(call: Call) -> None:
    assert (ROOT / "kustomize" / "gmsaconfig.schema.json").read_text() == call("schema").stdout, "run make schema"
    assert (ROOT / "charts/gmsa/values.schema.json").read_text() == call("schema", "--chart-values").stdout, (
        "run make schema"
    )


def test_every_config_in_the_repository_fits_the_schema_and_names_it(call: Call) -> None:
    import json

    import jsonschema

    schema = json.loads(call("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    configs = [*ROOT.glob("kustomize/*/gmsa.yaml"), *ROOT.glob("tests/cases/*/gmsa.yaml")]
    assert configs
    for path in configs:
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
        modeline = path.read_text().splitlines()[0]
        assert modeline.startswith("# yaml-language-server: $schema=")
        assert (path.parent / modeline.partition("=")[2]).resolve() == ROOT / "kustomize" / "gmsaconfig.schema.json"
