"""`schema`: the JSON Schema of GMSAConfig, or of the chart's values."""

from __future__ import annotations

import json

from gmsa_krm import console
from gmsa_krm.config.json_schema import json_schema, values_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    schema = values_schema() if options.chart_values else json_schema()
    console.write_text(json.dumps(schema, indent=2))
    return console.DONE
