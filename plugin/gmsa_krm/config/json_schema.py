"""The JSON Schema of GMSAConfig, for editors and for charts."""

from __future__ import annotations

from gmsa_krm.config.model import GMSAConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.declaration import Schema


DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> Schema:
    """A JSON Schema (draft 07, which SchemaStore asks for) of a whole GMSAConfig document."""
    from gmsa_krm.config.schema_rules import add_rules

    schema = {
        "$schema": DRAFT,
        "$id": "https://gmsa-krm.dev/schema/gmsaconfig-v1alpha1.json",
        "title": "GMSAConfig",
        "description": GMSAConfig.__doc__,
        **GMSAConfig.schema(),
    }
    add_rules(schema, GMSAConfig)
    return schema


def values_schema() -> Schema:
    """A JSON Schema (draft 07, which Helm 3 and 4 read) of the chart's values: a config's spec and `postRenderer`."""
    spec = GMSAConfig.schema()["properties"]["spec"]
    webhook = spec["properties"]["webhook"]["properties"]
    # templates/gmsa.yaml: Helm makes the release's namespace
    del webhook["namespace"]["default"]
    webhook["namespace"]["description"] += " Default: the release's."
    webhook["createNamespace"]["default"] = False
    install = spec["properties"]["crd"]["properties"]["install"]
    install["description"] = (
        "Also emit the CRD as part of the release; Helm installs it from the chart's crds/, and never removes it."
    )
    install["default"] = False
    post_renderer = {
        "type": "boolean",
        "description": "Set it where the gmsa-krm post-renderer runs; without it, the chart fails and says what to do.",
        "default": False,
    }
    return {
        "$schema": DRAFT,
        "title": "Values of the chart gmsa",
        **spec,
        # Helm adds `global` to the values of every chart.
        "properties": {"postRenderer": post_renderer, "global": {"type": "object"}, **spec["properties"]},
    }
