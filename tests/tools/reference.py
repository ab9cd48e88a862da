"""Writes what the documentation has from the program and from BENCHMARKS.md: `python tests/tools/reference.py`.

`make schema` and `make docs` call it. tests/docs/test_reference.py fails where a page is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gmsa_krm.apply_order import _RANKS, EMITTED, EMITTED_KINDS
from gmsa_krm.config.model import GMSAConfig
from gmsa_krm.findings.rules import LIVE_RULES, RULES, Rule
from gmsa_krm.usage import program_parser

# Of fields that no example sets.
_MORE_EXAMPLES: dict[str, Any] = {
    "credspecs[].diagnostics.tolerations": [{"key": "os", "value": "windows", "effect": "NoSchedule"}],
    "webhook.certificate.derive.seedFile": "seed.txt",
    "webhook.certificate.files": {"ca": "certs/ca.crt", "cert": "certs/tls.crt", "key": "certs/tls.key"},
    "webhook.certificate.certManager": {"issuerRef": {"name": "company-ca", "kind": "ClusterIssuer"}},
    "webhook.certificate.certManager.issuerRef": {"name": "company-ca", "kind": "ClusterIssuer"},
    "webhook.certificate.certManager.issuerRef.name": "company-ca",
    "workloads[].match[].namespaces": ["web"],
    "nodes": {"smbCompartmentNamespace": True},
    "nodes.tolerations": [{"key": "os", "value": "windows", "effect": "NoSchedule"}],
}

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
_GENERATED = "<!-- make schema writes this page -->\n\n"


def pages() -> dict[str, str]:
    """{a page in docs: its text}."""
    made = {"config": config(), "commands": commands(), "rules": rules(), "output": output()}
    generated = {
        f"reference/{name}.md": _GENERATED + re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"
        for name, text in made.items()
    }
    modes = "concepts/admission-modes.md"
    return {**generated, modes: with_costs((DOCS / modes).read_text())}


# What admission costs

_COSTS_BEGIN, _COSTS_END = "<!-- costs: written by make schema -->\n", "<!-- end of costs -->\n"
# {a row of BENCHMARKS.md: how the page names it}
_COSTS = {
    "nothing installed": "nothing",
    "mode Webhook, a build of the real webhook": "mode `Webhook`, the real webhook",
    "mode Policy, 2 credential specs": "mode `Policy`, 2 credential specs",
    "mode Policy, 2,000 credential specs": "mode `Policy`, 2,000 credential specs",
    "`expand`, 2 credential specs": "mode `Policy` with `expand`, 2",
    "`expand`, 2,000 credential specs": "mode `Policy` with `expand`, 2,000",
}


def with_costs(text: str) -> str:
    """A page with the measured figures of admission, between its two comments."""
    head, _, rest = text.partition(_COSTS_BEGIN)
    _, end, tail = rest.partition(_COSTS_END)
    assert end, "the page has no place for the costs"
    cells = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in (ROOT / "BENCHMARKS.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    header = next(row for row in cells if row[:2] == ["installed", "gMSA pods/s"])
    gmsa, other = header.index("p50"), header.index("without gMSA, p50")
    measured = {row[0]: row for row in cells}
    rows = [f"| {name} | {measured[row][gmsa]} | {measured[row][other]} |\n" for row, name in _COSTS.items()]
    table = "| installed | median for a gMSA pod | median for any other pod |\n|---|---|---|\n" + "".join(rows)
    return head + _COSTS_BEGIN + "\n" + table + "\n" + _COSTS_END + tail


# The fields of GMSAConfig


def config() -> str:
    """A section per field."""
    schema = GMSAConfig.schema()
    spec = schema["properties"]["spec"]
    parts = [
        """\
# GMSAConfig

One object describes a gMSA set-up: `apiVersion: gmsa-krm.dev/v1alpha1`, `kind: GMSAConfig`. A `metadata.name` is
required. All other fields are below `spec`. Unknown fields are errors.

`gmsa-krm schema` prints the JSON Schema. Editors with a YAML language server complete and check the fields if the file
starts with this line:

```yaml
# yaml-language-server: $schema=../gmsaconfig.schema.json
```

Keep the schema outside the folder of your manifests: `render` and Argo CD read a whole folder, and refuse JSON that is not a Kubernetes
object.

Paths of files are relative to the folder of the config. They cannot leave it: `..`, absolute paths and symbolic links to
the outside are errors. When a host passes only the text of a config, paths are relative to the working directory.

`[]` in the name of a field means an entry of a list.
"""
    ]
    examples = _examples()
    parts += [_field(*it, examples) for it in _fields(spec, "")]
    return "\n".join(parts)


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """(path, schema, whether it is required) of each field with a description, in the order of the declarations."""
    for key, value in schema.get("properties", {}).items():
        if "description" not in value:
            continue  # fields of the Kubernetes API
        here = f"{path}.{key}" if path else key
        yield here, value, key in schema.get("required", ())
        lists = [it for it in value.get("anyOf", [value]) if it.get("type") == "array"]
        if lists:
            yield from _fields(lists[0]["items"], f"{here}[]")
        else:
            yield from _fields(value, here)


def _field(path: str, schema: dict[str, Any], required: bool, examples: dict[str, Any]) -> str:
    depth = path.count(".")
    facts = [_type(schema)]
    if required:
        facts.append("required")
    elif "default" in schema and schema["default"] is not None:
        facts.append(f"default {_code(schema['default'])}")
    lines = [
        f"{'#' * (2 if depth == 0 else 3)} {path}",
        "",
        "*" + ", ".join(facts) + "*",
        "",
        _text(schema["description"]),
    ]
    text = yaml.safe_dump({path.rpartition(".")[2]: examples[path]}, sort_keys=False, width=100)
    lines += ["", "```yaml", text.rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _examples() -> dict[str, Any]:
    """{path of a field: a value}: those of the schema, else the first one of the configs that the tests run."""
    found = dict(_MORE_EXAMPLES)
    for path in sorted([*ROOT.glob("kustomize/*/gmsa.yaml"), *ROOT.glob("tests/cases/*/gmsa.yaml")]):
        for document in yaml.safe_load_all(path.read_text()):
            if document and document.get("kind") == "GMSAConfig":
                _collect(document["spec"], "", found)
    for rule in RULES:
        if rule.good.startswith("spec:") and "\n$ " not in rule.good:
            _collect(yaml.safe_load(rule.good)["spec"], "", found)
    for field, schema, _ in _fields(GMSAConfig.schema()["properties"]["spec"], ""):
        for example in _of_schema(schema, field in found):
            found[field] = example
    return found


def _of_schema(schema: dict[str, Any], is_found: bool) -> list[Any]:
    """The example that a schema has or allows; `is_found`: there is one in a config, which is as good as any value."""
    if "examples" in schema:
        return [schema["examples"][0]]
    if "enum" in schema:
        return [it for it in schema["enum"] if it != schema.get("default")][:1] or schema["enum"]
    if is_found or schema.get("default") in (None, [], {}):
        return []
    return [not schema["default"] if schema["type"] == "boolean" else schema["default"]]


def _collect(data: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            here = f"{path}.{key}" if path else key
            if not isinstance(value, (dict, list)) or here not in found:
                found.setdefault(here, value)
            _collect(value, here, found)
    elif isinstance(data, list):
        for value in data:
            _collect(value, f"{path}[]", found)


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}s"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(kinds)


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _text(text: str) -> str:
    """As Markdown text."""
    return re.sub(r"([\\|<*`\[])", r"\\\1", text)


# The commands


def commands() -> str:
    parts = [
        """\
# Commands

`gmsa-krm` without arguments is a KRM function: it reads a ResourceList on stdin and writes one to stdout. All else is a
command. `gmsa-krm help COMMAND` prints what this page says.

Messages go to stderr. [Exit statuses](exit-status.md) tell wrong input from a wrong command line.

Options have the habits of kubectl and helm:

- `-o` is the output format. For `render`, a value other than `yaml` and `json` is a folder; write `-o ./json` for a folder of
  that name. `--format` is the same, without the folder.
- `-n` is `--namespace`. `-q` prints no warnings and no summary, unless the run fails.
- `-` in place of a file is stdin, once in a command.

`gmsa-krm completion bash|zsh|fish|powershell` prints a script that completes commands, options, rules and files. For bash and zsh,
put `source <(gmsa-krm completion bash)` into the start-up file of the shell.
"""
    ]
    parts += _command(program_parser(), "gmsa-krm")
    return "\n".join(parts)


def _command(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                yield from _described(sub, f"{name} {word}")


def _described(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    if any(isinstance(it, argparse._SubParsersAction) for it in parser._actions):
        yield from _command(parser, name)
        return
    formatter = argparse.HelpFormatter(prog=name, width=78)
    formatter.add_usage(None, parser._actions, parser._mutually_exclusive_groups, prefix="")
    usage = formatter.format_help().strip()
    rows = [_argument(it) for it in parser._actions if it.dest != "help"]
    table = ["| argument | what it is |", "|---|---|", *rows] if rows else []
    page = ["```text", parser.epilog or "", "```", ""]
    head = [f"## {name}", "", _text(" ".join((parser.description or "").split())), "", "```text", usage, "```", ""]
    yield "\n".join([*head, *table, *([""] if table else []), *page])


def _argument(action: argparse.Action) -> str:
    metavar = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else action.dest.upper())
    if not action.option_strings:
        name = str(metavar)
    elif action.nargs == 0:
        name = ", ".join(action.option_strings)
    else:
        name = ", ".join(action.option_strings) + f" {metavar}"
    words = (action.help or "").replace("%(default)s", str(action.default))
    return f"| `{name.replace('|', chr(92) + '|')}` | {_text(words[0].upper() + words[1:])}. |"


# The rules


def rules() -> str:
    rows = (f"| [`{it.id}`](#{it.id}) | {it.severity} | {_text(it.summary)} |" for it in RULES)
    head = """\
# Rules

Every finding of gmsa-krm has a rule. An error ends the run with exit status 1. A warning does not, unless you ask for
`--strict` or set `spec.strict`.

`gmsa-krm lint --format json` and `--format sarif` name the rule of each finding, and so do the results of the KRM
function. `gmsa-krm explain RULE` prints what this page says about a rule. Each example here is run by the tests.

The rules that show what is in the cluster are those of `gmsa-krm doctor`.

| rule | severity | what it finds |
|---|---|---|
"""
    return head + "\n".join(rows) + "\n\n" + "\n".join(map(_rule, RULES))


_MESSAGES = {it.good for it in LIVE_RULES}


def _rule(rule: Rule) -> str:
    return f"""\
## {rule.id}

*{rule.severity}*: {_text(rule.summary)}.

{_text(rule.why)}

**What to do.** {_text(rule.cure)}

{rule.titles[0]}:

{_example(rule.bad)}

{rule.titles[1]}:

{_example(rule.good)}
"""


def _example(text: str) -> str:
    is_text = re.search(r"(?m)^\$ ", text) or text in _MESSAGES
    language = "json" if text.startswith("{") else "text" if is_text else "yaml"
    return f"```{language}\n{text.rstrip()}\n```"


# The files of render -o


def output() -> str:
    rows = [f"| `{10 + index}-` | {kind} |" for index, kind in enumerate(EMITTED_KINDS)]
    early = [f"| `0{rank}-` | {', '.join(it for it in _RANKS if _RANKS[it] == rank)} |" for rank in range(EMITTED)]
    late = [
        f"| `{rank * 10}-` | {', '.join(it for it in _RANKS if _RANKS[it] == rank) or 'all other kinds'} |"
        for rank in sorted({*_RANKS.values(), EMITTED + 2})
        if rank > EMITTED
    ]
    lines = "\n".join
    return f"""\
# Output of render

`gmsa-krm render` prints one YAML stream in apply order. With `-o DIR` it writes one file for each object instead. The
names of the files sort in apply order: `NN-kind-NAMESPACE_NAME.yaml`. A new credential spec changes no other file's name.

## Objects that gmsa-krm emits

| prefix | kind |
|---|---|
{lines(rows)}

## Your own manifests

Manifests that you pass beside the config keep their text. These prefixes say when they are applied:

| prefix | kinds |
|---|---|
{lines(early)}
{lines(late)}

## The folder

- Files with a Secret have mode 0600.
- `kustomization.yaml` lists the files in apply order: `kubectl apply -k DIR` and `kustomize build DIR` give what `render` prints.
  `kubectl apply -f DIR` applies the objects, but fails at the kustomization, which it takes for one. If you have a kustomization in the
  folder, gmsa-krm does not change it, and a message names the files that it lacks.
- The next run replaces its own files and removes those that it no longer writes. `.gmsa-krm-files` lists them.
- A file that another program wrote is never replaced. That is an error.
- If DIR is in a folder that you render, as with `render . -o out`, the run does not read the files that an earlier run wrote there. It reads
  them if you name DIR.
- DIR may be a symbolic link to a folder. Links in DIR are not followed, and not replaced.
- The table on stdout names the field of the config, or the manifest, that each file comes from.

## The chart

`--chart DIR` writes a chart for hosts that take nothing else. Helm 3 and 4 give what `render` prints, without a post-renderer:

- `templates/` has a file for each object; what Helm would read as a template is escaped. `crds/` has the CRDs, which Helm installs,
  but does not update. There are no values.
- The chart has the name of its folder, and version 0.1.0; `helm package --version` sets another.
- Helm creates the Namespaces in it, so install the release into another namespace, such as `default`.
- Files are replaced and removed as in a folder of `-o`.
"""


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
