"""What went wrong with gMSA pods of late: refusals in events, and hooks that gave up."""

from __future__ import annotations

import re

from gmsa_krm.cluster.dates import seconds_of
from gmsa_krm.cluster.outcome import WARNING, Check
from gmsa_krm.cluster.texts import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.cluster.outcome import Found
    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

    Object = dict[str, Any]

_HOUR = 3600
_ABOUT_GMSA = re.compile(r"gmsa|windows\.k8s\.io", re.IGNORECASE)
_REFUSED = re.compile(r"denied|forbidden|failed calling webhook", re.IGNORECASE)
_GAVE_UP = "gmsa-krm: no secure channel"  # workloads/netlogon.py
_MAX_TEXT = 300


def _refused(view: View, wanted: Wanted, found: Found) -> None:
    latest: dict[str, tuple[int, Object]] = {}
    for event in view.items("events"):
        message = str(event.get("message") or "")
        at = _time_of(event)
        if not wanted.now - _HOUR <= at or not _ABOUT_GMSA.search(message) or not _REFUSED.search(message):
            continue
        about = _about(event)
        if about not in latest or at >= latest[about][0]:
            latest[about] = at, event
    for about, (at, event) in sorted(latest.items()):
        minutes = max((wanted.now - at) // 60, 0)
        number = (event.get("series") or {}).get("count") or event.get("count") or 1
        times = f" ({number:,} times so far)" if number > 1 else ""
        message = (
            f"a pod was refused {count(minutes, 'minute')} ago{times}: {_short(event['message'])}; fix what the message"
            " names, or ignore it if that is done"
        )
        found.problem(about, message)
    if not latest:
        found.holds("no event of the last hour refuses a gMSA pod")


def _gave_up(view: View, wanted: Wanted, found: Found) -> None:
    del wanted
    for pod in view.items("pods"):
        for container, message in _last_words(pod):
            if _GAVE_UP in message:
                metadata = pod["metadata"]
                text = (
                    f"its container {container} ended because its netlogon hook gave up: {_short(message)}; run"
                    " gmsa-krm doctor --in-pod to see where the logon fails"
                )
                found.problem(f"Pod {metadata['namespace']}/{metadata['name']}", text)
    if not found.problems:
        found.holds("no netlogon hook has given up")


def _last_words(pod: Object) -> Iterator[tuple[str, str]]:
    for it in (pod.get("status") or {}).get("containerStatuses") or []:
        for state in (it.get("state"), it.get("lastState")):
            told = (state or {}).get("terminated") or (state or {}).get("waiting") or {}
            if told.get("message"):
                yield str(it.get("name")), str(told["message"])
                break


def _about(event: Object) -> str:
    it = event.get("involvedObject") or {}
    namespace = it.get("namespace")
    return f"{it.get('kind')} {namespace}/{it.get('name')}" if namespace else f"{it.get('kind')} {it.get('name')}"


def _time_of(event: Object) -> int:
    series = event.get("series") or {}
    for text in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")):
        at = seconds_of(text) if text else None
        if at is not None:
            return at
    return 0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}..."


CHECKS = (
    Check("recent-refusal", WARNING, "events", _refused, lists=("events",)),
    Check("hook-gave-up", WARNING, "events", _gave_up, lists=("pods",)),
)
