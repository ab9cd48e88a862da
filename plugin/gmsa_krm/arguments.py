"""A parser for plain command lines: importing and setting up argparse takes as long as a render.

`FastParser` takes the same declarations (`add_argument`, `add_subparsers`, ...) as argparse's parser. It reads valid
lines in common forms and leaves all others, such as requests for help and mistakes, to argparse.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The metavars of files to read, of which one may be `-`, standard input.
INPUTS = frozenset(("PATH", "FILE", "CONFIG"))


class Options:
    """The options as attributes, like argparse's Namespace."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class FastParser:
    """Reads `--option value`, `-o value`, flags, commands and one kind of positional arguments.

    `commands`: the parsers of commands by name; `summary`: what the command does; `options`: (destination, settings) by
    name; `positional`: the same of the positional argument. The settings are those of `add_argument`.
    """

    def __init__(self, summary: str = "") -> None:
        self.commands: dict[str, FastParser] = {}
        self.summary = summary
        self.options: dict[str, tuple[str, dict[str, Any]]] = {}
        self.positional: tuple[str, dict[str, Any]] | None = None
        self._values: dict[str, Any] = {}
        self._required: set[str] = set()

    def add_argument(self, *names: str, **settings: Any) -> None:
        if settings.get("action") == "version":
            return  # left to argparse
        if not names[0].startswith("-"):
            self.positional = names[0], settings
            return
        name = settings.get("dest") or names[-1].lstrip("-").replace("-", "_")
        self.options.update(dict.fromkeys(names, (name, settings)))
        is_flag = settings.get("action") == "store_true"
        self._values[name] = settings.get("default", False if is_flag else None)
        if settings.get("required"):
            self._required.add(name)

    def set_defaults(self, **values: Any) -> None:
        self._values.update(values)

    def add_subparsers(self, **_: Any) -> FastParser:
        return self

    def add_parser(self, name: str, **settings: Any) -> FastParser:
        return self.commands.setdefault(name, FastParser(settings["summary"]))

    def unknown_command(self, arguments: list[str]) -> tuple[list[str], str, list[str]] | None:
        """The commands before a word that is none, the word, and what may be there; None if there is no such word."""
        path: list[str] = []
        parser = self
        for word in arguments:
            if not parser.commands or word.startswith("-"):
                return None
            if word not in parser.commands:
                return path, word, list(parser.commands)
            path.append(word)
            parser = parser.commands[word]
        return None

    def command(self, arguments: list[str]) -> FastParser:
        """The parser of the command that a line starts with."""
        parser = self
        for word in arguments:
            if word not in parser.commands:
                break
            parser = parser.commands[word]
        return parser

    def inputs(self, options: Options) -> list[str]:
        """The files to read that the options name."""
        declared = [*self.options.values(), *([self.positional] if self.positional else [])]
        names = dict.fromkeys(name for name, settings in declared if settings.get("metavar") in INPUTS)
        files: list[str] = []
        for name in names:
            value = getattr(options, name)
            files += value if isinstance(value, list) else [value] if value is not None else []
        return files

    def read(self, arguments: list[str]) -> Options | None:
        """The options that argparse would read; None if argparse has to read the line."""
        if self.commands:
            command = self.commands.get(arguments[0]) if arguments else None
            return command.read(arguments[1:]) if command is not None else None
        values = dict(self._values)
        positionals = self._read_options(arguments, values)
        if positionals is None or not self._take(positionals, values):
            return None
        return Options(values)

    def _take(self, positionals: list[str], values: dict[str, Any]) -> bool:
        """Takes the positional arguments into `values`; whether they are as many as there may be, and right."""
        if self.positional is None:
            return not positionals
        name, settings = self.positional
        nargs, choices = settings.get("nargs"), settings.get("choices")
        is_list = nargs in ("+", "*")
        if (not positionals and nargs not in ("?", "*")) or (len(positionals) > 1 and not is_list):
            return False
        if choices is not None and not set(positionals) <= set(choices):
            return False
        values[name] = positionals if is_list else positionals[0] if positionals else None
        return True

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
            if argument not in self.options:
                return None
            name, settings = self.options[argument]
            seen.add(name)
            if settings.get("action") == "store_true":
                values[name] = True
                continue
            value = next(rest, "-")
            if value.startswith("-") or value not in settings.get("choices", (value,)):
                return None
            values[name] = [*(values[name] or ()), value] if settings.get("action") == "append" else value
        return positionals if self._required <= seen else None
