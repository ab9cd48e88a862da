"""Configs with random changes: valid output or a message in every host, and never a traceback."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_schema import disagreement
from conftest import ROOT, Call
from hosts.support import NO_ADMISSION, gmsa_config

OPTIONS = ROOT / "tests/cases/webhook-options"
CONFIGS = [
    (OPTIONS / "gmsa.yaml").read_text(),
    (ROOT / "tests/cases/host-account/gmsa.yaml").read_text(),
    gmsa_config(admission=NO_ADMISSION),
]
PIECES = [
    *("[", "]", "{", "}", ":", "- ", "\n", "  ", "'", '"', "*a", "&a ", "|", "~", "\t", "#", "%", "---\n"),
    *("NO", "null", "-1", "1e9", "0x10", "!!int ", "<<: ", "a$", "..", "/", "\0", "é"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.sampled_from([0, 0, 1, 5, 20]))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(""), st.text(max_size=3)))
        text = text[:at] + piece + text[end:]
    return text


@given(text=mutated())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_config_gives_valid_output_or_a_message(text: str, call: Call, tmp_path: Path) -> None:
    data = text.encode("utf-8", "surrogatepass")
    (tmp_path / "ca.crt").write_bytes((OPTIONS / "ca.crt").read_bytes())
    (tmp_path / "gmsa.yaml").write_bytes(data)
    done = call("render", tmp_path / "gmsa.yaml")
    if done.status == 0:
        assert all(item["kind"] and item["metadata"]["name"] for item in done.objects)
        assert not disagreement(text, [])  # no editor shows an error in it
    else:
        assert (done.status, done.stdout) == (1, "")
        assert done.stderr.strip()
    for other in (call(stdin=data), call(tmp_path / "gmsa.yaml", program="GMSAConfig")):
        assert other.status in (0, 1)
        assert other.status == 0 or other.stderr.strip()
