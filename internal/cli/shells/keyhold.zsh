#compdef keyhold
# Completion of keyhold in zsh. It expands and runs nothing of what was typed.

_keyhold() {
    local program=${${(Q)words[1]}/#\~\//$HOME/} current=${(Q)PREFIX} directive
    local -a given out names shown expl options
    given=("${(@Q)words[2,CURRENT-1]}")
    whence -p -- "$program" >/dev/null || program=keyhold # an alias

    # The program prints a word a line, with a description behind a tab, and at the
    # end a colon and a number.
    out=("${(@f)$(command "$program" __complete "${given[@]}" "$current" 2>/dev/null)}")
    directive=${out[-1]#:}
    out[-1]=()
    [[ $directive == <-> ]] && ! (( directive & 1 )) || return 1
    if (( $#out == 0 )); then
        (( directive & 4 )) && return 1
        _files
        return
    fi
    names=("${(@)out%%$'\t'*}")
    if [[ $current == -*=* ]]; then
        compset -P 1 '*='
    fi
    shown=("${(@)out/$'\t'/  -- }")
    if [[ -n ${(M)out:#*$'\t'*} ]]; then
        options+=(-l)
    fi
    if (( directive & 2 )); then
        options+=(-S '')
    fi
    _wanted values expl value compadd -d shown "${options[@]}" -a names
}

if [[ $funcstack[1] == _keyhold ]]; then
    _keyhold "$@"
else # sourced
    compdef _keyhold keyhold
fi
