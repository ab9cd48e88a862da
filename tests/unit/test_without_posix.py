"""The program on a Python that lacks what Windows' lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Folder

# Runs in a process of its own: hides modules and names, imports all modules, and runs commands.
SCRIPT = """
import _signal, ctypes, importlib, json, os, pkgutil, shutil, signal, ssl, subprocess, sys, tempfile
import cryptography.hazmat.bindings._rust, yaml
# https://docs.python.org/3/library/: "Availability: Unix"
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty", "curses"}
NAMES = '''
    chown chroot ctermid fchdir fchmod fchown fork forkpty fpathconf fstatvfs get_blocking getegid geteuid getgid
    getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid getsid getuid initgroups killpg lchown lockf
    mkfifo mknod nice openpty pathconf pipe2 posix_spawn posix_spawnp pread preadv pwrite pwritev readv
    register_at_fork sendfile set_blocking setegid seteuid setgid setgroups setpgid setpriority setregid setresgid
    setresuid setreuid setsid setuid statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname uname wait wait3 wait4 writev
    O_CLOEXEC O_DIRECTORY O_DSYNC O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE
    EX_OK EX_USAGE sched_getaffinity sched_yield memfd_create copy_file_range
'''
SIGNALS = '''
    SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGXCPU
    SIGXFSZ alarm getitimer setitimer sigwait pause pthread_kill pthread_sigmask
'''


class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden)
for name in [it for it in sys.modules if it.partition(".")[0] in MODULES]:
    del sys.modules[name]
for module, names in ((os, NAMES), (signal, SIGNALS), (_signal, SIGNALS)):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)

import gmsa_krm
modules = [it.name for it in pkgutil.walk_packages(gmsa_krm.__path__, "gmsa_krm.") if it.name != "gmsa_krm.__main__"]
for name in modules:
    importlib.import_module(name)
from gmsa_krm.cli import main
for arguments in json.loads(sys.argv[1]):
    print(main(arguments), file=sys.stderr)
print(len(modules), file=sys.stderr)
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: with-creds
  namespace: default
spec:
  selector:
    matchLabels:
      run: with-creds
  template:
    metadata:
      labels:
        run: with-creds
    spec:
      containers:
      - name: iis
        image: iis
"""


def run(folder: Path, *commands: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=folder,
        input=WEB,
        capture_output=True,
        text=True,
        check=True,
    )


def test_all_modules_load_and_commands_run(folder: Folder) -> None:
    config = str(ROOT / "kustomize/workloads/gmsa.yaml")
    root = folder({"web.yaml": WEB})
    commands = [
        ["render", config, "web.yaml", "-q"],
        ["render", config, "-o", "out", "-q"],
        ["lint", config, "web.yaml", "-q"],
        ["post-render", "--config", config, "--log-file", "log", "-q"],
        ["certs", "issue"],
        ["install", "kustomize", "--dir", "plugins"],
        ["install", "helm", "--dir", "plugins"],
    ]
    done = run(root, *commands)
    *statuses, modules = done.stderr.splitlines()
    assert statuses == ["0"] * len(commands), done.stderr
    assert int(modules) > 100
    assert done.stdout.count("gmsaCredentialSpecName") == 2  # render and post-render
    assert list((root / "out").glob("*.yaml"))


def test_the_plugin_of_argocd_says_that_it_needs_linux(folder: Folder) -> None:
    done = run(folder({"gmsa.yaml": ""}), ["argocd", "generate"])
    assert done.stderr.splitlines()[:2] == [
        "gmsa-krm: argocd runs in Argo CD's sidecar, which is Linux; elsewhere render prints the same manifests",
        "3",
    ]
