"""The targets: each makes a call of the program from a source of choices."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from configs import (
    DOMAINS,
    KINDS,
    KUBE_VERSIONS,
    NAMES,
    NAMESPACES,
    gmsa_config,
    use_cert_manager,
    used_by,
    workload_entry,
    wrapped,
)
from dice import Dice
from manifests import credspec_bytes, credspec_json, credspec_object, foreign_object, in_lists, workload
from program import Call
from spellings import odd_document, odd_stream
from support_files import VARIABLES, File, Link, files_named_in, materials
from wrong_values import WRONG, copied, with_wrong_values
from yaml_styles import Style, with_mistakes, without_raw

Data = dict[str, Any]
Files = dict[str, File]

HELM4 = {"HELM_PLUGIN_NAME": "gmsa", "HELM_PLUGIN_DIR": "/plugins/gmsa"}
ARGOCD = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "web",
    "ARGOCD_APP_PROJECT_NAME": "default",
    "ARGOCD_APP_REVISION": "0" * 40,
    "KUBE_VERSION": "1.34",
    "KUBE_API_VERSIONS": "v1,apps/v1",
}
_API_VERSIONS = tuple(f"config.kubernetes.io/{it}" for it in ("v1", "v1beta1", "v1alpha1"))
# Documents that are hard to keep byte for byte.
_HARD = (
    "# a licence\n\n",
    (
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: foreign\n  namespace: web   # a comment\ndata:\n  norway: "NO"\n'
        "  octal: '0o17'\n  folded: >-\n    one\n    two\n\n    three\n  literal: |+\n    two\n    lines\n\n"
    ),
    (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: web, labels: {a: b, \"c\": 'd'}}\nspec:\n    ports:\n"
        "    - port: 80\n      targetPort: 0x50\n"
    ),
    (
        "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\nspec: &anchor\n  size: 1e3\n  date: 2026-01-01\n"
        "other: *anchor\n...\n"
    ),
    '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"a": "\\u00e4\\t"}}\n',
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: break\ndata:\n  a: \"one\\\n    two\"\n  b: 'x\n\n    y'\n",
)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _texts(dice: Dice, objects: list[Data]) -> list[str]:
    """The objects as documents that are put into a stream or a list."""
    return [Style(dice, dice.some(0.5)).as_part().dump(it) for it in objects]


def _objects(dice: Dice, most: int, foreign: float = 0.4) -> list[Data]:
    rate = dice.choice((0.0, 0.3, 0.6))
    number = dice.randint(0 if most < 4 else 1, most)
    return [foreign_object(dice) if dice.some(foreign) else workload(dice, rate=rate) for _ in range(number)]


def _small_config(dice: Dice, *, has_workloads: bool | None = None) -> Data:
    """A config that is soon resolved: most runs of a target are about what is around it."""
    mode = dice.choice(("None",) * 9 + ("Policy",) * 3 + ("Webhook",))
    data = use_cert_manager(gmsa_config(dice, mode, has_workloads=has_workloads, small=True))
    if dice.some(0.8):
        data["spec"]["crd"] = {"install": False}
    return data if dice.is_right or dice.some(0.8) else with_wrong_values(dice, data, 1)


def _with_mistakes(dice: Dice, texts: list[str], rate: float = 0.25) -> list[str]:
    """The texts, with mistakes in one of them unless the input should be right."""
    if texts and not dice.is_right and dice.some(rate * 2):
        at = dice.randrange(len(texts))
        texts[at] = with_mistakes(dice, texts[at], dice.choice((1, 1, 2, 3)))
    return texts


_BETWEEN = (
    *("---\n", "---\n", "---\n", "--- # x\n", "---\n# Source: web/templates/x.yaml\n", "---\n---\n", "---\n\n"),
    *("...\n---\n", "---\n# only a comment\n---\n", "---\t\n"),
)


def _stream(dice: Dice, texts: list[str]) -> str:
    """Documents in a stream, with separators as hands and tools write them."""
    joined = ""
    for text in texts:
        start = dice.choice(_BETWEEN) if joined else "---\n" if dice.some() else ""
        joined += start + (text if text.endswith("\n") else text + "\n")
    joined += dice.choice(("", "", "", "---\n", "...\n", "\n", "# end\n"))
    return joined.rstrip("\n") if dice.some(0.05) else joined


# Helm


def helm3(dice: Dice) -> Call:
    """Streams of Helm 3 through `post-render`."""
    configs, manifests = _set_up(dice)
    return _post_render(dice, configs, manifests, _helm3_stream, {})


def helm4(dice: Dice) -> Call:
    """Streams of Helm 4 through `post-render`."""
    configs, manifests = _set_up(dice)
    return _post_render(dice, configs, manifests, _helm4_stream, HELM4)


def _set_up(dice: Dice) -> tuple[list[str], list[str]]:
    """Texts of configs and of other documents."""
    data = _small_config(dice, has_workloads=dice.some(0.8))
    configs = [Style(dice, plain=dice.some(0.7)).as_part().dump(data)]
    if dice.some(0.1):
        second = use_cert_manager(gmsa_config(dice, "None", small=True, name="second"))
        configs.append(Style(dice, plain=True).dump(second))
    texts = _texts(dice, in_lists(dice, _objects(dice, 5))) + dice.sample(_HARD, dice.choice((0, 0, 1, 2)))
    dice.shuffle(texts)
    return configs, _with_mistakes(dice, texts)


def _post_render(
    dice: Dice, configs: list[str], manifests: list[str], form: Callable[[Dice, list[str]], str], variables: Data
) -> Call:
    files: Files = dict(files_named_in(*configs))
    arguments = ["post-render"]
    if dice.some(0.5):
        files |= {f"gmsa{number}.yaml": _utf8(text) for number, text in enumerate(configs)}
        arguments += [word for number in range(len(configs)) for word in ("--config", f"gmsa{number}.yaml")]
    else:
        at = dice.randint(0, len(manifests))
        manifests = [*manifests[:at], *configs, *manifests[at:]]
    arguments += dice.choice(([], [], ["--namespace", "web"], ["--log-file", "post.log"]))
    stream = form(dice, manifests)
    if not dice.is_right and dice.some(0.1):
        stream = with_mistakes(dice, stream)
    return Call(tuple(arguments), _utf8(stream), files, {**VARIABLES, **variables})


def _helm3_stream(dice: Dice, texts: list[str]) -> str:
    """As Helm 3 joins documents; now and then with the separators of hands."""
    if dice.some(0.3):
        return _stream(dice, texts)
    closed = (text if text.endswith("\n") else text + "\n" for text in texts)
    chart = "web" if dice.some(0.95) else dice.choice(("a b", "x\u0085kind: Evil", "\x1b[31m"))
    return "".join(f"---\n# Source: {chart}/templates/{number}.yaml\n{text}" for number, text in enumerate(closed))


def _helm4_stream(dice: Dice, texts: list[str]) -> str:
    """With the annotation that Helm 4 puts on each document."""
    chart = "web" if dice.some(0.95) else dice.choice(('"x\\n---\\nkind: Evil"', "'*'"))
    annotated = []
    for number, text in enumerate(texts):
        name = f"'{chart}/templates/{number}.yaml'" if chart == "web" else chart
        note = f"postrenderer.helm.sh/postrender-filename: {name}"
        if re.search(r"(?m)^  annotations:\n    ", text):
            text = re.sub(r"(?m)^  annotations:\n( +)", lambda it, n=note: f"{it[0]}{n}\n{it[1]}", text, count=1)  # type: ignore[misc]
        elif re.search(r"(?m)^metadata:\n +[a-z]", text):
            text = re.sub(
                r"(?m)^metadata:\n( +)",
                lambda it, n=note: f"{it[0]}annotations:\n{it[1]}{it[1]}{n}\n{it[1]}",  # type: ignore[misc]
                text,
                count=1,
            )
        annotated.append(text if text.endswith("\n") else text + "\n")
    return "---\n".join(annotated)


# KRM function


def resource_lists(dice: Dice) -> Call:
    """ResourceLists in block, flow and JSON, with results, with the config as an item, with all that may be absent."""
    data = _small_config(dice, has_workloads=dice.some(0.7))
    objects: list[Data] = _objects(dice, 4, 0.3)
    if dice.some(0.3):
        objects.insert(dice.randint(0, len(objects)), _as_item(dice, data))
    files = files_named_in(json.dumps(data, default=str))
    text = _block_list(dice, data, objects) if dice.some(0.4) else _whole_list(dice, data, objects)
    if not dice.is_right and dice.some(0.25):
        text = with_mistakes(dice, text, dice.choice((1, 1, 2)))
    return Call((), _utf8(text), files)


def _as_item(dice: Dice, config: Data) -> Data:
    """The config as kustomize hands it over among the items."""
    item: Data = dict(config)
    if isinstance(item.get("metadata"), dict):
        notes: Data = {"config.kubernetes.io/local-config": dice.choice(("true", "true", "false"))}
        if dice.some():
            notes[dice.choice(("config.kubernetes.io/path", "internal.config.kubernetes.io/path"))] = "sub/gmsa.yaml"
        item["metadata"] = {**item["metadata"], "annotations": notes}
    return item


_EARLIER: tuple[Any, ...] = (
    [],
    None,
    [{"message": "earlier", "severity": "info"}],
    [{"message": "a: b", "severity": "warning", "tags": {"x": "y"}}],
)


def _whole_list(dice: Dice, config: Data, objects: list[Data]) -> str:
    whole: Data = {"apiVersion": dice.choice(_API_VERSIONS), "kind": "ResourceList"}
    if objects or dice.some(0.5):
        whole["items"] = objects or dice.choice(([], None))
    whole["functionConfig"] = config
    if dice.some(0.2):
        whole["results"] = dice.choice(_EARLIER)
    if dice.some(0.1):
        whole[dice.choice(("metadata", "extra", "items2"))] = {"a": "b"}
    if dice.some():
        pairs = list(whole.items())
        dice.shuffle(pairs)
        whole = dict(pairs)
    if not dice.is_right and dice.some(0.15):
        whole = with_wrong_values(dice, whole, 1)
    if dice.some(0.15):
        return json.dumps(without_raw(whole), indent=dice.choice((None, 2))) + "\n"
    style = Style(dice)
    style.flow = dice.choice((style.flow, 0.3, 1.0))
    return style.dump(whole)


def _block_list(dice: Dice, config: Data, objects: list[Data]) -> str:
    """In kustomize's layout, each item in a style of its own."""
    pad = dice.choice(("", "", "  "))
    items = "".join(f"{pad}- {_indented(text, f'{pad}  ').lstrip(' ')}" for text in _texts(dice, objects))
    empty = dice.choice(
        ("items: []\n", "items: []\n", "items:\n", "items: null\n", "", "items: ~ # none\n", "items: [ ]\n")
    )
    parts = [
        f"apiVersion: {dice.choice(_API_VERSIONS)}\n",
        "kind: ResourceList\n",
        f"items:\n{items}" if items else empty,
        f"functionConfig:\n{_indented(Style(dice, dice.some(0.5)).as_part().dump(config), '  ')}",
    ]
    if dice.some(0.1):
        more = ("results: []\n", "results:\n- message: earlier\n  severity: info\n", "results: null\n", "results: {}\n")
        parts.append(dice.choice(more))
    if dice.some(0.2):
        dice.shuffle(parts)
    return "".join(parts)


def _indented(text: str, pad: str) -> str:
    return textwrap.indent(text, pad, lambda line: bool(line.strip()))


# Configs and files


def configs(dice: Dice) -> Call:
    """Configs, right and wrong, with what they name, through `render`, `lint`, `patch` and the legacy plugin."""
    make = dice.choice((_one_config,) * 5 + (_several_configs, _credspec_files, _certificate_files, _mistyped_config))
    texts, files = make(dice)
    manifests = _with_mistakes(dice, _texts(dice, in_lists(dice, _objects(dice, 3, 0.3)))) if dice.some(0.5) else []
    variables = dict(VARIABLES)
    if dice.some(0.05):
        variables["SOURCE_DATE_EPOCH"] = dice.choice(
            ("", "x", "-1", "1.5", "0", "99999999999", "999999999999", "\uff11")
        )
    if dice.some(0.05):
        variables |= {"KUBE_VERSION": dice.choice(KUBE_VERSIONS), "ARGOCD_APP_NAME": "web"}
    named = {("gmsa.yaml", "other.yml", "third/gmsa.yaml")[number]: _utf8(text) for number, text in enumerate(texts)}
    files = {**files_named_in(*texts), **named, **files}
    if manifests:
        files["web.yaml"] = _utf8(_stream(dice, manifests))
    return _on_files(dice, Call(files=files, variables=variables), list(named))


def _repository_files(dice: Dice, names: list[str]) -> dict[str, bytes]:
    """What may be beside configs: kustomizations, right and wrong, scripts that build them, values, templates."""
    fields = ("generators", "transformers", "resources", "components", "validators", "patches", "Generators", "bases")
    entries = (*names, "web.yaml", "third", "..", ".", "", "no.yaml", "\0", "kind: GMSAConfig\n")
    renames = (
        *("namePrefix: p-", "nameSuffix: 5", "namespace: shop", "namespace: [a]", "configurations: [a]", "a: *b"),
        *("configurations: [web.yaml]", "openapi: {path: web.yaml}", "patches: [{patch: gmsaCredentialSpec}]"),
    )
    files = {}
    for folder in ("", "third/", "overlay/"):
        if dice.some(0.5):
            lists = (f"{dice.choice(fields)}: {json.dumps([dice.choice(entries)])}" for _ in range(dice.choice((1, 2))))
            text = "\n".join([*lists, *([dice.choice(renames)] if dice.some(0.4) else [])])
            files[f"{folder}{dice.choice(('kustomization.yaml', 'kustomization.yml', 'Kustomization'))}"] = text
    calls = (
        "kubectl apply -k .",
        "kustomize build $A",
        "kubectl kustomize third \\\n -k",
        "kustomize build | gmsa-krm render -",
    )
    files["deploy.sh"] = dice.choice(calls)
    files["values.yaml"] = dice.choice(
        ("a: b", "a: [", "apiVersion: v1\nkind: [", "name: {{ a }}", "\0", "kind: GmsaConfig")
    )
    return {name: _utf8(text) for name, text in files.items()}


def _on_files(dice: Dice, call: Call, names: list[str]) -> Call:
    paths = [*names, *(["web.yaml"] if "web.yaml" in call.files else [])]
    how = dice.choice(
        ("render",) * 4 + ("folder", "json", "output", "lint", "lint", "plugin", "plugin", "stdin", "patch")
    )
    if how == "folder":
        return call.with_(arguments=("render", "."))
    if how == "json":
        return call.with_(arguments=("render", *paths, dice.choice(("--format", "-o")), "json"))
    if how == "output":
        return call.with_(arguments=("render", *paths, "-o", "out", *dice.choice(((), ("--format", "json")))))
    if how == "lint":
        where = dice.choice((paths, ["."], names))
        files = {**call.files, **_repository_files(dice, names)} if where == ["."] else call.files
        more: tuple[str, ...] = dice.choice(
            ((), (), ("--exclude", dice.choice(("web.yaml", "third", "t*/**"))), ("--namespace", "web"), ("-n", "web"))
        )
        form = dice.choice(("text", "json", "json", "sarif"))
        return call.with_(arguments=("lint", *where, *more, dice.choice(("--format", "-o")), form), files=files)
    first, web = call.files[names[0]], call.files.get("web.yaml", b"")
    if how == "plugin" and isinstance(web, bytes):
        files = {**call.files, "tmp/config": first}
        return call.with_(arguments=("tmp/config",), files=files, stdin=web, program="GMSAConfig")
    if how == "stdin" and isinstance(first, bytes) and isinstance(web, bytes):
        return call.with_(arguments=("render", "-"), stdin=first + (b"\n---\n" + web if web else b""))
    if how == "patch":
        kinds = (*KINDS[:9], "Rollout.v1alpha1.argoproj.io", "CloneSet.v1alpha1.apps.kruise.io", "Odd.v1.example.com")
        options = [word for name in names for word in ("--config", name)]
        namespace = dice.choice(((), ("--namespace", dice.choice(NAMESPACES))))
        return call.with_(arguments=("patch", *options, f"{dice.choice(kinds)}/{dice.choice(NAMES)}", *namespace))
    return call.with_(arguments=("render", *paths))


def _one_config(dice: Dice) -> tuple[list[str], Files]:
    data = gmsa_config(dice)
    if not dice.is_right:
        data = with_wrong_values(dice, data, dice.choice((0, 1, 1, 1, 2, 3)))
    return [Style(dice).dump(data)], {}


def _mistyped_config(dice: Dice) -> tuple[list[str], Files]:
    text = Style(dice).dump(gmsa_config(dice, small=True, has_workloads=True))
    return [with_mistakes(dice, text, dice.choice((1, 1, 2, 3)))], {}


def _several_configs(dice: Dice) -> tuple[list[str], Files]:
    mode = dice.choice(("Policy", "None", "Webhook"))
    texts = []
    for number in range(dice.choice((2, 2, 3))):
        own = mode if not number else dice.pick(("None",), ("Policy", "Webhook"))
        data = use_cert_manager(gmsa_config(dice, own, small=True, name=("contoso", "second", "third")[number]))
        if number and (dice.is_right or dice.some(0.6)):
            for entry in data["spec"].get("credspecs", ()):
                if "account" in entry:
                    entry["account"] += str(number)
        if number and dice.some(0.7):
            data["spec"]["crd"] = {"install": False}
        if not dice.is_right and dice.some(0.1):
            data = with_wrong_values(dice, data, 1)
        texts.append(Style(dice, plain=dice.some(0.7)).dump(data))
    if dice.some():
        texts = ["\n---\n".join(text.strip("\n") for text in texts) + "\n"]
    return texts, {}


def _credspec_files(dice: Dice) -> tuple[list[str], Files]:
    changes = 0 if dice.is_right else dice.choice((0, 1, 1, 2, 3))
    name = dice.choice(("webapp.json", "credspecs/webapp.json", "webapp.txt", "webapp.yaml"))
    entry: Data = {"file": name, "usedBy": used_by(dice), **({"name": "given"} if dice.some(0.2) else {})}
    spec: Data = {"admission": {"mode": dice.choice(("None", "Policy"))}, "credspecs": [entry]}
    if dice.some():
        spec["domains"] = [dict(DOMAINS[0])]
        spec["credspecs"].append({"account": dice.choice(("WebApp1", "Other"))})
    if spec["admission"]["mode"] == "Policy" and dice.some(0.5):
        spec["policy"] = {"acceptPrevious": [{"credspec": "gmsa-webapp1", "file": "previous.json"}]}
    if dice.some():
        spec["workloads"] = [workload_entry(dice)]
    files: Files = {
        name: credspec_bytes(dice, credspec_json(dice, changes), may_be_object=name.endswith(".txt")),
        "previous.json": credspec_bytes(dice, credspec_json(dice, dice.choice((0, 1))), may_be_object=False),
    }
    return [Style(dice, plain=True).dump(wrapped(spec))], files


_DERIVE: tuple[Data, ...] = (
    {},
    {"seedEnv": "NOTHING"},
    {"seedEnv": "SHORT"},
    {"seedEnv": "WEAK"},
    {"seedEnv": "FILE_SEED"},
    {"seedFile": "seed.txt"},
    {"seedFile": "short.txt"},
    {"seedFile": "nothing"},
    {"rotateEvery": "1h"},
    {"seedFile": "../x"},
    {"seedFile": "link"},
)


def _certificate_files(dice: Dice) -> tuple[list[str], Files]:
    material = dice.choice(materials()) if not dice.is_right else materials()[0]
    files: Files = {**material.files(), "link": Link("/etc/hostname")}
    sources: tuple[Data, ...] = (
        {"source": "Files"},
        {"source": "ExistingSecret", "existingSecret": {"name": "tls", "caBundleFile": "certs/ca.crt"}},
        {"source": "Derive", "derive": dice.choice(_DERIVE)},
        {"source": "Generate"},
    )
    webhook: Data = {"certificate": dice.choice(sources), **({"name": "other"} if dice.some(0.2) else {})}
    text = Style(dice, plain=True).dump(wrapped({"webhook": webhook}))
    return [text], {**files_named_in("seed.txt short.txt"), **files}


# Command lines

_WORDS = (
    *("render", "lint", "post-render", "patch", "argocd", "discover", "generate", "parameters", "schema", "install"),
    *(
        "kustomize",
        "helm",
        "import",
        "helm-values",
        "certs",
        "issue",
        "show",
        "explain",
        "help",
        "version",
        "gmsa.yaml",
        "web.yaml",
        ".",
    ),
    *(
        "-",
        "nothing",
        "Deployment/web",
        "Pod/x",
        "out",
        "json",
        "yaml",
        "text",
        "sarif",
        "x",
        "",
        "--",
        "-o",
        "--output",
    ),
    *("--format", "--config", "--namespace", "--log-file", "--chart-values", "--dir", "--release", "--name", "--force"),
    *(
        "who-can",
        "--service-account",
        "web/webapp1",
        "--since",
        "--fail-on-new",
        "markdown",
        "table",
        "--access-report",
    ),
    *("--chart", "init", "--host", "flux", "--domain", "contoso.com"),
    *("--exclude", "--strict", "**/*", "-n", "-q", "--quiet", "--into", "credspec", "completion", "bash", "__complete"),
    *(":", ":--", ":d", "=", "-o=json", "--name-references"),
    *("post.log", "---", "out/gmsa"),
    *("ad", "--account", "--user", "--password-file", "--ca", "--snapshot", "--ad", "ad.yaml"),
    *("doctor", "--in-pod", "--check", "--skip", "crd-not-served", "cluster", "--context", "--kubeconfig"),
    *("--valid-for", "--help", "-h", "--version", "--format=json", "-oout", "--config=gmsa.yaml", "--form", "8760h"),
    *(
        "web",
        "certs/ca.crt",
        "certs/tls.key",
        "link",
        "a\nb",
        "\udc80",
        "é",
        "x" * 5000,
        "/nowhere",
        "..",
        "@WORK@/gmsa.yaml",
    ),
    *("account-sid", "unknown-field", "%s", "{}", "9" * 5000 + "h", "1h", "Deployment.v1.apps/web", "@WORK@/x", "X/"),
)
_FRAMES = (
    *(
        "render gmsa.yaml --chart out",
        "render . --chart out/gmsa",
        "init new",
        "init --host helm",
        "init x --host flux",
    ),
    *("render gmsa.yaml", "render gmsa.yaml -o out", "lint .", "post-render --config gmsa.yaml", "argocd generate"),
    *(
        "patch --config gmsa.yaml Deployment/web",
        "schema",
        "schema --name-references --config gmsa.yaml",
        "install kustomize --dir p",
        "import helm-values web.yaml",
    ),
    *(
        "certs issue",
        "certs show certs/ca.crt",
        "certs show certs/tls.crt",
        "explain account-sid",
        "",
        "argocd discover",
        "install helm --dir p",
    ),
    *(
        "completion zsh",
        "__complete render :",
        "__complete :",
        "__complete patch :d",
        "render - -o json -q",
        "certs show -",
    ),
    *(
        "doctor gmsa.yaml",
        "doctor --check cluster -o json",
        "doctor - --skip workloads",
        "__complete doctor --check :c",
    ),
    *("import credspec - --into gmsa.yaml", "import credspec web.yaml --into -", "import helm-values -"),
)
_CONFIG = wrapped(
    {
        "domains": [DOMAINS[0]],
        "credspecs": [{"account": "WebApp1"}],
        "admission": {"mode": "None"},
        "workloads": [{"match": {"kinds": ["Deployment"]}, "credspec": "gmsa-webapp1", "serviceAccount": "webapp1"}],
    }
)
_WORKLOAD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: web\nspec:\n  template:\n    spec:\n"
    "      serviceAccountName: webapp1\n      containers:\n      - name: iis\n        image: iis:1\n"
)


def arguments(dice: Dice) -> Call:
    """Command lines, right and wrong; `certs show` on all kinds of certificates."""
    words = dice.choice(_FRAMES).split()
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        how, at = dice.randrange(4), dice.randrange(len(words) or 1)
        if how == 0 and words:
            del words[at]
        elif how == 1 and words:
            words[at] = dice.choice(_WORDS)
        elif how == 2:
            dice.shuffle(words)
        else:
            words.insert(at, dice.choice(_WORDS))
    config = Style(dice, plain=True).dump(_CONFIG).encode()
    files: Files = {"gmsa.yaml": config, "web.yaml": _WORKLOAD.encode(), **dice.choice(materials()).files()}
    files["link"] = Link(dice.choice(("gmsa.yaml", "nothing", "link", "/etc/hostname", "@WORK@")))
    variables = {**VARIABLES, **({"KUSTOMIZE_PLUGIN_CONFIG_STRING": "x"} if dice.some(0.05) else {})}
    return Call(
        tuple(word.replace("\0", "") for word in words),
        dice.choice((b"", _WORKLOAD.encode(), config)),
        files,
        variables,
        dice.choice(("gmsa-krm",) * 9 + ("GMSAConfig",)),
    )


# Argo CD

_ENVIRONMENTS = (
    "webhook:\n  replicas: 3\n",
    "webhook: {nodeSelector: {kubernetes.io/arch: arm64}}\ncredspecs[0].usedBy: []\n",
    "domains[0].sid: S-1-5-21-1-2-3\ndomains[0]:\n  dnsName: west.contoso.com\n",
    "domains[9].sid: S-1-5-21-1-2-3\n",
    "credspecs[0].hostAccount:\n  plugin: Rancher\n  input: a:b\nadmission: {mode: None}\n",
    "webhook: {replicas: many, unknown: 1}\n",
    "webhook.replicas: 2\nwebhook: {replicas: 3}\n",
    *("a b: c\n", "a: 1\na: 2\n", "[]\n", "", "text\n", "a: [\n", "apiVersion: x\nkind: y\n"),
    "spec.webhook.replicas: 4\nspec: {webhook: {qps: 9}}\n",
    'webhook.nodeSelector["example.com/pool"]: "yes"\nkubeVersion: "1.29"\n',
    *("webhook: {}\n", "webhook: null\ncrd: {install: false}\n", "workloads: []\nexistingCredspecs: [gmsa-existing]\n"),
    "a: &a [1, 2]\nb: &b [*a, *a]\nwebhook: {tolerations: *b}\n",
    "webhook: &w {replicas: 3}\nspec: {<<: *w}\n",
    "domains[99999999999999999999].sid: x\n",
)
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("webhook.replicas", ("3", "many", "0", "", "9" * 5000)),
    ("domains[0].sid", ("S-1-5-21-9-8-7", "S-1-5-21-9-8-7-500")),
    ("domains[0].dnsName", ("x.contoso.com", "X")),
    ("credspecs[0].account", ("Other1", "x$")),
    ("credspecs[5].account", ("a",)),
    ("credspecs[0].usedBy", ("FromWorkloads", "[{namespace: web, serviceAccounts: ['*']}]", "[", "[]")),
    ("admission.mode", ("None", "Policy", "Nothing")),
    ("crd.install", ("false", "no", "true")),
    ("webhook.nodeSelector", ("{pool: a}", "{pool: NO}", "x")),
    ('webhook.nodeSelector["example.com/a"]', ("b", "{}")),
    ("webhook.certificate.source", ("CertManager", "Generate")),
    ("kubeVersion", ("1.34", "1.2.3.4", "null")),
    ("second/webhook.replicas", ("3",)),
    ("nothing/webhook.replicas", ("3",)),
    ("contoso/domains[0].netBiosName", ("NO", "'NO'", '"OTHER"')),
    ("spec.webhook.qps", ("7",)),
    ("webhook..x", ("1",)),
    ("", ("1",)),
    ("webhook", ("{}", "null", "text")),
    ("credspecs[0].hostAccount.plugin", ("{859E1386-BDB4-49E8-85C7-3070B13920E1}", "AWS")),
    ("unknown", ("1",)),
    ("domains[999999999999999999999999].sid", ("x",)),
    ("a\nb", ("1\n---\nkind: Pod",)),
)
_STRINGS: dict[str, tuple[str, ...]] = {
    "environment": ("east", "west", "east", "nothing", "../x", "", "a b"),
    "certificate-source": ("CertManager", "Derive", "ExistingSecret", "Files", "Generate", "x", ""),
    "strict": ("true", "false", "", "x"),
    "helm-release": ("other", "--post-renderer", "A", "", "x" * 60),
}
_EXTRA: dict[str, File] = {
    "x.jsonnet": b"{}",
    "values.yaml": b"# of a chart\nreplicas: 1\n",
    "list.yaml": b"- a\n---\n- b\n",
    "text.yml": b"\xff\xfea\0",
    "Chart.yaml": b"name: x\nversion: 1.0.0\napiVersion: v2\n",
    "kustomization.yaml": b"resources: [gmsa.yaml]\n",
    ".hidden.yaml": b"resources: [gmsa.yaml]\n",
    "link.yaml": Link("/etc/hostname"),
    "skipped.yaml": b"# +argocd:skip-file-rendering\na: [\n",
    "sub/web.yaml": _WORKLOAD.encode(),
    "bad\udc80name.yaml": _WORKLOAD.encode(),
}


def argocd(dice: Dice) -> Call:
    """Folders of manifests with parameters and environments, as Argo CD's plugin gets them."""
    data = gmsa_config(dice, dice.choice(("None", "Webhook", "Policy")), small=True)
    if data["spec"]["admission"]["mode"] == "Webhook":
        source = dice.choice(("CertManager",) * 4 + ("Derive", "Generate"))
        data["spec"].setdefault("webhook", {})["certificate"] = {"source": source}
    if not dice.is_right:
        data = with_wrong_values(dice, data, dice.choice((0, 0, 1)))
    config = Style(dice, plain=dice.some(0.7)).dump(data)
    files: Files = {**files_named_in(config, "Files"), "gmsa.yaml": _utf8(config)}
    if dice.some(0.7):
        texts = _with_mistakes(dice, _texts(dice, in_lists(dice, _objects(dice, 3, 0.3))))
        files["web.yaml"] = _utf8(_stream(dice, texts))
    if dice.some(0.2):
        second = Style(dice, plain=True).dump(gmsa_config(dice, "None", small=True, name="second"))
        files["second.json" if dice.some() else "second.yml"] = _utf8(second)
    files |= {f"environments/{name}.yaml": dice.choice(_ENVIRONMENTS).encode() for name in ("east", "west")}
    if dice.some(0.3):
        name = dice.choice(list(_EXTRA))
        files[name] = _EXTRA[name]
    elif dice.some(0.2):
        files |= _kustomization(dice)
    return _as_application(dice, files)


_CHART: Data = {"name": "web", "releaseName": "web", "additionalValuesFiles": ["web.yaml"], "version": "1", "repo": "x"}
_GENERATOR: Data = {"apiVersion": "builtin", "kind": "HelmChartInflationGenerator", "metadata": {"name": "a"}, **_CHART}
_FIELDS_OF_KUSTOMIZATION: Data = {
    "resources": ["web.yaml", "sub"],
    "generators": ["gmsa.yaml", "chart.yaml"],
    "transformers": ["gmsa.yaml", "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: a}\nprefix: a-\n"],
    "components": ["sub"],
    "helmCharts": [_CHART],
    "helmGlobals": {"chartHome": "charts"},
    "configMapGenerator": [{"name": "a", "files": ["a=web.yaml"], "envs": ["a.env"]}],
    "patches": [{"path": "web.yaml"}, {"patch": "kind: Pod"}],
    "configurations": ["web.yaml"],
    "openapi": {"path": "web.yaml"},
}


def _kustomization(dice: Dice) -> Files:
    """A kustomization of the application, right and wrong, with a generator of kustomize's own."""
    fields = dice.sample(list(_FIELDS_OF_KUSTOMIZATION), dice.randint(1, 4))
    data: Data = copied({key: _FIELDS_OF_KUSTOMIZATION[key] for key in ("generators", *fields)})
    listed: Data = {"apiVersion": "v1", "kind": "List", "items": [copied(_GENERATOR)]}
    chart = listed if dice.some(0.3) else copied(_GENERATOR)
    if dice.some(0.7):
        data, chart = with_wrong_values(dice, data, dice.choice((0, 1, 2))), with_wrong_values(dice, chart, 1)
    return {"kustomization.yaml": _utf8(Style(dice).dump(data)), "chart.yaml": _utf8(Style(dice).dump(chart))}


def _as_application(dice: Dice, files: Files) -> Call:
    variables = {**VARIABLES, **ARGOCD, "KUBE_VERSION": dice.pick(("1.34", ""), (*KUBE_VERSIONS, "x"))}
    if dice.some(0.6):
        variables["ARGOCD_APP_PARAMETERS"] = _parameters(dice)
    if dice.some(0.1):
        variables[f"ARGOCD_ENV_{dice.choice(('A', 'environment', 'HELM_VALUES', 'é', ''))}"] = dice.choice(("a", ""))
    if dice.some(0.5):
        variables["GMSA_KRM_ENABLE_HELM"] = "true"
    for key in ("ARGOCD_APP_NAMESPACE", "ARGOCD_APP_NAME", "KUBE_VERSION"):
        if dice.some(0.08):
            variables.pop(key, None)
    folder = dice.choice(("", "apps/web"))
    if folder:
        variables["ARGOCD_APP_SOURCE_PATH"] = dice.choice((folder, "./apps/web/", "other"))
    verb = "generate" if dice.some(0.85) else "discover"
    in_folder = {f"{folder}/{name}" if folder else name: file for name, file in files.items()}
    return Call(("argocd", verb), b"", in_folder, variables, folder=folder)


_NO_PARAMETERS = (
    *("null", "[]", "{}", "", "x", "[1]", "[null]", "[{}]", '[{"name": 1}]', '[{"name": ""}]', "[" * 5000),
    *('[{"name": "config", "map": {"a": 1e999}}]', '[{"name": "a", "name": "b"}]', "[" + "9" * 5000 + "]"),
)


def _parameters(dice: Dice) -> str:
    """ARGOCD_APP_PARAMETERS, right and wrong."""
    if dice.some(0.07):
        return dice.choice(_NO_PARAMETERS)
    names = (
        *("environment", "config", "config", "certificate-source", "strict"),
        *("helm-release", "helm-values", "helm-value-files"),
    )
    entries = []
    for name in dice.sample((*names, "unknown"), dice.randint(1, 3)):
        entry: Data = {"name": name}
        if name in _STRINGS:
            entry["string"] = dice.choice(_STRINGS[name])
        elif name == "config":
            entry["map"] = {key: dice.choice(values) for key, values in dice.sample(_FIELDS, dice.randint(1, 3))}
        elif name == "helm-values":
            entry["map"] = dice.choice(({"a.b": "c"}, {}, {"a=b": "c"}, {"": "x"}))
        else:
            entry["array"] = dice.choice(([], ["values.yaml"], ["../x", "a,b"]))
        if dice.some(0.1):
            odd = ("x", ["x"], {"x": "y"}, 1, None, [1], {"a": 1}, "a\ud800")
            entry[dice.choice(("string", "array", "map"))] = dice.choice(odd)
        entries.append(entry)
    return json.dumps(entries)


# Values of upstream's chart

_JOIN: Data = {
    "credential": {
        "enabled": True,
        "domainJoinConfig": {
            "dnsName": "contoso.com",
            "dnsTreeName": "contoso.com",
            "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
            "machineAccountName": "WebApp1",
            "netBiosName": "CONTOSO",
            "sid": "S-1-5-21-2126449477-2524075714-3094792973",
        },
    }
}
_VALUES: dict[str, tuple[Any, ...]] = {
    "hostAccountConfig": (
        {
            "pluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}",
            "pluginInput": "ObjectId=11111111-2222-3333-4444-555555555555;SecretUri=https://x.vault.azure.net/secrets/a",
            "portableCcgVersion": "1",
        },
        {"pluginGUID": "e4781092-f116-4b79-b55e-28eb6a224e26", "pluginInput": "a:b", "portableCcgVersion": 1},
        {"PluginGUID": "859e1386-BDB4-49E8-85C7-3070B13920E1", "PluginInput": '{"credentialArn":"x"}'},
        *("x", [1], {"pluginGUID": [1]}, {"pluginInput": {}}),
    ),
    "certificates": (
        {"certManager": {"enabled": True, "version": "v1"}, "secretName": "mine"},
        {"certManager": {"enabled": False}, "secretName": "mine", "caBundle": "LS0t"},
        {"certReload": {"enabled": True}, "certManager": {"version": "v0.11.0"}},
        *(
            {"certManager": []},
            {"certReload": None},
            {"secretName": 1},
            {"secretName": {}, "caBundle": []},
            "yes",
            None,
        ),
    ),
    "image": (
        {"repository": "registry.example.com/webhook", "tag": "v0.14.1", "imagePullPolicy": "Always"},
        *({"tag": "v0.8.0"}, {"tag": 20260901}, {"repository": "k8s.gcr.io/a"}, {"pullPolicy": "Always"}),
        *({"repository": ["x"], "tag": {}}, {"tag": 1.5}, {"repository": None}, "x", [1]),
    ),
    "global": ({"systemDefaultRegistry": "mirror.example.com"}, {"systemDefaultRegistry": ["x"]}, None, {}, []),
    "replicaCount": (3, "3", "many", 0, -1, 1.5, [], True, "²", "30.0", "9" * 5000),
    "qps": (30.0, "30.0", -1, "²", "1e3", None, {}, "9" * 5000, ".0"),
    "burst": (50, "1_000", "٣", True, [1]),
    "randomHostname": (True, "maybe", None, 1),
    "containerPort": ("443", 443, 8443, [], {}),
    "setPodOs": (True, False, "x"),
    "viewerRole": (True, False, "false", [1], None),
    "nodeselector": ({}, {"pool": "1"}, None, [1]),
    "USER-SUPPLIED VALUES": (None, {}, "x"),
    "kind": ("Deployment", None, []),
    "apiVersion": ("v2", 1),
    "affinity": ({"podAntiAffinity": {}}, [], "x", {"a": [None]}),
    "nodeSelector": ({"pool": "1"}, "text", {"a": {}}, {"a": None}),
    "tolerations": ([{"key": "a", "operator": "Exists"}], {}, [[]], ["x"]),
    "podDisruptionBudget": (
        {"enabled": True, "minAvailable": 1},
        *({"enabled": True}, {"enabled": True, "minAvailable": 1, "maxUnavailable": "50%"}, {"enabled": "x"}, []),
    ),
    "podSecurityContext": ({"runAsNonRoot": True}, {}, "x"),
    "securityContext": ({"runAsUser": 1}, []),
    "unknown": ({"a": "b"}, None),
}


def values(dice: Dice) -> Call:
    """Values files of upstream's chart through `import helm-values`."""
    data: Data = copied(_JOIN) if dice.some(0.6) else {}
    for key in dice.few(list(_VALUES), 0, 4):
        holder = data["credential"] if key == "hostAccountConfig" and "credential" in data else data
        holder[key] = _VALUES[key][0] if dice.is_right else dice.choice(_VALUES[key])
    join = data.get("credential", {}).get("domainJoinConfig")
    if join and not dice.is_right and dice.some(0.4):
        key = dice.choice(list(join))
        join[key] = dice.choice((*WRONG["sid"], *WRONG["dnsName"], *WRONG["account"], 1, None, [], {}))
    if not dice.is_right and dice.some():
        data = with_wrong_values(dice, data, 1)
    text = Style(dice).dump(data) if data else dice.choice(("", "# nothing\n", "{}\n", "[]\n", "text\n", "a: [\n"))
    if not dice.is_right and dice.some(0.4):
        text = with_mistakes(dice, text, dice.randint(1, 2))
    upstream = ("--release", "web", "--namespace", "gmsa")
    names = dice.pick(((), upstream), (("--release", "A b"), ("--namespace", "x\ny")))
    return Call(("import", "helm-values", "values.yaml", *names), b"", {"values.yaml": _utf8(text)})


def credspecs(dice: Dice) -> Call:
    """Files with credential specs through `import credspec`."""
    files: Files = {}
    for name in ("a.json", "b.yaml", "c.txt")[: dice.randint(1, 3)]:
        changes = 0 if dice.is_right else dice.choice((0, 0, 1, 2))
        files[name] = credspec_bytes(dice, credspec_json(dice, changes))
    if dice.some(0.3):
        objects = [credspec_object(dice, dice.choice((0, 0, 1))) for _ in range(dice.randint(1, 3))]
        files["all.yaml"] = _utf8(_stream(dice, _texts(dice, in_lists(dice, [*objects, foreign_object(dice)]))))
    into: tuple[str, ...] = ()
    if dice.some(0.5):
        into = ("--into", "gmsa.yaml")
        config = _one_config(dice)[0][0] if dice.some(0.5) else Style(dice).dump(_small_config(dice))
        given = {**files, "gmsa.yaml": _utf8(config)}
        return Call(("import", "credspec", *files, *into), b"", given)
    return Call(("import", "credspec", *files), b"", files)


# Spellings

_READERS_CONFIG = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata: {name: contoso}
spec:
  admission: {mode: None}
  crd: {install: false}
  webhook: {certificate: {source: CertManager}}
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  credspecs:
  - account: WebApp1
    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]
"""
_READERS_ENTRY = """\
  workloads:
  - match: {names: [web], namespaces: [web]}
    credspec: gmsa-webapp1
    serviceAccount: webapp1
    containers: [iis]
    netlogonRestart: {}
"""


def readers(dice: Dice) -> Call:
    """Streams that YAML's readers may take in different ways, through `post-render` and `render`."""
    config = _READERS_CONFIG + (_READERS_ENTRY if dice.some(0.6) else "")
    reference = dice.choice(("gmsa-unknown", "gmsa-webapp1"))
    if dice.some(0.6):
        texts = [odd_document(dice, reference) for _ in range(dice.choice((1, 1, 1, 2)))]
        stream = "---\n".join(texts)
    else:
        stream = odd_stream(dice, reference)
    files: Files = {"gmsa.yaml": _utf8(config)}
    if dice.some(0.2):
        return Call(("render", "gmsa.yaml", "web.yaml"), b"", {**files, "web.yaml": _utf8(stream)})
    arguments = ("post-render", "--config", "gmsa.yaml", *dice.choice(((), ("--namespace", "web"))))
    return Call(arguments, _utf8(stream), files)


def _directory_account(dice: Dice) -> Data:
    account: Data = {
        "account": dice.choice(("WebApp1", "web 2", "no", "Ünïcode", "x" * 20)),
        "domain": dice.choice(("contoso.com", "contoso.com", "emea.contoso.com")),
        "kind": dice.choice(("GroupManagedServiceAccount",) * 3 + ("ManagedServiceAccount", "User")),
    }
    for key, values in {
        "sid": ("S-1-5-21-1-2-3-1106", "x", None),
        "enabled": (True, False, "no"),
        "servicePrincipalNames": ([], ["http/a", "~"], "http/a"),
        "passwordReaders": ([], [{"name": "G", "kind": "Group"}], [{"name": "G"}], {}),
        "hosts": ([], ["*"], ["NODE1", "EMEA\\NODE3"], [1]),
        "otherReaders": ([], ["svc"], ["CN=a,DC=b"], "x"),
        "encryptionTypes": (["RC4"], ["AES256"], "RC4"),
        "delegatesTo": ([], ["ldap/a", "/", ""], {}),
        "trustedForDelegation": (True, False, "no"),
        "trustedToAuthForDelegation": (True, False, 1),
        "passwordIntervalDays": (30, 9999, -1, "30"),
    }.items():
        if dice.some():
            account[key] = dice.choice(values[:2] if dice.is_right else values)
    return account


def _powershell(dice: Dice) -> Any:
    domain: Data = {
        "DNSRoot": "contoso.com",
        "NetBIOSName": dice.choice(("CONTOSO", "", 1)),
        "ObjectGUID": dice.choice(("244818ae-87ac-4fcd-92ec-e79e5252348a", "x")),
        "DomainSID": dice.choice(("S-1-5-21-1-2-3", {"Value": "S-1-5-21-1-2-3"}, {}, None)),
        "Forest": dice.choice(("contoso.com", "", None)),
    }
    account: Data = {
        "SamAccountName": dice.choice(("WebApp1$", "web", "", None, 1)),
        "DistinguishedName": dice.choice(("CN=WebApp1,DC=contoso,DC=com", "DC=", "", [])),
        "ObjectClass": dice.choice(("msDS-GroupManagedServiceAccount", ["user"], {}, None)),
        "ServicePrincipalNames": dice.choice((["http/a"], "http/a http/b", {"Value": [1]}, [[]])),
        "KerberosEncryptionType": dice.choice(([28], "RC4, AES128", {}, "x" * 100)),
        "PrincipalsAllowedToRetrieveManagedPassword": dice.choice(([], ["CN=a\\,b,DC=c"], "CN=a,DC=c CN=b,DC=c", 1)),
    }
    return dice.choice(([domain, account], {"a": domain, "b": [account]}, [account], domain, [], 1))


def active_directory(dice: Dice) -> Call:
    """Snapshots and PowerShell's JSON through `import ad`, and snapshots through `lint --ad`."""
    domains = [
        {
            "dnsName": it,
            "netBiosName": it.partition(".")[0].upper(),
            "guid": f"244818ae-87ac-4fcd-92ec-{index:012}",
            "sid": f"S-1-5-21-1-2-{index}",
        }
        for index, it in enumerate(("contoso.com", "emea.contoso.com")[: dice.randint(1, 2)])
    ]
    data: Data = {
        "apiVersion": "gmsa-krm.dev/v1alpha1",
        "kind": "ActiveDirectorySnapshot",
        "metadata": {"name": "contoso.com"},
        "spec": {"domains": domains, "accounts": [_directory_account(dice) for _ in range(dice.randint(0, 3))]},
    }
    if not dice.is_right and dice.some(0.4):
        data["spec"] = with_wrong_values(dice, data["spec"], 1)
    text = Style(dice).dump(data)
    if not dice.is_right and dice.some(0.3):
        text = with_mistakes(dice, text, dice.randint(1, 2))
    files: Files = {"ad.yaml": _utf8(text)}
    if dice.some(0.4):
        texts = [json.dumps(_powershell(dice)) for _ in range(dice.randint(1, 2))]
        cut = dice.randint(1, 60) if dice.some(0.1) else None
        files["ad.json"] = "\r\n".join(texts).encode(dice.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le")))[:cut]
    names = dice.choice(((), (), ("--account", "WebApp1"), ("--account", "web*"), ("--account", "nobody")))
    read = ("ad.yaml",) if "ad.json" not in files else dice.choice((("ad.json",), ("ad.yaml", "ad.json")))
    if dice.some(0.6):
        config = _small_config(dice)
        if dice.some(0.3) and isinstance(config.get("spec"), dict):
            config["spec"]["activeDirectory"] = {"snapshot": "ad.yaml"}
        files["gmsa.yaml"] = _utf8(Style(dice).dump(config))
        if dice.some(0.5):
            files["web.yaml"] = _utf8(_stream(dice, _texts(dice, in_lists(dice, _objects(dice, 3, 0.3)))))
            return Call(("lint", ".", *dice.choice((("--ad", read[0]), ("--ad", "ad.yaml"), ()))), b"", files)
        return Call(("import", "ad", *read, *names, "--into", "gmsa.yaml"), b"", files)
    return Call(("import", "ad", *read, *names), b"", files)


def _pods_and_policy(dice: Dice) -> Iterator[Data]:
    options = {"gmsaCredentialSpecName": dice.choice(("gmsa-webapp1", "gmsa-other", "*"))}
    if dice.some(0.3):
        options["gmsaCredentialSpec"] = dice.choice(("{}", "[", '{"DomainJoinConfig": {"MachineAccountName": "a"}}'))
    pod = {"serviceAccountName": dice.choice(("webapp1", "default")), "securityContext": {"windowsOptions": options}}
    place = {"name": "iis", "namespace": dice.choice(NAMESPACES)}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": place, "spec": {**pod, "containers": []}}
    admission, policy = "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"
    table = dice.choice(("{\n'gmsa-webapp1': ['{}', 'a\\u2028\\'']\n}", "{\n'gmsa-webapp1': ['{}'", "{'a': ['b']}"))
    if dice.some(0.4):
        asks = {"expression": "authorizer.group('').resource('gmsacredentialspecs').check('use').allowed()"}
        spec = {"variables": [{"name": "approved0", "expression": table}], "validations": [asks]}
        yield {"apiVersion": admission, "kind": policy, "metadata": {"name": "gmsa"}, "spec": spec}
        bound = {"policyName": "gmsa", "validationActions": ["Deny"]}
        yield {"apiVersion": admission, "kind": f"{policy}Binding", "metadata": {"name": "gmsa"}, "spec": bound}


# How `who-can` shows who may become which account.
_PICTURES = ("table", "json", "markdown", "html", "svg", "dot", "mermaid", "opengraph")


def access(dice: Dice) -> Call:
    """RBAC, what checks pods, workloads and a snapshot through `who-can`, as manifests or as kubectl prints them."""
    group = "rbac.authorization.k8s.io"
    names = ("use-a", "all", "admin", "missing")
    rule = {
        "apiGroups": dice.choice((["windows.k8s.io"], ["*"], [""])),
        "resources": dice.choice(
            (
                *(["gmsacredentialspecs"], ["*"], ["namespaces"], ["rolebindings", "clusterroles"]),
                *(
                    ["pods", "deployments", "pods/exec"],
                    ["users", "groups"],
                    ["serviceaccounts", "serviceaccounts/token"],
                ),
            )
        ),
        "resourceNames": dice.choice(([], ["gmsa-webapp1"], ["*"], ["webapp1", "jane", "people"])),
        "verbs": dice.choice((["use"], ["*"], ["update", "create"], ["bind", "escalate", "patch"], ["impersonate"])),
    }
    selector = {"matchLabels": {"to": "x"}, "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}
    subjects = [
        {"kind": "ServiceAccount", "name": "webapp1", "namespace": dice.choice(NAMESPACES)},
        {"kind": "Group", "name": dice.choice(("system:authenticated", "system:serviceaccounts:web", "people"))},
        {"kind": "User", "name": dice.choice(("jane", "system:serviceaccount:web:webapp1"))},
    ]
    webhook = {"name": "admission-webhook.windows-gmsa.sigs.k8s.io", "namespaceSelector": selector}
    objects: list[Data] = [
        {"kind": "ClusterRole", "metadata": {"name": dice.choice(names), "labels": {"to": "x"}}, "rules": [rule]},
        {"kind": "ClusterRole", "metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [selector]}},
        {"kind": "Role", "metadata": {"name": "use-a", "namespace": "web"}, "rules": [rule]},
        {"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "web"}, "subjects": subjects},
        {"kind": "ClusterRoleBinding", "metadata": {"name": "c"}, "subjects": subjects[:1]},
    ]
    for it in objects:
        it["apiVersion"] = f"{group}/v1"
        if it["kind"].endswith("Binding"):
            it["roleRef"] = {"apiGroup": group, "kind": "ClusterRole", "name": dice.choice((*names, "sum"))}
    admission = "admissionregistration.k8s.io/v1"
    configuration: Data = {"kind": "ValidatingWebhookConfiguration", "webhooks": [webhook]}
    objects += [
        {"apiVersion": admission, "metadata": {"name": "gmsa-webhook"}, **configuration},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", "labels": {"to": "x"}}},
        *_pods_and_policy(dice),
    ]
    if not dice.is_right:
        objects = [with_wrong_values(dice, it, 1) if dice.some(0.3) else it for it in objects]
    if dice.some(0.4):
        objects = [{"apiVersion": "v1", "kind": "List", "metadata": {"uid": "x"}, "items": objects}]
    files: Files = {"rbac.yaml": _utf8(_stream(dice, _texts(dice, objects)))}
    if dice.some(0.4):
        files["gmsa.yaml"] = _utf8(Style(dice).dump(_small_config(dice)))
    if dice.some(0.3):
        readers = [{"name": "Everyone", "kind": "WellKnown", "sid": dice.choice(("S-1-1-0", "S-1-5-11", None))}]
        account = {
            "account": "WebApp1",
            "domain": "contoso.com",
            "kind": dice.choice(("User", "GroupManagedServiceAccount")),
        }
        called = {"dnsName": "contoso.com", "netBiosName": "CONTOSO", "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a"}
        domain = {**called, "sid": "S-1-5-21-2126449477-2524075714-3094792973"}
        spec = {"domains": [domain], "accounts": [{**account, "passwordReaders": readers}]}
        snapshot = {"kind": "ActiveDirectorySnapshot", "metadata": {"name": "x"}, "spec": spec}
        files["ad.yaml"] = _utf8(Style(dice).dump({"apiVersion": "gmsa-krm.dev/v1alpha1", **snapshot}))
    since = '{"kind": "AccessReport", "nodes": [], "edges": []}'
    files["access.json"] = _utf8(since if dice.is_right or dice.some(0.8) else since[: dice.randint(0, 40)])
    paths = [it for it in files if it.endswith(".yaml")]
    more = dice.choice(
        ((), (), ("--since", "access.json"), ("--namespace", "web"), ("--service-account", "web/webapp1"))
    )
    return Call(("who-can", *paths, "--format", dice.choice(_PICTURES), *more), b"", files)


Target = Callable[[Dice], Call]
TARGETS: dict[str, Target] = {
    "helm3": helm3,
    "helm4": helm4,
    "resource-lists": resource_lists,
    "configs": configs,
    "arguments": arguments,
    "argocd": argocd,
    "values": values,
    "credspecs": credspecs,
    "readers": readers,
    "active-directory": active_directory,
    "access": access,
}


def make_call(target: str, seed: int, number: int) -> Call:
    """The call of a number: the same for the same seed, on every machine."""
    return TARGETS[target](Dice(f"{seed}:{target}:{number}"))
