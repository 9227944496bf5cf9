"""Completion brought to a shell: its script printed, or installed where the shell reads it.

Names of files, keys and titles are what agents wrote, so no script evaluates any of them: what it is offered
is lines of data, and is quoted for the line that it goes into.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from shellingham import ShellDetectionFailure, detect_shell
from typer.completion import get_completion_inspect_parameters

from everstore.cli.output import one_line, write
from everstore.errors import InvalidArgumentError

__all__ = ["InstallOption", "ShowOption", "evaluates"]

_BASH = r"""_everstore_completion() {
    local rest=${COMP_LINE:0:COMP_POINT} words= last= before= value i count=-1
    # A word of a command is several to bash where it has a : or a =.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"} words+=$'\n' last= count=$((count + 1))
        fi
        value=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || value=$rest
        rest=${rest#"$value"} words+=$value before=$last last+=$value
    done
    [[ $value != +([:=]) ]] || before=$last
    [[ $before != -*=* ]] || before=${before#*=} # what is offered for --option= begins behind it
    before=${before//[\\\"\']/}
    COMPREPLY=()
    while IFS= read -r value; do
        [[ $value == "$before"* ]] || continue
        value=${value#"$before"}
        case $last in
            \"*) # as it is written between quotes
                value=${value//\\/\\\\} value=${value//\"/\\\"}
                value=${value//\$/\\\$} value=${value//\`/\\\`}
                ;;
            \'*) [[ $value != *\'* ]] || continue ;;
            *) [[ -z $value ]] || printf -v value %q "$value" ;;
        esac
        [[ -z $value ]] || COMPREPLY+=("$value")
    done < <(COMP_WORDS=$words COMP_CWORD=$count _EVERSTORE_COMPLETE=complete_bash "$1" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -o default -F _everstore_completion everstore
"""

_ZSH = r"""#compdef everstore
_everstore_completion() {
    local line
    local -a asked inside insides leaves told
    asked=("${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}")
    for line in "${(@f)$(_TYPER_COMPLETE_ARGS="${(j: :)${(@qq)asked}}" _EVERSTORE_COMPLETE=complete_fish \
            _TYPER_COMPLETE_FISH_ACTION=get-args "${(Q)words[1]}" 2>/dev/null)}"; do
        case ${line%%$'\t'*} in
            '') ;;
            */) insides+=("$line") ;;
            *) leaves+=("${line%%$'\t'*}") told+=("${line/$'\t'/  -- }") ;;
        esac
    done
    if (( ! $#leaves && ! $#insides )); then
        _files
        return
    fi
    [[ $PREFIX != -*=* ]] || compset -P 1 '*=' # what is offered for --option= begins behind it
    (( ! $#insides )) || compadd -S '' -a insides
    if [[ "$told" == "$leaves" ]]; then
        compadd -a leaves
    else
        compadd -l -d told -a leaves
    fi
}
if [[ $funcstack[1] == _everstore ]]; then
    _everstore_completion "$@"
else
    compdef _everstore_completion everstore
fi
"""

_FISH = r"""function _everstore_completion
    env _EVERSTORE_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) everstore 2>/dev/null
end
complete --command everstore --no-files --condition "_everstore_completion is-args" \
    --arguments "(_everstore_completion get-args)"
"""


class _Shell(NamedTuple):
    """What a shell needs: the script, where it goes below the home directory, and what reads it there."""

    script: str
    place: str
    start: str = ""
    line: str = ""


_SHELLS = {
    "bash": _Shell(
        _BASH, ".bash_completions/everstore.sh", ".bashrc", "source ~/.bash_completions/everstore.sh"
    ),
    "zsh": _Shell(_ZSH, ".zfunc/_everstore", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
    "fish": _Shell(_FISH, ".config/fish/completions/everstore.fish"),
}

get_completion_inspect_parameters()  # not for these, but it has typer know the shells whose scripts ask


def evaluates() -> bool:
    """Whether the script that asks would run what it is offered, as those do that come with typer."""
    return os.environ.get("_EVERSTORE_COMPLETE") not in {"complete_bash", "complete_fish"}


def _here() -> _Shell:
    try:
        name, _ = detect_shell()
    except ShellDetectionFailure:
        name = "unknown"
    if name not in _SHELLS:
        raise InvalidArgumentError(f"completion is for {', '.join(_SHELLS)}; this shell is {name}")
    return _SHELLS[name]


def _install(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if not wanted or ctx.resilient_parsing:
        return
    shell, home = _here(), Path.home()
    place = home / shell.place
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(shell.script, "utf-8")
    if shell.start:
        start = home / shell.start
        before = start.read_bytes() if start.exists() else b""
        line = shell.line.encode()
        if line not in before.splitlines():
            end = b"\n" if before and not before.endswith(b"\n") else b""
            with start.open("ab") as file:
                file.write(end + line + b"\n")
    write(f"completion is in {one_line(str(place))}; a new terminal has it\n")
    raise typer.Exit


def _show(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if not wanted or ctx.resilient_parsing:
        return
    write(_here().script)
    raise typer.Exit


InstallOption = Annotated[
    bool,
    typer.Option(
        "--install-completion",
        callback=_install,
        is_eager=True,
        help="Have this shell (bash, zsh, fish) complete commands, sessions, paths and keys, and exit.",
    ),
]

ShowOption = Annotated[
    bool,
    typer.Option(
        "--show-completion",
        callback=_show,
        is_eager=True,
        help="Print what --install-completion would write for this shell, and exit.",
    ),
]
