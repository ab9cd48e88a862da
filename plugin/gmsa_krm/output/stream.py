"""All resources as one YAML stream, or as a List in JSON."""

from __future__ import annotations

from gmsa_krm.yamltext.stream import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.apply_order import Output


def stream(outputs: list[Output], *, as_json: bool) -> bytes:
    if not as_json:
        return encoded([output.as_yaml() for output in outputs])
    from gmsa_krm.yamltext import writer

    listing = {"apiVersion": "v1", "kind": "List", "items": [output.as_json_data() for output in outputs]}
    return (writer.json_of(listing, indent=2) + "\n").encode()
