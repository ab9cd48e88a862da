"""What one run may take: one sidecar renders the repositories of many teams, and none may stop the others.

A `Budget` counts what is read. `Limits` are the kernel's: of memory, CPU time, the size of files and open files.
"""

from __future__ import annotations

from gmsa_krm.findings import ExternalError, InputError, invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from types import TracebackType
else:
    import _signal as signal  # signal itself needs enum, which takes a quarter of the time of a discovery

MIB = 1024 * 1024
MAX_FILES = 20_000
MAX_READ = 256 * MIB
MAX_PARSED = 32 * MIB
# Argo CD takes answers of up to 100 MiB.
MAX_FILE = 256 * MIB
MAX_OPEN_FILES = 1024
# Of an application that has to be copied; the volume of the sidecar has 4 GiB for all runs.
MAX_COPIED = 1024 * MIB
# Of discovery, which runs for every application of an instance.
DISCOVERY_SECONDS = 10
_DISCOVERY_MEMORY = 256 * MIB
_LEAST_MEMORY = 256 * MIB
# Where the container has no limit.
_MEMORY = 2048 * MIB
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Budget:
    """Files and bytes that a run may still read, and the bytes that it may still parse."""

    def __init__(self) -> None:
        self._files = MAX_FILES
        self._bytes = MAX_READ
        self._parsed = MAX_PARSED

    def take(self, size: int) -> None:
        """Before a file of this size is read, or a member of an archive. Raises InputError."""
        self._files -= 1
        self._bytes -= size
        if self._files < 0:
            raise over_limit(f"has more than {MAX_FILES:,} files to look through")
        if self._bytes < 0:
            raise over_limit(f"has more than {MAX_READ // MIB} MiB to look through")

    def parse(self, size: int) -> None:
        """Before so many bytes are parsed. Raises InputError."""
        self._parsed -= size
        if self._parsed < 0:
            raise over_limit(f"has more than {MAX_PARSED // MIB} MiB of documents with the word GMSAConfig")


def over_limit(what: str, cure: str = "split it") -> InputError:
    return invalid("run-limit", f"the application {what}, which is more than one run may take; {cure}")


def memory_limit() -> int:
    """Bytes that a run may take: half of what the container has, since others run beside it."""
    for path in _LIMIT_FILES:
        try:
            with open(path, encoding="ascii") as file:
                limit = int(file.read())
        except (OSError, ValueError):  # no such file, or no limit
            continue
        if limit < 1 << 50:  # a version 1 cgroup without a limit shows a large number
            return max(limit // 2, _LEAST_MEMORY)
    return _MEMORY


def time_limit(variables: Mapping[str, str]) -> int:
    """Seconds that a run may take.

    Argo CD kills the plugin without a message when its request times out, which no variable tells: after 60 s, unless
    both sides are configured otherwise, as ARGOCD_EXEC_TIMEOUT shows.
    """
    from gmsa_krm.config.values import seconds

    allowed = seconds(variables.get("ARGOCD_EXEC_TIMEOUT", "")) or 60
    return min(max(allowed - 5, 1), 86_400)


class Limits:
    """A context manager that limits the process, and the programs that it starts meanwhile.

    Only soft limits are set, and set back: a repository has no code here that could raise them. Raises InputError
    where the process runs out of memory or CPU time.
    """

    def __init__(self, seconds: int, memory: int) -> None:
        self._seconds = seconds
        self._memory = memory
        self._before: dict[int, tuple[int, int]] = {}
        self._handler: object = None

    @classmethod
    def of_discovery(cls) -> Limits:
        return cls(DISCOVERY_SECONDS, min(_DISCOVERY_MEMORY, memory_limit()))

    def __enter__(self) -> None:
        try:
            import resource
        except ImportError:
            message = "argocd runs in Argo CD's sidecar, which is Linux; elsewhere render prints the same manifests"
            raise ExternalError(message) from None

        used = resource.getrusage(resource.RUSAGE_SELF)
        wanted = {
            # RLIMIT_AS would count what Go reserves and never uses.
            resource.RLIMIT_DATA: self._memory,
            resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + self._seconds,
            resource.RLIMIT_FSIZE: MAX_FILE,
            resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        self._handler = signal.signal(signal.SIGXCPU, _stop)
        for which, limit in wanted.items():
            soft, hard = self._before[which] = resource.getrlimit(which)
            resource.setrlimit(which, (limit if soft == resource.RLIM_INFINITY else min(limit, soft), hard))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import resource

        for which, limits in self._before.items():
            resource.setrlimit(which, limits)
        signal.signal(signal.SIGXCPU, self._handler)  # type: ignore[arg-type]  # what signal.signal returned
        if isinstance(error, MemoryError):
            raise over_limit("takes more memory than the plugin may use") from None
        if isinstance(error, _OutOfTime):
            raise over_limit(f"takes more than {self._seconds} s of processor time") from None


class _OutOfTime(BaseException):
    """Not an Exception: it comes at any place, and nothing on its way may take it for a mistake in the input."""


def _stop(*_: object) -> None:
    raise _OutOfTime
