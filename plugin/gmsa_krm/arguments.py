"""Arguments that are as they should be, read without argparse, whose import and set-up take as long as a render.

`Quick` takes the same declarations (`add_argument`, `add_subparsers`, ...) as argparse's parser and reads what is plain
and right. For everything else, help and mistakes first of all, it gives up, and argparse says what there is to say.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Options:
    """The values as attributes, like argparse's Namespace."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Quick:
    """Reads `--option value`, `-o value`, flags, commands and one kind of positional arguments."""

    def __init__(self) -> None:
        self._options: dict[str, tuple[str, dict[str, Any]]] = {}
        self._positional: tuple[str, bool] | None = None
        self._values: dict[str, Any] = {}
        self._required: set[str] = set()
        self._commands: dict[str, Quick] = {}

    def add_argument(self, *names: str, **how: Any) -> None:
        if how.get("action") == "version":
            return  # not known here, so argparse is asked
        if not names[0].startswith("-"):
            self._positional = names[0], how.get("nargs") == "+"
            return
        name = names[-1].lstrip("-").replace("-", "_")
        self._options.update(dict.fromkeys(names, (name, how)))
        self._values[name] = how.get("default", False if how.get("action") == "store_true" else None)
        if how.get("required"):
            self._required.add(name)

    def set_defaults(self, **values: Any) -> None:
        self._values.update(values)

    def add_subparsers(self, **_: Any) -> Quick:
        return self

    def add_parser(self, name: str, **_: Any) -> Quick:
        return self._commands.setdefault(name, Quick())

    def read(self, arguments: list[str]) -> Options | None:
        """The options that argparse would make of them; None where only argparse can tell."""
        if self._commands:
            command = self._commands.get(arguments[0]) if arguments else None
            return command.read(arguments[1:]) if command is not None else None
        values = dict(self._values)
        given: set[str] = set()
        positionals: list[str] = []
        ended = False  # an option after positionals: argparse takes no more of them
        rest = iter(arguments)
        for argument in rest:
            if not argument.startswith("-") or argument == "-":
                if ended:
                    return None
                positionals.append(argument)
                continue
            ended = bool(positionals)
            if argument not in self._options:
                return None
            name, how = self._options[argument]
            given.add(name)
            if how.get("action") == "store_true":
                values[name] = True
                continue
            value = next(rest, "-")
            if value.startswith("-") or value not in how.get("choices", (value,)):
                return None
            values[name] = [*(values[name] or ()), value] if how.get("action") == "append" else value
        if self._positional is not None:
            name, many = self._positional
            if not positionals or (len(positionals) > 1 and not many):
                return None
            values[name] = positionals if many else positionals[0]
        elif positionals:
            return None
        return Options(values) if self._required <= given else None
