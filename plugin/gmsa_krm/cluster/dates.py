"""Times as the API server writes them, and dates as a message shows them."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds_of(text: object) -> int | None:
    """Seconds since 1970 of an RFC 3339 time; None for anything else."""
    try:
        return int(datetime.fromisoformat(str(text)).timestamp())
    except ValueError:
        return None


def date(seconds: int) -> str:
    """`2026-01-31`, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
