"""Twice the input takes twice the work, whatever the input is: counted in calls of functions, which are the same always."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import pytest

from builders import deployment, entry, gmsa_config, listed, stream, workloads_config
from conftest import Call, Folder
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import YamlError, parse
from gmsa_krm.yamltext.stream import split


@dataclass(frozen=True)
class Input:
    """A kind of input: the manifests of a size, beside a config of that size."""

    name: str
    manifests: Callable[[int], str]
    config: Callable[[int], str] = lambda size: workloads_config(entry(match="kinds: [Deployment]"))

    def __str__(self) -> str:
        return self.name


def work(call: Call, *arguments: Any, **more: Any) -> int:
    """How many calls of functions a run takes; the first run of all also imports modules, so it is not counted."""
    profile = cProfile.Profile()
    profile.enable()
    done = call(*arguments, **more)
    profile.disable()
    assert done.status in (0, 1), done.stderr
    return sum(row.callcount for row in profile.getstats())


def doubled(measure: Callable[[int], int], size: int) -> float:
    measure(size)
    return measure(2 * size) / measure(size)


STAR = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: all
rules:
- apiGroups: ['*']
"""


def resource_list(config: str, *items: str) -> str:
    return f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
{listed(*items)}functionConfig:
{indent(config, "  ")}"""


def test_a_star_in_a_resource_list_does_not_slow_down_the_items(call: Call) -> None:
    """2,000 Deployments took 15.9 s, and 0.3 s without the star."""
    config = workloads_config(entry(match="kinds: [Deployment]"))

    def measure(size: int) -> int:
        items = [deployment(name=f"web{number}") for number in range(size)]
        return work(call, stdin=resource_list(config, STAR, *items).encode())

    assert doubled(measure, 50) < 2.2


def many_credspecs(size: int) -> str:
    return gmsa_config(
        "credspecs:\n" + listed(*(f"account: App{number}\nusedBy: FromWorkloads" for number in range(size))),
        "admission: {mode: None}\n",
    )


def pod_of(credspec: str, *more: str) -> str:
    return f"""
serviceAccountName: webapp1
nodeSelector: {{kubernetes.io/os: windows}}
securityContext: {{windowsOptions: {{gmsaCredentialSpecName: {credspec}}}}}
containers: []
"""


def containers(size: int) -> str:
    return "containers:\n" + listed(*(f"name: c{number}\nimage: c" for number in range(size)))


def entries(size: int, more: str = "") -> str:
    return workloads_config(*(entry(more, match=f"names: [web{number}]") for number in range(size)))


INPUTS = [
    Input("workloads", lambda size: stream(*(deployment(name=f"web{number}") for number in range(size)))),
    Input(
        "a list of workloads",
        lambda size: (
            f"kind: List\napiVersion: v1\nitems:\n{listed(*(deployment(name=f'web{n}') for n in range(size)))}"
        ),
    ),
    Input(
        "unknown references",
        lambda size: stream(*(deployment(pod_of(f"no-{n}"), name=f"w{n}") for n in range(size))),
        many_credspecs,
    ),
    Input(
        "references in another case",
        lambda size: stream(*(deployment(pod_of(f"GMSA-app{n}"), name=f"w{n}") for n in range(size))),
        many_credspecs,
    ),
    Input("containers", lambda size: deployment(containers(size), name="web")),
    Input(
        "containers that entries name",
        lambda size: deployment(containers(size), name="web"),
        lambda size: workloads_config(
            entry("containers:\n" + "".join(f"- c{n}\n" for n in range(size)), match="names: [web]")
        ),
    ),
    Input(
        "containers in mode Policy",
        lambda size: deployment(containers(size), name="web"),
        lambda size: workloads_config(entry("containers:\n" + "".join(f"- c{n}\n" for n in range(size)))).replace(
            "mode: None", "mode: Policy"
        ),
    ),
    Input(
        "entries and workloads",
        lambda size: stream(*(deployment(name=f"web{number}") for number in range(size))),
        entries,
    ),
    Input(
        "entries that match one workload",
        lambda size: deployment(),
        lambda size: workloads_config(*(entry() for _ in range(size))),
    ),
    Input(
        "tokens for one workload",
        lambda size: deployment(),
        lambda size: workloads_config(
            *(entry(f"token: {{name: t{n}, audience: a, mountPath: /t{n}}}") for n in range(size))
        ),
    ),
    Input(
        "hooks and entries",
        lambda size: stream(
            *(
                deployment(name=f"web{n}").replace("  labels:\n", "  annotations:\n    helm.sh/hook: test\n  labels:\n")
                for n in range(size)
            )
        ),
        entries,
    ),
]


@pytest.mark.parametrize("kind", INPUTS, ids=str)
def test_twice_the_input_takes_twice_the_work(kind: Input, call: Call, folder: Folder) -> None:
    def measure(size: int) -> int:
        where = folder({"gmsa.yaml": kind.config(size), "web.yaml": kind.manifests(size)})
        return work(call, "render", where)

    assert doubled(measure, 150) < 2.2


# Aliases


def merges(levels: int) -> str:
    """Each mapping merges the one before twice."""
    lines = ["m0: &m0 {a: 1}"]
    lines += [f"m{level}: &m{level} {{<<: [*m{level - 1}, *m{level - 1}]}}" for level in range(1, levels)]
    return "\n".join([*lines, f"last: {{<<: *m{levels - 1}, b: 2}}", ""])


def test_merge_keys_that_double_are_followed_once_each() -> None:
    """Seventeen in twenty small documents took seconds."""
    root = parse(merges(14))
    assert root is not None
    last = root.get("last")
    assert last is not None
    profile = cProfile.Profile()
    profile.enable()
    assert (last.string("a"), last.get("c")) == ("1", None)
    assert [key.text for key, _ in last.entries()] == ["b", "a"]
    assert data_of(root)["last"] == {"a": 1, "b": 2}
    profile.disable()
    assert sum(row.callcount for row in profile.getstats()) < 3_000


def test_aliases_are_limited_by_what_they_repeat() -> None:
    with pytest.raises(YamlError, match="aliases expand to more than 400,000 nodes"):
        parse(merges(40))
    # A large document without them is not.
    assert parse("[" + "a," * 410_000 + "]") is not None


def test_aliases_do_not_nest_deeper_than_collections() -> None:
    deep = "a: &a " + "[" * 300 + "]" * 300 + "\n"
    assert parse(deep + "b: *a\n") is not None
    with pytest.raises(YamlError, match="nested deeper"):
        parse(deep + "b: " + "[" * 150 + "*a" + "]" * 150 + "\n")


def test_an_alias_repeats_the_node_before_it() -> None:
    root = parse("a: &x {b: &x 1, c: *x}\nd: *x\n")
    assert root is not None
    assert data_of(root) == {"a": {"b": 1, "c": 1}, "d": 1}
    with pytest.raises(YamlError, match="inside the node that it repeats"):
        parse("a: &x {b: 1, c: *x}")


def test_directives_before_a_separator_are_scanned_once() -> None:
    """100,000 lines took minutes."""
    lines = "%a\n" * 200_000
    assert [len(it.text) for it in split(f"a: b\n{lines}c")] == [5 + len(lines) + 1]
    assert [it.text for it in split(f"a: b\n{lines}---\nc")] == ["a: b\n", f"{lines}---\nc"]
