"""`-o json`: the data of a manifest are those that kubectl reads in it, whatever tags it has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, Call, Folder, kubectl

HEAD = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: x\ndata:\n"
CONFIG = ROOT / "kustomize/workloads/gmsa.yaml"
# Values, and what kubectl makes of them.
VALUES = {
    "!!binary aGVsbG8=": "hello",
    "!!binary |\n    aGVs\n    bG8=": "hello",
    "!!binary /////w==": "\ufffd" * 4,
    "!!binary 4oJB": "\ufffd\ufffdA",  # half of a character
    '!!binary ""': "",
    "!!str 12": "12",
    "! 12": "12",
    "!<tag:yaml.org,2002:str> yes": "yes",
    "!!str": "",
    "!custom 12": "12",
    "!custom {a: b}": {"a": "b"},
    '!!int "12"': 12,
    "!!int 0x10": 16,
    "!!int 1_000": 1000,
    "!!float 3": 3,
    '!!float "1e3"': 1000,
    '!!bool "yes"': True,
    '!!null ""': None,
    "!!timestamp 2026-01-01": "2026-01-01",
    "2026-01-01": "2026-01-01",
    "!!seq [a]": ["a"],
    "!!binary [a]": ["a"],
    "!!set {a: , b: }": {"a": None, "b": None},
    "!!omap [a: b]": [{"a": "b"}],
}
KEYS = {
    "!!binary aGVsbG8=": "hello",
    "!!binary /w==": "\ufffd",
    "yes": "true",
    "Off": "false",
    '"y"': "y",
    "12": "12",
    "0x11": "17",
    "013": "11",
    "1_000": "1000",
    "+7": "7",
    "-5": "-5",
    '!!int "15"': "15",
    "!!str 16": "16",
    "!custom 19": "19",
    "1.50": "1.5",
    "-0.25": "-0.25",
    "100000.0": "100000",
    "1e6": "1e+06",
    "1234567.5": "1.2345675e+06",
    "999999.96": "999999.94",
    "0.00001": "1e-05",
    "0.1": "0.1",
    "1e300": ".inf",
    "-1e300": "-.inf",
    "2026-01-01": "2026-01-01",
    "12:30": "12:30",
}
# What kubectl refuses.
WRONG = [
    *('!!binary "x y"', "!!binary a", "!!int x", "!!int 1.5", '!!int ""', "!!int 99999999999999999999", "!!bool x"),
    *("!!bool 1", '!!bool ""', "!!float x", "!!float yes", "!!null x", "!!null 0"),
]


def read_by_kubectl(file: Path) -> subprocess.CompletedProcess[str]:
    program = kubectl()
    if program is None:
        pytest.skip("there is no kubectl here")
    command = [program, "annotate", "--local", "-f", str(file), "a=b", "-o", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def manifest(folder: Folder) -> tuple[Path, dict[str, object]]:
    values = "".join(f"  v{number}: {value}\n" for number, value in enumerate(VALUES))
    keys = "".join(f"    {key}: x\n" for key in KEYS)
    aliases = "  first: &a !!binary aGVsbG8=\n  second: *a\n  third: &b {yes: 1}\n  fourth: {<<: *b, no: 2}\n"
    expected: dict[str, object] = {f"v{number}": value for number, value in enumerate(VALUES.values())}
    expected |= {"first": "hello", "second": "hello", "third": {"true": 1}, "fourth": {"true": 1, "false": 2}}
    expected["keys"] = dict.fromkeys(KEYS.values(), "x")
    return folder({"x.yaml": f"{HEAD}{values}{aliases}  keys:\n{keys}"}) / "x.yaml", expected


def test_the_expected_data_are_those_of_kubectl(folder: Folder) -> None:
    file, expected = manifest(folder)
    assert json.loads(read_by_kubectl(file).stdout)["data"] == expected


def test_data_are_what_kubectl_reads(call: Call, folder: Folder) -> None:
    file, expected = manifest(folder)
    items = json.loads(call("render", CONFIG, file, "-o", "json").stdout)["items"]
    assert next(it["data"] for it in items if it["kind"] == "Thing") == expected
    assert call("render", CONFIG, file, "-o", folder({}) / "out", "--format", "json").status == 0
    (written,) = (folder({}) / "out").glob("*thing*")
    assert json.loads(written.read_text())["data"] == expected


def test_a_manifest_stays_as_it_is_in_yaml(call: Call, folder: Folder) -> None:
    file, _ = manifest(folder)
    assert file.read_text() in call("render", CONFIG, file).stdout


@pytest.mark.parametrize("value", WRONG)
def test_what_kubectl_refuses_is_an_error(value: str, call: Call, folder: Folder) -> None:
    file = folder({"x.yaml": f"{HEAD}  a: {value}\n"}) / "x.yaml"
    done = call("render", CONFIG, file, "-o", "json")
    assert (done.status, done.stdout) == (1, "")
    tag, _, text = value.partition(" ")
    shown = text.strip('"')
    message = f"{shown!r} is not what its tag {tag} says, so kubectl refuses it; fix the value, or the tag"
    assert done.stderr.splitlines()[-1] == f"{file}: Thing/x: {message}"
    refused = read_by_kubectl(file)
    assert refused.returncode
    assert "error converting YAML to JSON" in refused.stderr
