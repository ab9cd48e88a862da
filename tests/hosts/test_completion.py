"""`completion`: what real shells make of a line and a tab."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from conftest import Call, Folder, environment

# What is typed before the tab, and the line then. The folder has gmsa.yaml and manifests/web.yaml.
LINES = [
    ("gmsa-krm ren", "gmsa-krm render"),
    ("gmsa-krm render --form", "gmsa-krm render --format"),
    ("gmsa-krm render --format j", "gmsa-krm render --format json"),
    ("gmsa-krm render gm", "gmsa-krm render gmsa.yaml"),
    ("gmsa-krm render gmsa.yaml -o j", "gmsa-krm render gmsa.yaml -o json"),
    ("gmsa-krm render gmsa.yaml -o m", "gmsa-krm render gmsa.yaml -o manifests/"),
    ("gmsa-krm lint manif", "gmsa-krm lint manifests/"),
    ("gmsa-krm lint --quiet . -o sa", "gmsa-krm lint --quiet . -o sarif"),
    ("gmsa-krm lint --format=sa", "gmsa-krm lint --format=sarif"),
    ("gmsa-krm explain account-si", "gmsa-krm explain account-sid"),
    ("gmsa-krm doctor --check crd", "gmsa-krm doctor --check crd-not-served"),
    ("gmsa-krm certs sh", "gmsa-krm certs show"),
    ("gmsa-krm help certs is", "gmsa-krm help certs issue"),
    ("gmsa-krm patch --config gmsa.yaml stat", "gmsa-krm patch --config gmsa.yaml statefulset/"),
    ("gmsa-krm completion po", "gmsa-krm completion powershell"),
    ("gmsa-krm import credspec --into gm", "gmsa-krm import credspec --into gmsa.yaml"),
]
# What start an interactive shell, and make Ctrl-O write the line into a file.
SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        r"""source <(gmsa-krm completion bash); bind -x '"\C-o": printf %s "$READLINE_LINE" > part; mv part line'""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        """autoload -U compinit; compinit -u -D; source <(gmsa-krm completion zsh); zle -N show; bindkey '^O' show
        show() { printf %s $BUFFER > part; mv part line }""",
    ),
}
END_OF_LINE, CLEAR_LINE, SHOW = "\x05", "\x15", "\x0f"


@pytest.fixture
def place(folder: Folder) -> Path:
    return folder({"gmsa.yaml": "", "manifests/web.yaml": ""})


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")


class Terminal:
    """An interactive shell in a terminal."""

    def __init__(self, shell: str, folder: Path) -> None:
        needs(shell)
        self._line = folder / "line"
        command, set_up = SHELLS[shell]
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.chdir(folder)
            os.execvpe(command[0], command, environment(folder, TERM="dumb"))
        self._type(f"{set_up}; touch line\n")
        self._wait()

    def completed(self, line: str) -> str:
        """The line after a tab."""
        self._line.unlink()
        self._type(f"{line}\t{SHOW}")
        self._wait()
        self._type(f"{END_OF_LINE}{CLEAR_LINE}")
        return self._line.read_text().rstrip()

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _wait(self) -> None:
        """Until the shell has written the line. It stops if nobody reads what it prints."""
        printed = b""
        end = time.monotonic() + 60
        while not self._line.exists():
            assert time.monotonic() < end, printed
            if select.select([self._terminal], [], [], 0.02)[0]:
                printed += os.read(self._terminal, 4096)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_tab_completes_the_line(shell: str, place: Path) -> None:
    terminal = Terminal(shell, place)
    try:
        assert [terminal.completed(typed) for typed, _ in LINES] == [line for _, line in LINES]
    finally:
        terminal.close()


def test_fish_completes_the_line(place: Path) -> None:
    needs("fish")
    script = "gmsa-krm completion fish | source; for line in $argv; complete --do-complete $line; echo; end"
    done = subprocess.run(
        ["fish", "--no-config", "--command", script, *(typed for typed, _ in LINES)],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        check=True,
    )
    found = [[it.split("\t")[0] for it in lines.splitlines()] for lines in done.stdout.split("\n\n")]
    assert found == [[line.split()[-1]] for _, line in LINES] + [[]]


def test_fish_shows_what_candidates_are(place: Path) -> None:
    needs("fish")
    script = "gmsa-krm completion fish | source; complete --do-complete 'gmsa-krm explain account-si'"
    done = subprocess.run(
        ["fish", "--no-config", "--command", script],
        env=environment(place),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "account-sid\tThe SID of an account is given in place of the domain SID\n"


def test_the_script_of_powershell_is_one(call: Call) -> None:
    """Parsed by a grammar of the language: there is no PowerShell here."""
    script = call("completion", "powershell").stdout
    tree = Parser(Language(tree_sitter_powershell.language())).parse(script.encode())
    assert not tree.root_node.has_error
    assert "Register-ArgumentCompleter -Native -CommandName 'gmsa-krm', 'gmsa-krm.exe'" in script
    assert '& $program __complete @before ":$wordToComplete"' in script


def candidates(call: Call, *before: str, current: str = "") -> tuple[list[str], str]:
    """The candidates, and what else is possible."""
    done = call("__complete", *before, f":{current}")
    assert (done.status, done.stderr) == (0, "")
    *lines, otherwise = done.stdout.splitlines()
    assert all("\t" in line for line in lines)
    return [line.split("\t")[0] for line in lines], otherwise


def test_every_command_and_option_is_completed(call: Call) -> None:
    """Compared with what help lists."""

    def compare(*path: str) -> None:
        usage = call(*path, "--help", env={"COLUMNS": "300"}).stdout
        listed = re.findall(r"^    (\w[\w-]*)(?: |$)", usage.partition("\noptions:")[0], re.MULTILINE)
        offered, otherwise = candidates(call, *path)
        if listed:
            assert (offered, otherwise) == (listed, ":none")
        options = usage.partition("\noptions:\n")[2].partition("\nexamples:")[0]
        # The first column: a description may name an option of another command.
        first = re.findall(r"(?m)^  (-\S.*?)(?:  |$)", options)
        named = {it for text in first for it in re.findall(r"(?:^|(?<=[\s,]))-[-\w]+", text)} - {"-h", "--version"}
        assert named <= set(candidates(call, *path, current="-")[0]), path
        for name in set(listed) - {"help"}:
            compare(*path, name)

    compare()


def test_an_option_is_offered_once_unless_it_may_be_repeated(call: Call) -> None:
    offered = candidates(call, "lint", ".", "--strict", "-o", "json", "--exclude", "a", current="--")[0]
    assert "--exclude" in offered
    assert not {"--strict", "--format", "--output"} & set(offered)


@pytest.mark.parametrize(
    ("before", "current", "expected"),
    [
        (["nothing"], "", ([], ":none")),
        (["certs", "show", "--fail-within"], "", ([], ":none")),
        (["import", "helm-values", "values.yaml"], "", ([], ":none")),  # it takes one file
        (["render", "a.yaml"], "", ([], ":files")),
        (["certs", "issue", "--dir"], "", ([], ":folders")),
        (["lint", "--format", "="], "s", (["sarif"], ":none")),  # bash: = is a word
        (["lint", "--format"], "=", (["text", "json", "sarif"], ":none")),
        (["patch"], "Dep", (["Deployment/"], ":none")),
        (["patch"], "deployment/w", ([], ":none")),
    ],
)
def test_what_may_follow(call: Call, before: list[str], current: str, expected: tuple[list[str], str]) -> None:
    assert candidates(call, *before, current=current) == expected


def test_a_variable_of_kustomize_does_not_change_completion(call: Call) -> None:
    done = call("__complete", ":ren", env={"KUSTOMIZE_PLUGIN_CONFIG_STRING": "x"})
    assert done.stdout.startswith("render\t")


def test_a_call_without_words_does_not_fail(call: Call) -> None:
    assert call("__complete").status == 0
