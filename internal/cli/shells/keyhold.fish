# Completion of keyhold in fish. It expands and runs nothing of what was typed.

function __keyhold_complete
    set -l given (commandline -opc)
    set -l raw (commandline -ct)
    set -l current ''
    for quote in '' \' '"' # one may be open
        if set current (string unescape -- "$raw$quote")
            break
        end
    end
    set -l program (string replace -r '^~/' "$HOME/" -- $given[1])
    command -q -- $program; or set program keyhold # an alias
    set -e given[1]

    # The program prints a word a line, with a description behind a tab, and at the
    # end a colon and a number.
    set -l out (command $program __complete $given "$current" 2>/dev/null)
    or return
    set -l directive (string sub -s 2 -- $out[-1])
    set -e out[-1]
    if test (math "$directive % 2") = 1
        return
    end
    if test (count $out) -gt 0
        set -l flag (string match -r -- '^-[^=]*=' "$current")
        printf '%s\n' "$flag"$out
    else if test (math "floor($directive / 4) % 2") = 0
        __fish_complete_path "$current"
    end
end

complete -c keyhold -e
complete -c keyhold -f -a '(__keyhold_complete)'
