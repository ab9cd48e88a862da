"""kustomize's legacy exec plugin: the config is a file, the resources are a stream on stdin."""

from __future__ import annotations

from gmsa_krm.config.load import parse_config
from gmsa_krm.pipeline import run
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.stream import decode, joined, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.overrides import Override
    from gmsa_krm.environment import Environment
    from gmsa_krm.pipeline import Result


def run_plugin(
    config: bytes,
    stdin: bytes,
    environment: Environment,
    file: str = "",
    overrides: list[Override] | None = None,
    namespace: str = "",
) -> tuple[bytes, Result]:
    """The output of a generator (if stdin is empty) or of a transformer, and what was found. Raises InputError.

    `file`: the config's file, if `config` has its lines; kustomize passes a rewritten copy.
    `overrides`: fields of the config that the host sets; `namespace`: that of documents without one.
    """
    shown = file or "GMSAConfig"
    loaded = parse_config(decode(config, shown), shown, positions=bool(file), overrides=overrides)
    documents = split(decode(stdin, "stdin"), "stdin") if stdin.strip() else []
    result = run([(loaded, environment)], documents, namespace)
    texts = [*result.texts(), *(writer.document(it.data) for it in result.added)]
    return joined(texts).encode(), result
