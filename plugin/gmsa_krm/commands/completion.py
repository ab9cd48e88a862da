"""`completion`: scripts that make shells complete command lines, and what they call for each.

A script calls `gmsa-krm __complete WORD... :CURRENT` with the words before the cursor and the one at it, as those of
kubectl and helm do: so the answers are those of the installed program, and are worked out in one place. The answer is a
line per candidate, with a tab and a description, and a last line that says what else is possible: `:files`, `:folders`
or `:none`. The colon before CURRENT is there since PowerShell drops an empty argument.
"""

from __future__ import annotations

from gmsa_krm import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from gmsa_krm.arguments import FastParser, Options

    Candidates = Iterator[tuple[str, str]]  # each with its description

_NONE = ":none"
# What else may stand in place of a value, by its metavar.
_ELSE = {**dict.fromkeys(("PATH", "FILE", "CONFIG", "LOG", "KUBECONFIG"), ":files"), "DIR": ":folders"}


def run(options: Options) -> int:
    console.write(_SCRIPTS[options.shell].encode())
    return console.DONE


def complete(declared: FastParser, words: list[str]) -> int:
    """Prints the candidates for the last of the words."""
    *before, current = words or [""]
    current = current.removeprefix(":")
    if current == "=":  # bash takes the = after an option for a word
        current = ""
    candidates, otherwise = _complete(declared, before, current)
    lines = [f"{text}\t{description}" for text, description in candidates if text.startswith(current)]
    console.write("".join(f"{line}\n" for line in (*lines, otherwise)).encode())
    return console.DONE


def _complete(parser: FastParser, before: list[str], current: str) -> tuple[Candidates, str]:
    if before[:1] == ["help"] and not current.startswith("-"):
        return _commands(parser.command(before[1:])), _NONE
    while before and before[0] in parser.commands:
        parser = parser.commands[before[0]]
        before = before[1:]
    if parser.commands:
        if before:
            return iter(()), _NONE
        return (_flags(parser, [], current) if current.startswith("-") else _commands(parser)), _NONE
    option, number = _read(parser, before)
    if option is not None:
        return _values(option, current)
    name, equals, value = current.partition("=")
    if equals and name in parser.options:
        candidates, otherwise = _values(parser.options[name][1], value)
        return ((f"{name}={text}", description) for text, description in candidates), otherwise
    if current.startswith("-"):
        return _flags(parser, before, current), _NONE
    if parser.positional is None or (number and parser.positional[1].get("nargs") != "+"):
        return iter(()), _NONE
    return _values(parser.positional[1], current)


def _read(parser: FastParser, words: list[str]) -> tuple[dict[str, Any] | None, int]:
    """The settings of the option whose value comes next, if one does, and the number of positional arguments."""
    option: dict[str, Any] | None = None
    number = 0
    for word in words:
        if word == "=":
            continue
        if option is not None:
            option = None
        elif word in parser.options:
            _, settings = parser.options[word]
            option = settings if settings.get("action") != "store_true" else None
        elif word == "-" or not word.startswith("-"):
            number += 1
    return option, number


def _commands(parser: FastParser) -> Candidates:
    return ((name, command.summary) for name, command in parser.commands.items())


def _flags(parser: FastParser, before: list[str], current: str) -> Candidates:
    """The options that are not given yet, or may be repeated; the short ones only where the dash is single."""
    given = {parser.options[word][0] for word in before if word in parser.options}
    for name, (destination, settings) in parser.options.items():
        is_wanted = name.startswith("--") or not current.startswith("--")
        if is_wanted and (destination not in given or settings.get("action") == "append"):
            yield name, settings["help"].replace("%(default)s", str(settings.get("default")))
    yield "--help", "print the help of the command"


def _values(settings: dict[str, Any], current: str) -> tuple[Candidates, str]:
    """The candidates for a value, and what else the shell may offer."""
    metavar = settings.get("metavar", "")
    if metavar == "RULE":
        return _rules(), _NONE
    if metavar == "CHECK":
        return _checks(), _NONE
    if metavar == "KIND/NAME":
        return _kinds(current), _NONE
    parts = metavar.split("|")
    choices = settings.get("choices") or [part for part in parts if part.islower()]
    return ((choice, "") for choice in choices), next((_ELSE[part] for part in parts if part in _ELSE), _NONE)


def _rules() -> Candidates:
    from gmsa_krm.findings.rules import RULES

    return ((rule.id, rule.summary) for rule in RULES)


def _checks() -> Candidates:
    from gmsa_krm.findings.rules import LIVE_RULES

    for group in dict.fromkeys(rule.group for rule in LIVE_RULES):
        yield group, "all checks of this group"
    for rule in LIVE_RULES:
        yield rule.id, rule.summary


def _kinds(current: str) -> Candidates:
    from gmsa_krm.workloads.kinds import BUILT_IN

    names = (it.kind if current[:1].isupper() else it.kind.lower() for it in BUILT_IN.values())
    return ((f"{name}/", "") for name in names)


_BASH = r"""# bash completion of gmsa-krm
_gmsa_krm() {
  local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME} line otherwise=
  local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) otherwise=$line ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("$program" __complete "${before[@]}" ":$current" 2>/dev/null)
  [[ $current != '=' ]] || current=
  case $otherwise in
    :files) line=-f ;;
    :folders) line=-d ;;
    *) line= ;;
  esac
  if [[ -n $line ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      COMPREPLY+=("$line")
    done < <(compgen "$line" -- "$current")
  fi
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -F _gmsa_krm gmsa-krm
"""
_ZSH = r"""#compdef gmsa-krm
# zsh completion of gmsa-krm
_gmsa-krm() {
  local line otherwise name
  local -a candidates open
  while IFS= read -r line; do
    name=${${line%%$'\t'*}//:/\\:}
    case $line in
      :*) otherwise=$line ;;
      */$'\t'*) open+=("$name:${line#*$'\t'}") ;;
      *) candidates+=("$name:${line#*$'\t'}") ;;
    esac
  done < <("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" ":${(Q)words[CURRENT]}" 2>/dev/null)
  (( ! $#candidates )) || _describe gmsa-krm candidates
  (( ! $#open )) || _describe gmsa-krm open -S ''
  case $otherwise in
    :files) _files ;;
    :folders) _files -/ ;;
  esac
}
if [[ $funcstack[1] == _gmsa-krm ]]; then
  _gmsa-krm "$@"
else
  compdef _gmsa-krm gmsa-krm
fi
"""
_FISH = r"""# fish completion of gmsa-krm
function __gmsa_krm_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program (string replace --regex '^~' $HOME -- $before[1])
    set -e before[1]
    for line in ($program __complete $before ":$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $current
            case :folders
                __fish_complete_directories $current
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete --command gmsa-krm --no-files --arguments '(__gmsa_krm_complete)'
"""
_POWERSHELL = r"""# PowerShell completion of gmsa-krm
Register-ArgumentCompleter -Native -CommandName 'gmsa-krm', 'gmsa-krm.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.GetCommandName()
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $found = 0
    $otherwise = ''
    & $program __complete @before ":$wordToComplete" 2>$null | ForEach-Object {
        if ($_.StartsWith(':')) {
            $otherwise = $_
        } else {
            $text, $description = $_ -split "`t", 2
            if (-not $description) { $description = $text }
            $found += 1
            [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $description)
        }
    }
    # Without any result PowerShell completes files.
    if ($found -eq 0 -and $otherwise -eq ':none') { '' }
}
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}
