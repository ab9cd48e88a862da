"""The JSON Schema of GMSAConfig, for editors and for charts."""

from __future__ import annotations

from gmsa_krm.config.model import GMSAConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.fields import Schema


def json_schema() -> Schema:
    """A JSON Schema (draft 2020-12) of a whole GMSAConfig document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gmsa-krm.dev/schema/gmsaconfig-v1alpha1.json",
        "title": "GMSAConfig",
        "description": GMSAConfig.__doc__,
        **GMSAConfig.schema(),
    }
