# Completion of keyhold in bash. It needs no package, and expands and runs
# nothing of what was typed.

# __keyhold_parse takes a text apart as bash does. It sets words to the words before
# the last one, word to the last one, raw to the same as it was typed, quote to the
# quote that is open, and file if the last one is where a redirection goes.
__keyhold_parse() {
    local text=$1 c i some=
    words=() word= raw= quote= file=
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $quote$c in
        [[:space:]] | '<' | '>')
            if [[ $c != [[:space:]] && $word == "$raw" && $word != *[!0-9]* ]]; then
                some= # the number of a descriptor
            fi
            [[ $some && ! $file ]] && words+=("$word")
            [[ $some ]] && file=
            [[ $c == [[:space:]] ]] || file=1
            some= word= raw=
            continue
            ;;
        "'" | '"') quote=$c ;;
        "''" | '""') quote= ;;
        '\' | '"\')
            raw+=$c c=${text:$((++i)):1}
            [[ $quote && $c != ['\"$`'] ]] && word+='\'
            word+=$c
            ;;
        *) word+=$c ;;
        esac
        some=1 raw+=$c
    done
}

_keyhold() {
    local words word raw quote file
    COMPREPLY=()
    __keyhold_parse "${COMP_LINE:0:COMP_POINT}"
    if [[ $file ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    local given=("${words[@]:1}") current=$word program=${words[0]/#\~\//$HOME/}
    type -P -- "$program" >/dev/null || program=keyhold # an alias

    # The program prints a word a line, and at the end a colon and a number.
    local out request=__completeNoDesc
    [[ $COMP_TYPE == 63 ]] && request=__complete # a list, with descriptions
    out=$("$program" $request "${given[@]}" "$current" 2>/dev/null) || return
    local directive=${out##*:} list
    IFS=$'\n' read -r -d '' -a list <<<"${out%:*}"
    ((directive & 1)) && return
    ((directive & 2)) && compopt -o nospace 2>/dev/null
    if ((${#list[@]} == 0)); then
        ((directive & 4)) || compopt -o default 2>/dev/null
        return
    fi
    if [[ $request == __complete ]] && ((${#list[@]} > 1)); then
        COMPREPLY=("${list[@]/$'\t'/  -- }")
        return
    fi
    list=("${list[@]%%$'\t'*}")
    [[ $current == -*=* ]] && list=("${list[@]/#/${current%%=*}=}")

    # Bash replaces only $2, which begins behind a quote, a colon or the like.
    __keyhold_parse "${raw%"$2"}"
    list=("${list[@]#"$word"}")
    case $quote in
    "'") list=("${list[@]//\'/\'\\\'\'}") ;;
    '"')
        list=("${list[@]//\\/\\\\}")
        list=("${list[@]//\"/\\\"}")
        list=("${list[@]//\$/\\\$}")
        list=("${list[@]//\`/\\\`}")
        ;;
    *) IFS=$'\n' read -r -d '' -a list <<<"$(printf '%q\n' "${list[@]}")" ;;
    esac
    COMPREPLY=("${list[@]}")
}

complete -F _keyhold keyhold
