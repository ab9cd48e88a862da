"""The contents that mode Policy approves, as variables of a policy, and the expressions that look them up.

CEL's cost tracker looks through its whole stack at each step of a comprehension, so a policy that filters all names of
the config takes a time that grows with their number. Here the contents are in small tables, sorted by name. Each is a
variable, which the API server evaluates when it is used, and a tree of comparisons chooses the table of a name.
"""

from __future__ import annotations

from gmsa_krm.manifests.cel import MAX_EXPRESSION, literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.manifests.manifest import Object

_NAMES_OF_TABLE = 16
# Length of what stands around a name or a text in a table.
_JOINTS = 6


class ApprovedContents:
    """`variables`: what a policy has to declare."""

    def __init__(self, approved: dict[str, list[str]]) -> None:
        """`approved`: the contents that each credspec may have in a pod."""
        self.variables: list[Object] = []
        literals = {name: list(map(literal, approved[name])) for name in sorted(approved)}
        # The first name of each table, and the expression of the table.
        self._tables = [(next(iter(group)), self._table(group)) for group in _groups(literals or {"": ["''"]})]

    def lookup(self, name: str) -> str:
        """The list of the contents approved for a name, empty for a name that is unknown; `name`: an expression."""
        return f"{_tree(name, self._tables)}[?{name}].orValue([])"

    def _table(self, entries: dict[str, list[str]]) -> str:
        """The expression of a table. One of a single name may need several variables."""
        parts = [entries] if len(entries) > 1 else [{name: part} for name in entries for part in _parts(entries[name])]
        variables = []
        for part in parts:
            lines = (f"{literal(name)}: [{', '.join(texts)}]" for name, texts in part.items())
            variables.append(self._variable("{\n" + ",\n".join(lines) + "\n}"))
        if len(variables) == 1:
            return variables[0]
        (name,) = map(literal, entries)
        return f"{{{name}: {' + '.join(f'{variable}[{name}]' for variable in variables)}}}"

    def _variable(self, expression: str) -> str:
        name = f"approved{len(self.variables)}"
        self.variables.append({"name": name, "expression": expression})
        return f"variables.{name}"


def _groups(entries: dict[str, list[str]]) -> Iterator[dict[str, list[str]]]:
    """The entries in groups that fit into a table; an entry that does not fit is alone."""
    group: dict[str, list[str]] = {}
    length = 0
    for name, texts in entries.items():
        size = len(name) + _JOINTS + sum(len(text) + _JOINTS for text in texts)
        if group and (len(group) == _NAMES_OF_TABLE or length + size > MAX_EXPRESSION):
            yield group
            group, length = {}, 0
        group[name] = texts
        length += size
    yield group


def _parts(texts: list[str]) -> Iterator[list[str]]:
    """The literals in parts that fit into a table each."""
    part: list[str] = []
    length = 0
    for text in texts:
        size = len(text) + _JOINTS
        if part and length + size > MAX_EXPRESSION:
            yield part
            part, length = [], 0
        part.append(text)
        length += size
    yield part


def _tree(name: str, tables: list[tuple[str, str]]) -> str:
    if len(tables) == 1:
        return tables[0][1]
    middle = len(tables) // 2
    before, after = _tree(name, tables[:middle]), _tree(name, tables[middle:])
    return f"({name} < {literal(tables[middle][0])} ? {before} : {after})"
