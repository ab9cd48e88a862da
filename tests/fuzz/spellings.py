"""Manifests in spellings that readers of YAML take in different ways.

Odd tags, merge keys, aliases, equal keys and decoys in one form; documents with separators, line breaks and tokens at
odd places in another.
"""

from __future__ import annotations

import base64
from typing import Any

from dice import Dice

Data = dict[str, Any]

_MERGES = (
    *("<<", "<<", "<<", '"<<"', "'<<'", "!!merge <<", '!!merge "<<"', "? <<", "&m <<", "!!str <<", "!x <<", "! <<"),
    *("!!binary PDw=", '!!binary "PDw="', '"\\x3c<"', '!!merge "\\x3c<"', "!<tag:yaml.org,2002:merge> <<"),
    *("!!null <<", "!<!merge> <<", "!<!!merge> <<", "!!merge a"),
)
_DECOYS: tuple[Any, ...] = (
    *("x", {}, [], ["a"], "web", "Pod", "Secret", "v1", {"name": "other"}, {"a": "b"}),
    *({"containers": [{"name": "iis", "image": "d"}]}, {"template": {"spec": {"containers": []}}}),
    [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}}],
)
_TAGS = ("!!map ", "! ", "!x ", "!!set ", "!!omap ", "!!seq ", "!<tag:yaml.org,2002:map> ")


def odd_document(dice: Dice, reference: str) -> str:
    """A document with a pod that refers to a credspec, or what looks like one."""
    return _Flow(dice).document(_object(dice, reference))


def _object(dice: Dice, reference: str) -> Data:
    context = {"windowsOptions": {"gmsaCredentialSpecName": reference}}
    containers: list[Data] = [{"name": "iis", "image": "a"}]
    pod: Data = {
        "serviceAccountName": dice.choice(("x", "webapp1")),
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "containers": containers,
    }
    if dice.some(0.6):
        pod["securityContext"] = context
    elif dice.some(0.7):
        containers.append({"name": "log", "image": "b", "securityContext": context})
    metadata = {"name": "web", "namespace": "web"}
    whole: Data = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    form = dice.choice(("pod", "pod", "deployment", "deployment", "cron", "list"))
    if form == "deployment":
        kind = dice.choice(("Deployment", "StatefulSet", "DaemonSet"))
        whole |= {"apiVersion": "apps/v1", "kind": kind, "spec": {"template": {"spec": pod}}}
    elif form == "cron":
        jobs = {"jobTemplate": {"spec": {"template": {"spec": pod}}}}
        whole |= {"apiVersion": "batch/v1", "kind": "CronJob", "spec": jobs}
    elif form == "list":
        kind = dice.choice(("List", "List", "PodList", "ConfigMap", "x", "Secret", "GMSACredentialSpecList"))
        if dice.some(0.2):
            del whole["apiVersion"], whole["kind"]
        whole = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "q"}, "items": [whole]}
    if dice.some(0.1):
        whole["items"] = dice.choice(_DECOYS)
    return whole


class _Flow:
    """Writes one document, most of it in flow style."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._anchors: list[str] = []
        self._oddness = dice.choice((0.0, 0.01, 0.03, 0.08))

    def document(self, data: Data) -> str:
        dice = self._dice
        pairs = list(data.items())
        dice.shuffle(pairs)
        if dice.some(0.5):
            return self._value(dict(pairs)) + "\n"
        lines = [f"{self._scalar(key, is_key=True)}: {self._value(value)}\n" for key, value in pairs]
        if dice.some(0.2):
            key = dice.choice(("spec", "kind", "metadata", "items", "x", "template"))
            lines.append(f"{self._scalar(key, is_key=True)}: {self._decoy()}\n")
        if self._anchors and dice.some(0.5):
            lines.append(f"{dice.choice((*_MERGES, 'spec', 'x'))}: *{dice.choice(self._anchors)}\n")
        if dice.some(0.2):
            at = dice.randint(0, len(lines))
            lines.insert(at, f"{dice.choice(_MERGES)}: {{{self._scalar(dice.choice(pairs)[0])}: {self._decoy()}}}\n")
        return "".join(lines)

    def _value(self, data: Any) -> str:
        if isinstance(data, dict):
            return self._mapping(data)
        if isinstance(data, list):
            return f"[{', '.join(map(self._value, data))}]"
        return self._scalar(data)

    def _mapping(self, data: Data) -> str:
        dice = self._dice
        merged = dict(dice.sample(list(data.items()), dice.randint(1, len(data)))) if data and dice.some(0.12) else {}
        again = dice.sample(list(merged), 1) if merged and dice.some(0.3) else []
        parts = [self._pair(key, value) for key, value in data.items() if key not in merged or key in again]
        if merged:
            self._insert(parts, f"{dice.choice(_MERGES)}: {self._merged(merged)}")
            if dice.some(0.15):
                self._insert(
                    parts, f"{dice.choice(_MERGES)}: {{{self._scalar(dice.choice(list(data)))}: {self._decoy()}}}"
                )
        if data and dice.some(0.05):
            self._insert(parts, f"{self._scalar(dice.choice(list(data)), is_key=True)}: {self._decoy()}")
        tag = dice.choice(_TAGS) if dice.some(0.02) else ""
        return f"{tag}{self._anchor()}{{{', '.join(parts)}}}"

    def _merged(self, data: Data) -> str:
        text = self._value(data)
        if not self._dice.some():
            return text
        more = f", {{{self._dice.choice(('a', 'spec', 'name'))}: {self._decoy()}}}" if self._dice.some(0.5) else ""
        return f"[{text}{more}]"

    def _pair(self, key: str, value: Any) -> str:
        return f"{self._scalar(key, is_key=True)}: {self._value(value)}"

    def _insert(self, parts: list[str], part: str) -> None:
        parts.insert(self._dice.randint(0, len(parts)), part)

    def _decoy(self) -> str:
        return self._value(self._dice.choice(_DECOYS))

    def _anchor(self) -> str:
        if not self._dice.some(0.1):
            return ""
        name = f"a{len(self._anchors)}"
        self._anchors.append(name)
        return f"&{name} "

    def _scalar(self, text: str, *, is_key: bool = False) -> str:
        dice = self._dice
        if not dice.some(self._oddness):
            return text
        if is_key and dice.some(0.15):
            return f"&k{dice.randint(0, 9)} {text}"
        encoded = base64.b64encode(text.encode()).decode()
        escaped = "".join(f"\\x{ord(it):02x}" if dice.some(0.4) else it for it in text)
        return dice.choice(
            (
                *(
                    f'"{text}"',
                    f"'{text}'",
                    f'"{escaped}"',
                    f"!!str {text}",
                    f'!!str "{text}"',
                    f"!<tag:yaml.org,2002:str> {text}",
                ),
                *(
                    f"!!binary {encoded}",
                    f'!!binary "{encoded}"',
                    f"!!binary {text}",
                    f"!<!binary> {encoded}",
                    f"!<binary> {encoded}",
                    f"!<!!binary> {encoded}",
                ),
                *(
                    f"!<tag:yaml.org,2002:binary> {encoded}",
                    f"! {text}",
                    f'! "{text}"',
                    f"!x {text}",
                    f"!!js/str {text}",
                ),
                *(
                    f"!!float {text}",
                    f"!!null {text}",
                    f"!!seq {text}",
                    f"!!merge {text}",
                    f"!!timestamp {text}",
                    f"!!bool {text}",
                ),
            )
        )


_PLAIN = (
    """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
  labels: {app: iis}
spec:
  template:
    spec:
      # a comment
      serviceAccountName: x
      nodeSelector: {kubernetes.io/os: windows}
      containers:
      - name: iis
        image: "iis"   # another
        args: [a, "b", 'c']
      - image: log
        name: log
        securityContext:
          windowsOptions: {gmsaCredentialSpecName: REFERENCE}
""",
    """\
apiVersion: v1
kind: List
metadata: {}
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: web, namespace: web}
  spec:
    securityContext: {windowsOptions: {gmsaCredentialSpecName: REFERENCE}}
    containers: [{name: iis, image: a}]
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}
""",
    """\
apiVersion: v1
kind: ConfigMap
metadata: {name: texts, namespace: web}
data:
  text: |
    apiVersion: v1
    kind: Pod
    line
  folded: >-
    a
      b

    c
  quoted: "x\\ty
    z"
""",
    """\
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "web"}, "spec": {"securityContext": \
{"windowsOptions": {"gmsaCredentialSpecName": "REFERENCE"}}, "containers": [{"name": "iis", "image": "a"}]}}
""",
    """\
x: &p
  securityContext: {windowsOptions: {gmsaCredentialSpecName: REFERENCE}}
  containers:
  - &c {name: iis, image: a}
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web}
spec:
  <<: *p
  hostname: b
""",
    """\
kind: CronJob
apiVersion: batch/v1
metadata:
  namespace: web
  name: web
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: iis
              image: iis
              securityContext:
                windowsOptions:
                  gmsaCredentialSpecName: REFERENCE
              env:
                - name: A
                  value: |
                    several
                    lines
""",
)
_TOKENS = (
    *("---apiVersion: v1\n", "----\n", "---a"),
    *("---", "--- ", "---\n", "...", "...\n", "\n---\n", "--- # c\n", "---#\n", "--- |\n", "--- {}\n", "--- !!map\n"),
    *("\r", "\r\n", "\n", "\n\n", "\x85", "\u2028", "\u2029", "\ufeff", "\t", " ", "  ", "\n ", "\n  ", "\x0b", "\x0c"),
    *(
        "\xa0",
        "\u3000",
        "\x00",
        "\x7f",
        "\x1f",
        "é",
        "#",
        "# x",
        " #",
        ":",
        ": ",
        "? ",
        "- ",
        "- - ",
        "a",
        "=",
        "@",
        "`",
    ),
    *("<<: *p", "<<: ", "&p ", "*p", "&c ", "*c", "!!binary ", "!!str ", "!!map ", "! ", "!<tag:yaml.org,2002:str> "),
    *("%", "%YAML 1.2\n", "%TAG ! tag:yaml.org,2002:\n", "|\n", "|-\n", ">\n", "|2\n", "|+\n", '"', "'", "{", "}", "["),
    *("]", ",", "\\", "\\x64", "\\u0064", "\\\n", "~", "null", "kind: Pod\n", "kind: ConfigMap\n", '"kind": Pod\n'),
    *("items: []\n", "items:\n", "status:\n", "spec: {}\n", "metadata: {name: web, namespace: web}\n", "'': ", '"": '),
    *("0: ", "1e3", "0x1f", "yes", "on: "),
)
_BETWEEN = ("---\n", "---\n", "--- \n", "\n---\n", "---\n# Source: a/templates/b.yaml\n", "...\n", "---\r\n")


def odd_stream(dice: Dice, reference: str) -> str:
    """Documents with tokens, lines and line breaks at odd places."""
    parts = []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        text = dice.choice(_PLAIN).replace("REFERENCE", reference)
        parts.append(_disturbed(dice, text) if dice.some(0.8) else text)
    whole = dice.choice(("", "", "---\n")) + dice.choice(_BETWEEN).join(parts)
    whole = _disturbed(dice, whole) if dice.some(0.2) else whole
    return whole if whole.endswith("\n") else whole + "\n"


def _disturbed(dice: Dice, text: str) -> str:
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
        change = dice.choice(
            (_with_token, _with_token, _with_token, _without_part, _with_lines, _with_breaks, _indented)
        )
        text = change(dice, text)
    return text


def _with_token(dice: Dice, text: str) -> str:
    near = dice.choice(("\n", "\n", ' :\n-{["', ""))
    places = [at for at, it in enumerate(text) if it in near] or [dice.randint(0, len(text))]
    at = dice.choice(places) + (1 if dice.some(0.5) else 0)
    return text[:at] + dice.choice(_TOKENS) + text[at:]


def _without_part(dice: Dice, text: str) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + text[at + dice.choice((1, 1, 2, 5, 20)) :]


def _with_lines(dice: Dice, text: str) -> str:
    """Lines moved, or there twice."""
    lines = text.split("\n")
    at, number = dice.randrange(len(lines)), dice.choice((1, 1, 3))
    taken = lines[at : at + number]
    if dice.some(0.4):
        del lines[at : at + number]
    to = dice.randint(0, len(lines))
    return "\n".join([*lines[:to], *taken, *lines[to:]])


def _with_breaks(dice: Dice, text: str) -> str:
    other = dice.choice(("\r", "\r\n", "\x85", "\u2028"))
    if dice.some(0.5):
        return text.replace("\n", other)
    places = [at for at, it in enumerate(text) if it == "\n"]
    if not places:
        return text
    at = dice.choice(places)
    return text[:at] + other + text[at + 1 :]


def _indented(dice: Dice, text: str) -> str:
    lines = text.split("\n")
    at = dice.randrange(len(lines))
    lines[at] = dice.choice((f" {lines[at]}", lines[at][1:], f"  {lines[at]}", f"\t{lines[at]}"))
    return "\n".join(lines)
