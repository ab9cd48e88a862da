"""Checks of single values: Kubernetes names, durations, images, versions.

Each function takes a text and returns its issues; each message says how to fix it.
"""

from __future__ import annotations

import re

from gmsa_krm.config import webhook_image
from gmsa_krm.credspecs.values import rfc1123_name
from gmsa_krm.findings import error_issue, invalid, warning_issue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gmsa_krm.findings import Issue

# Not compiled: `re` compiles and caches the few patterns that a run needs.
LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(?:\.{LABEL})*"
SERVICE_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
FIELD_PATH = r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*"
MOUNT_PATH = r"(?:[A-Za-z]:)?[/\\][-A-Za-z0-9_./\\ ]*"
KUBE_VERSION = r"v?([0-9]{1,3})\.([0-9]{1,3})(?:\.[0-9]+)?(?:[+-][0-9A-Za-z.+-]*)?"
DURATION = r"(?:[0-9]{1,9}(?:h|m|s))+"
_DURATION_PART = r"([0-9]+)([hms])"
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_CENTURY = 3600 * 24 * 366 * 100
# A registry with or without port, a path, and a tag, a digest or both (distribution/reference).
IMAGE = (
    r"[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?(?::[0-9]+)?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?P<tag>:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)


def check_option(option: str, text: str, check: Callable[[str], Iterable[Issue]]) -> None:
    """Checks a value of the command line. Raises InputError."""
    for _, rule, message in check(text):
        raise invalid(rule, message, field=option)


def subdomain_name(text: str) -> Iterable[Issue]:
    """The name of most Kubernetes objects: an RFC 1123 subdomain."""
    if not re.fullmatch(SUBDOMAIN, text) or len(text) > 253:
        cure = _cure(text, rfc1123_name(text))
        message = f"{text!a} is not an RFC 1123 subdomain (lower case letters, digits, - and .); {cure}"
        yield error_issue("kubernetes-name", message)


def label_name(text: str) -> Iterable[Issue]:
    """The name of a namespace: an RFC 1123 label."""
    if not re.fullmatch(LABEL, text):
        cure = _cure(text, rfc1123_name(text).replace(".", "-")[:63].strip("-"))
        message = f"{text!a} is not an RFC 1123 label (at most 63 lower case letters, digits and -); {cure}"
        yield error_issue("kubernetes-name", message)


def _cure(text: str, name: str) -> str:
    """What to write in place of a text that is not a name; `name`: what is left of it in the form of one."""
    if any(mark in text for mark in ("${", "{{", "$(")):
        return "write the name, since nothing replaces a variable here"
    if "*" in text or "?" in text:
        return "write a whole name, since patterns are not read here"
    return f"write {name or 'one such as web-1'}"


def is_of_kubernetes(namespace: str) -> bool:
    """Whether a namespace belongs to Kubernetes itself."""
    return namespace == "default" or namespace.startswith("kube-")


def service_name(text: str) -> Iterable[Issue]:
    """The name of a Service: an RFC 1035 label."""
    if not re.fullmatch(SERVICE_NAME, text):
        message = (
            f"{text!a} cannot name a Service (a letter, then lower case letters, digits and -, at most 63 characters);"
            " write one such as gmsa-webhook"
        )
        yield error_issue("kubernetes-name", message)


def service_account(text: str) -> Iterable[Issue]:
    """The name of a service account, or *."""
    group = "system:serviceaccounts:"
    user = re.fullmatch(rf"(?:system:serviceaccounts?:|)({LABEL})(?:[:/]({SUBDOMAIN}|\*))?", text)
    if user is not None and user[1] != "system" and (user[2] or text.startswith(group)):
        name = '"*"' if user[2] in (None, "*") else user[2]
        message = f"{text} has the namespace in it; write {name}, in an entry with namespace: {user[1]}"
        yield error_issue("kubernetes-name", message)
    elif text.startswith("system:"):
        message = f"{text} is a user or a group, and a credspec is used by service accounts; write the name of one"
        yield error_issue("kubernetes-name", message)
    elif text != "*":
        yield from subdomain_name(text)


def label_selector(text: str) -> Iterable[Issue]:
    from gmsa_krm.config.selectors import SelectorError, parse_selector

    try:
        if not parse_selector(text):
            yield error_issue("label-selector", "is empty; write one such as app=iis, or remove it")
    except SelectorError as error:
        message = f"{str(error)!a} is not valid in a label selector; write a=b, a!=b, a in (b,c), a notin (b), a or !a"
        yield error_issue("label-selector", message)


def field_path(text: str) -> Iterable[Issue]:
    if not re.fullmatch(FIELD_PATH, text):
        yield error_issue("field-path", f"{text!a} is not a path of fields; write one such as spec.template")


def mount_path(text: str) -> Iterable[Issue]:
    if not re.fullmatch(MOUNT_PATH, text) or ".." in text:
        message = f"{text!a} is not an absolute path; write one such as /var/run/secrets/tokens"
        yield error_issue("mount-path", message)


def duration(text: str) -> Iterable[Issue]:
    if not re.fullmatch(DURATION, text):
        message = (
            f"{text!a} is not a duration; write hours, minutes and seconds, such as 8760h or 1h30m (days have no unit)"
        )
        yield error_issue("duration", message)
    elif not seconds(text):
        yield error_issue("duration", f"{text} is zero; write a duration such as 720h")
    elif seconds(text) > _CENTURY:
        yield error_issue("duration", f"{text} is more than a hundred years; write a duration such as 8760h")


def seconds(text: str) -> int:
    """A duration that `duration` accepts, in seconds."""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(_DURATION_PART, text))


def kube_version(text: str) -> Iterable[Issue]:
    if parse_version(text) is None:
        message = f'{text[:40]!a} is not a Kubernetes version; write one such as "1.34", in quotes'
        yield error_issue("kube-version", message)


def parse_version(text: str) -> tuple[int, int] | None:
    """(1, 34) of "1.34", "v1.34.2" or "1.34+"; None if it is not a version."""
    match = re.fullmatch(KUBE_VERSION, text)
    return (int(match[1]), int(match[2])) if match else None


def webhook_version(text: str) -> Iterable[Issue]:
    if webhook_image.parse_version(text) is None:
        message = f"{text[:40]!a} is not a version of the webhook; write one such as {webhook_image.NEWEST}"
        yield error_issue("webhook-version", message)


def image(text: str) -> Iterable[Issue]:
    match = re.fullmatch(IMAGE, text)
    if not match:
        message = f"{text!a} is not an image reference; write registry/path:tag or registry/path@sha256:digest"
        yield error_issue("image", message)
    elif not match["digest"] and match["tag"] in (None, ":latest"):
        message = f"{text} has no fixed tag, so the image may change without notice; give a version or a digest"
        yield warning_issue("floating-image-tag", message)
