"""Reads the command line, runs the command, and returns the exit status.

0 done; 1 the input is wrong; 2 wrong usage; 3 something outside failed, or this program. Unless it is 0,
`render`, `post-render` and `argocd generate` print nothing on stdout. Only the module of the one command is loaded.
"""

from __future__ import annotations

import os
import sys

from gmsa_krm import __version__, console
from gmsa_krm.arguments import FastParser, Options
from gmsa_krm.declarations import COMMANDS, declare_commands
from gmsa_krm.findings import ExternalError, InputError, UsageError

_INTERRUPTED = 130
_CRYPTOGRAPHY = 45  # the first major version whose signatures are deterministic: RFC 6979


def main(argv: list[str] | None = None) -> int:
    """Runs the program with `argv` (the process's own arguments if None); returns the exit status."""
    program, *arguments = sys.argv if argv is None else ["gmsa-krm", *argv]
    if argv is None:
        import gc

        # A run leaves few cycles, and looking for them takes half the time of a large render.
        gc.disable()
    try:
        return _run(program, arguments)
    except InputError as error:
        console.print_findings(error.findings)
        return console.INVALID_INPUT
    except UsageError as error:
        return _wrong_usage(error, arguments)
    except ExternalError as error:
        console.print_error(error)
        return console.EXTERNAL_FAILURE
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a closed pipe needs no message
            console.print_error(f"stdin or stdout failed ({error.strerror or error})")
        # Otherwise the interpreter would flush the failed stdout at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return console.EXTERNAL_FAILURE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # panics of cryptography's Rust code are not Exceptions
        return _last_resort(error)


def _wrong_usage(error: UsageError, arguments: list[str]) -> int:
    console.print_error(error)
    if arguments[:1] == ["post-render"]:
        from gmsa_krm.commands.post_render import log_wrong_usage

        log_wrong_usage(error)
    return console.WRONG_USAGE


def _last_resort(error: BaseException) -> int:
    if isinstance(error, (RecursionError, MemoryError)):
        console.print_error(f"the input is too large or too deeply nested ({type(error).__name__})")
        return console.INVALID_INPUT
    message = _old_library() or (_missing_library(error) if isinstance(error, ImportError) else _internal_error(error))
    console.print_error(message)
    return console.EXTERNAL_FAILURE


def _old_library() -> str:
    """A package of a distribution may be older than what pip installs; it fails wherever it lacks something."""
    version = getattr(sys.modules.get("cryptography"), "__version__", "")
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) >= _CRYPTOGRAPHY:
        return ""
    return (
        f"cryptography {version} is too old; install {_CRYPTOGRAPHY} or newer:"
        f" {sys.executable} -m pip install 'cryptography>={_CRYPTOGRAPHY}'"
    )


def _missing_library(error: ImportError) -> str:
    if error.name == "yaml._yaml":
        return (
            "PyYAML is installed without libyaml (yaml._yaml is missing); install its wheel:"
            " pip install --force-reinstall --only-binary PyYAML PyYAML"
        )
    return f"{error.name or 'a library'} cannot be imported; install gmsa-krm again, with its dependencies"


def _internal_error(error: BaseException) -> str:
    """For a report: what failed where, and nothing of the input, such as the error's message may hold."""
    place, trace = "", error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if module.startswith("gmsa_krm"):
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"internal error: {type(error).__name__} at {place} (gmsa-krm {__version__}, Python {python}); this is a bug"
        " in gmsa-krm, not in the input; report this line and what led to it"
    )


def _run(program: str, arguments: list[str]) -> int:
    # kustomize calls a legacy plugin by its kind or with a variable set, and with the config as first argument.
    if not arguments:
        from gmsa_krm.commands import function

        return function.run()
    if os.path.basename(program) == "GMSAConfig":
        return _run_plugin(arguments[0])
    first = arguments[0]
    if first == "__complete":  # what the scripts of `completion` call
        from gmsa_krm.commands.completion import complete

        return complete(_all_commands(), arguments[1:])
    # The variable may be inherited: a command or an option is not the file of a config.
    if "KUSTOMIZE_PLUGIN_CONFIG_STRING" in os.environ and first not in COMMANDS and not first.startswith("-"):
        return _run_plugin(first)
    parser = FastParser()
    declare_commands(parser, only=first)
    options = (parser.read(arguments) if first != "help" else None) or _parse(arguments)
    if parser.command(arguments).inputs(options).count("-") > 1:
        raise UsageError("- is stdin, which can be read only once; give a file in place of the other -")
    module, _, name = options.run.rpartition(".")
    command = getattr(__import__(f"gmsa_krm.commands.{module}", fromlist=[name]), name)
    status: int = command(options)
    return status


def _run_plugin(file: str) -> int:
    from gmsa_krm.commands import plugin

    return plugin.run(file)


def _all_commands() -> FastParser:
    parser = FastParser()
    declare_commands(parser)
    return parser


def _parse(arguments: list[str]) -> Options:
    """The options as argparse reads them; it exits after printing help or an error."""
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    unknown = _all_commands().unknown_command(arguments)
    if unknown is not None:
        from gmsa_krm.findings.suggest import suggestion

        path, word, known = unknown
        command = " ".join(("gmsa-krm", *path))
        raise UsageError(f"{word[:60]} is not a command of {command}{suggestion(word, known)}; see {command} --help")
    from gmsa_krm.usage import program_parser

    if arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version"):
        raise _without_command(arguments[0].partition("=")[0])
    options, rest = program_parser().parse_known_args(arguments)
    if rest:
        raise _left_over(rest[0].partition("=")[0], arguments)
    return Options(vars(options))


def _without_command(option: str) -> UsageError:
    known = [name for name, command in _all_commands().commands.items() if option in command.options]
    where = f" ({', '.join(known)})" if known else ""
    return UsageError(f"{option[:60]} needs a command before it{where}; see gmsa-krm --help")


def _left_over(word: str, arguments: list[str]) -> UsageError:
    """`word`: what is neither an option nor an argument of the command."""
    from gmsa_krm.findings.suggest import suggestion

    path, command = ["gmsa-krm"], _all_commands()
    for name in arguments:
        if name not in command.commands:
            break
        path.append(name)
        command = command.commands[name]
    name = " ".join(path)
    if word.startswith("-"):
        options = [it for it in command.options if it.startswith("--")]
        return UsageError(f"{word[:60]} is not an option of {name}{suggestion(word, options)}; see {name} --help")
    if command.positional is not None and command.positional[1].get("nargs") == "+":
        what = command.positional[1]["metavar"]
        return UsageError(f"{word[:60]} is apart from the other {what}s; write all before the options, or after them")
    return UsageError(f"{word[:60]} is one argument too many for {name}; see {name} --help")
