"""`version`: the version of the program."""

from __future__ import annotations

from gmsa_krm import __version__, console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.arguments import Options


def run(options: Options) -> int:
    console.write_text(f"gmsa-krm {__version__}")
    return console.DONE
