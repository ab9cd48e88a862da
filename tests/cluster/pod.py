"""The process of a pod of the webhook: `python -m cluster.pod` with a JSON object on stdin.

It has a root directory with nothing in it but the pod's volumes, as the image is from scratch, and the user, groups
and environment of the pod's spec. Then it becomes the webhook: the stand-in, or the binary of CLUSTER_TEST_WEBHOOK.
"""

from __future__ import annotations

import json
import os
import ssl
import sys

from cluster import stand_in


def main() -> None:
    asked = json.load(sys.stdin)
    binary = os.open(asked["binary"], os.O_RDONLY) if asked["binary"] else None
    if binary is None:
        ssl.create_default_context()  # loads what OpenSSL and Python read from disk
    os.chroot(asked["root"])
    os.chdir("/")
    os.setgroups(asked["groups"])
    if asked["user"]:
        os.setgid(asked["group"])
        os.setuid(asked["user"])
    if binary is not None:
        os.execve(binary, ["webhook", *asked["arguments"]], asked["environ"])  # type: ignore[arg-type]
    stand_in.main(tuple(asked["version"]), asked["arguments"], asked["environ"])


if __name__ == "__main__":
    main()
