"""What the image of the webhook can do, by its version (kubernetes-sigs/windows-gmsa, admission-webhook)."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    Version = tuple[int, int, int]

REPOSITORY = "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook"
_NEWEST = (0, 14, 1)

# What an image can, and since when. No image looks at ephemeral containers. One that reloads its certificate does so
# once: the first change of the file ends the watch.
CERTIFICATE_RELOAD = (0, 9, 0)
RANDOM_HOST_NAMES = (0, 10, 0)
INIT_CONTAINERS = (0, 14, 0)

VERSION = r"v?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:[-+._].*)?"


def parse_version(text: str) -> Version | None:
    """(0, 14, 1) of "v0.14.1", also with a suffix; None if it is not a version."""
    match = re.fullmatch(VERSION, text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def version_of(image: str, told: str | None) -> Version:
    """The version of an image: what the config says, else what its tag says, else the newest."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return parse_version(told or tag) or _NEWEST


def shown(version: Version) -> str:
    return f"v{'.'.join(map(str, version))}"


NEWEST = shown(_NEWEST)
IMAGE = f"{REPOSITORY}:{NEWEST}"
