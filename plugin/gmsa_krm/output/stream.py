"""All resources as one YAML stream, or as a List in JSON."""

from __future__ import annotations

from gmsa_krm.yamltext.stream import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.apply_order import Output


# Text in a string of JSON, and line breaks, which are folded, in one of YAML.
_BREAKS = {ord(it): f"\\u{ord(it):04x}" for it in "\x85\u2028\u2029"}


def stream(outputs: list[Output], *, as_json: bool, by_name: bool = False) -> bytes:
    """`by_name`: whether JSON is in files that are named so only, and YAML elsewhere, as Argo CD reads files."""
    if not as_json:
        texts = ((it.as_yaml(), not by_name or it.source.endswith(".json")) for it in outputs)
        return encoded([_as_yaml(text) if may_be_json else text for text, may_be_json in texts])
    from gmsa_krm.yamltext import writer

    listing = {"apiVersion": "v1", "kind": "List", "items": [output.as_json_data() for output in outputs]}
    return (writer.json_of(listing, indent=2) + "\n").encode()


def _as_yaml(text: str) -> str:
    """A document; kubectl reads JSON as JSON in a file of its own, and as YAML in a stream."""
    if text.isascii() or text.lstrip()[:1] != "{":
        return text
    from json import JSONDecoder

    start = len(text) - len(text.lstrip())
    try:
        _, end = JSONDecoder(parse_int=str, parse_float=str).raw_decode(text, start)
    except (ValueError, RecursionError):
        return text  # it is YAML, where they are line breaks
    return f"{text[:start]}{text[start:end].translate(_BREAKS)}{text[end:]}"
