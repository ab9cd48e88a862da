"""A parser for plain command lines: importing and setting up argparse takes as long as a render.

`FastParser` takes the same declarations (`add_argument`, `add_subparsers`, ...) as argparse's parser. It reads valid
lines in common forms and leaves all others, such as requests for help and mistakes, to argparse.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Options:
    """The options as attributes, like argparse's Namespace."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class FastParser:
    """Reads `--option value`, `-o value`, flags, commands and one kind of positional arguments."""

    def __init__(self) -> None:
        self._options: dict[str, tuple[str, dict[str, Any]]] = {}
        self._positional: tuple[str, str | None] | None = None  # name and nargs
        self._values: dict[str, Any] = {}
        self._required: set[str] = set()
        self._commands: dict[str, FastParser] = {}

    def add_argument(self, *names: str, **settings: Any) -> None:
        if settings.get("action") == "version":
            return  # left to argparse
        if not names[0].startswith("-"):
            self._positional = names[0], settings.get("nargs")
            return
        name = settings.get("dest") or names[-1].lstrip("-").replace("-", "_")
        self._options.update(dict.fromkeys(names, (name, settings)))
        is_flag = settings.get("action") == "store_true"
        self._values[name] = settings.get("default", False if is_flag else None)
        if settings.get("required"):
            self._required.add(name)

    def knows(self, argument: str) -> bool:
        """Whether a line may start with the argument: a command or an option."""
        return argument in self._commands or argument.startswith("-")

    def unknown_command(self, arguments: list[str]) -> tuple[list[str], str, list[str]] | None:
        """The commands before a word that is none, the word, and what may be there; None if there is no such word."""
        path: list[str] = []
        parser = self
        for word in arguments:
            if not parser._commands or word.startswith("-"):
                return None
            if word not in parser._commands:
                return path, word, list(parser._commands)
            path.append(word)
            parser = parser._commands[word]
        return None

    def set_defaults(self, **values: Any) -> None:
        self._values.update(values)

    def add_subparsers(self, **_: Any) -> FastParser:
        return self

    def add_parser(self, name: str, **_: Any) -> FastParser:
        return self._commands.setdefault(name, FastParser())

    def read(self, arguments: list[str]) -> Options | None:
        """The options that argparse would read; None if argparse has to read the line."""
        if self._commands:
            command = self._commands.get(arguments[0]) if arguments else None
            return command.read(arguments[1:]) if command is not None else None
        values = dict(self._values)
        positionals = self._read_options(arguments, values)
        if positionals is None:
            return None
        if self._positional is not None:
            name, nargs = self._positional
            if (not positionals and nargs != "?") or (len(positionals) > 1 and nargs != "+"):
                return None
            values[name] = positionals if nargs == "+" else positionals[0] if positionals else None
        elif positionals:
            return None
        return Options(values)

    def _read_options(self, arguments: list[str], values: dict[str, Any]) -> list[str] | None:
        """Reads the options into `values`; returns the positional arguments, None if argparse has to read the line."""
        seen: set[str] = set()
        positionals: list[str] = []
        is_complete = False  # argparse takes no more positionals after an option that follows them
        rest = iter(arguments)
        for argument in rest:
            if not argument.startswith("-") or argument == "-":
                if is_complete:
                    return None
                positionals.append(argument)
                continue
            is_complete = bool(positionals)
            if argument not in self._options:
                return None
            name, settings = self._options[argument]
            seen.add(name)
            if settings.get("action") == "store_true":
                values[name] = True
                continue
            value = next(rest, "-")
            if value.startswith("-") or value not in settings.get("choices", (value,)):
                return None
            values[name] = [*(values[name] or ()), value] if settings.get("action") == "append" else value
        return positionals if self._required <= seen else None
