"""What checks say."""

from __future__ import annotations

from gmsa_krm.findings import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gmsa_krm.cluster.view import View
    from gmsa_krm.cluster.wanted import Wanted

OK = "ok"
WARNING = "warning"
ERROR = "error"
UNKNOWN = "could not look"
SKIPPED = "skipped"
NOTHING = "nothing to check"


class Problem:
    """What is wrong, and its cure. `about`: the object, as `Kind namespace/name`; "" for the cluster."""

    __slots__ = ("about", "message")

    def __init__(self, about: str, message: str) -> None:
        self.about = printable(about)
        self.message = printable(message)

    def __str__(self) -> str:
        return f"{self.about}: {self.message}" if self.about else self.message


class Found:
    """What one check says. With neither a problem nor anything that holds there was nothing to check.

    `before`: the outcomes of earlier checks by id. `explained` is shared by the checks of a run: what a problem
    of one explains, so that a later one does not say it again.
    """

    def __init__(self, before: dict[str, Outcome] | None = None, explained: set[object] | None = None) -> None:
        self.problems: list[Problem] = []
        self.proved: list[str] = []
        self.explained: set[object] = set() if explained is None else explained
        self.before = before or {}

    def problem(self, about: str, message: str) -> None:
        self.problems.append(Problem(about, message))

    def holds(self, text: str) -> None:
        self.proved.append(printable(text))

    def failed_before(self, *groups: str) -> bool:
        """Whether a check of these groups has found an error that explains others."""
        return any(it.status == ERROR and it.check.explains and it.check.group in groups for it in self.before.values())


class Check:
    """A check; a module in `checks` has one or, where they read the same, a few.

    `id` is its rule in the catalogue, `severity` that of its problems. `lists`: what it reads of `view.LISTS`.
    `after`: the checks whose failure explains its own, so that it does not run then; `explains`: whether its failure
    may explain that of later groups. `run` may raise CouldNotLookError; what it has found before is kept.
    """

    __slots__ = ("after", "explains", "group", "id", "lists", "run", "severity")

    def __init__(
        self,
        id: str,
        severity: str,
        group: str,
        run: Callable[[View, Wanted, Found], None],
        *,
        lists: tuple[str, ...] = (),
        after: tuple[str, ...] = (),
        explains: bool = True,
    ) -> None:
        self.id = id
        self.severity = severity
        self.group = group
        self.run = run
        self.lists = lists
        self.after = after
        self.explains = explains


class Outcome:
    """The result of a check. `reason`: why nobody could look, or the check that explains its failure."""

    __slots__ = ("check", "problems", "proved", "reason", "status")

    def __init__(self, check: Check, status: str, found: Found, reason: str = "") -> None:
        self.check = check
        self.status = status
        self.problems = found.problems
        self.proved = found.proved
        self.reason = printable(reason)
