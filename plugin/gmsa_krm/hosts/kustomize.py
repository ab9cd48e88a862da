"""kustomize's legacy exec plugin: the config is a file, resources are a stream on stdin, or none."""

from __future__ import annotations

from gmsa_krm.config.load import parse_config
from gmsa_krm.pipeline import run
from gmsa_krm.yaml import write
from gmsa_krm.yaml.stream import decode, joined, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.findings import Finding
    from gmsa_krm.outside import Outside


def run_plugin(config: bytes, stdin: bytes, outside: Outside, file: str = "") -> tuple[bytes, list[Finding]]:
    """The stream that a generator (empty stdin) or a transformer answers with. Raises InputError.

    `file`: where the config is from, if its lines are the user's; kustomize gives us a copy that it has written anew.
    """
    loaded = parse_config(decode(config, file or "GMSAConfig"), file or "GMSAConfig", bool(file), outside.overrides)
    documents = split(decode(stdin, "stdin"), "stdin") if stdin.strip() else []
    outcome = run([(loaded, outside)], documents)
    texts = [
        write.document(outcome.instead[index].data) if index in outcome.instead else outcome.text_of(index, document)
        for index, document in enumerate(documents)
    ]
    texts += [write.document(made.data) for made in outcome.new]
    return joined(texts).encode(), outcome.findings
