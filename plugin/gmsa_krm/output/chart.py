"""A Helm chart of rendered resources: it has no values, and Helm gives what `render` gives."""

from __future__ import annotations

import os
import re

from gmsa_krm.yamltext import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.apply_order import Output

    Contents = dict[str, tuple[bytes, bool]]  # of files, by name, and whether they are secret

# What would end a document for Helm, which splits and trims texts before it parses them, or is cut off.
_SPLIT = re.compile(r"(?m)^(?:---|\.\.\.|%)|\A\s*\n?[ \t]|\A\ufeff")
_BLOCK_SCALAR = re.compile(r"(?m)[|>][-+0-9]*[ \t]*(?:#.*)?\r?$")
_END = "# end\n"


def chart(outputs: list[Output], contents: Contents, folder: str) -> Contents:
    """The files of the chart, by their path in it. `contents`: the file of each output.

    Raises InputError for a text that kubectl refuses to read.
    """
    files = {"Chart.yaml": (_chart_yaml(folder).encode(), False), ".helmignore": (b".gmsa-krm-files\n", False)}
    for output, (name, (_, secret)) in zip(outputs, contents.items(), strict=True):
        text = _for_helm(output)
        if output.identity[1] == "CustomResourceDefinition":
            files[f"crds/{name}"] = text.encode(), secret  # Helm reads no templates there
        else:
            files[f"templates/{name}"] = text.replace("{{", '{{ "{{" }}').encode(), secret
    return files


def _chart_yaml(folder: str) -> str:
    name = os.path.basename(os.path.abspath(folder))
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", name) or len(name) > 200:
        name = "gmsa"
    return (
        "# written by gmsa-krm render --chart; helm package --version sets another version\napiVersion: v2\n"
        f"name: {writer.scalar(name)}\ndescription: Windows gMSA, rendered by gmsa-krm\n"
        "type: application\nversion: 0.1.0\n"
    )


def _for_helm(output: Output) -> str:
    """A document that Helm's splitting and trimming leave as it is."""
    text = output.as_yaml()
    if _SPLIT.search(text) or not text.endswith("\n"):
        text = writer.document(output.as_json_data())
    if _BLOCK_SCALAR.search(text) or text.rstrip() + "\n" != text:
        text += _END
    return text
