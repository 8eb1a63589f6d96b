//! completions/barge.bash

use super::Entry;

pub(super) fn script(entries: &[Entry]) -> String {
    let mut commands = String::new();
    let mut flags = String::new();
    let mut valued = String::new();
    for entry in entries {
        if !entry.commands.is_empty() {
            let names: Vec<&str> = entry.commands.iter().map(|(name, _)| name.as_str()).collect();
            commands.push_str(&format!("        \"{}\") echo \"{}\" ;;\n", entry.path, names.join(" ")));
        }
        let spellings = |wanted: fn(&super::Flag) -> bool| {
            let mut all = Vec::new();
            for flag in entry.flags.iter().filter(|flag| wanted(flag)) {
                all.push(format!("--{}", flag.long));
                all.extend(flag.short.map(|short| format!("-{short}")));
            }
            all.join(" ")
        };
        flags.push_str(&format!("        \"{}\") echo \"{}\" ;;\n", entry.path, spellings(|_| true)));
        let with_value = spellings(|flag| flag.takes_value);
        if !with_value.is_empty() {
            valued.push_str(&format!("        \"{}\") echo \"{with_value}\" ;;\n", entry.path));
        }
    }
    format!(
        r#"# bash completion for barge. Written by `make golden` from the definitions of the command line; do not edit.

_barge_commands() {{
    case "$1" in
{commands}    esac
}}

_barge_flags() {{
    case "$1" in
{flags}    esac
}}

_barge_flags_with_value() {{
    case "$1" in
{valued}    esac
}}

_barge() {{
    local program=${{COMP_WORDS[0]}} line words=() word cur path=barge in_value= commands i
    # COMP_WORDS is cut at `:` and `=`; image names and --flag=value are not.
    line=${{COMP_LINE:0:COMP_POINT}}
    read -r -a words <<<"$line"
    case "$line" in *[[:space:]]) words+=("") ;; esac
    cur=${{words[${{#words[@]}} - 1]}}
    for ((i = 1; i < ${{#words[@]}} - 1; i++)); do
        word=${{words[i]}}
        if [ -n "$in_value" ]; then
            in_value=
            continue
        fi
        case "$word" in
        -*=*) ;;
        -*) case " $(_barge_flags_with_value "$path") " in *" $word "*) in_value=1 ;; esac ;;
        *) case " $(_barge_commands "$path") " in *" $word "*) path="$path $word" ;; esac ;;
        esac
    done
    COMPREPLY=()
    [ -z "$in_value" ] || return 0
    commands=$(_barge_commands "$path")
    case "$cur" in
    -*) COMPREPLY=($(compgen -W "$(_barge_flags "$path")" -- "$cur")) ;;
    *)
        if [ -n "$commands" ]; then
            COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        else
            COMPREPLY=($("$program" __complete "${{words[@]:1}}" 2>/dev/null))
        fi
        ;;
    esac
    # readline replaces only what stands after the last colon.
    case "$cur" in
    *:*) for i in "${{!COMPREPLY[@]}}"; do COMPREPLY[i]=${{COMPREPLY[i]#"${{cur%"${{cur##*:}}"}}"}}; done ;;
    esac
}}

complete -o default -F _barge barge
"#
    )
}
