//! completions/_barge (zsh)

use super::Entry;

pub(super) fn script(entries: &[Entry]) -> String {
    let mut commands = String::new();
    let mut flags = String::new();
    let mut valued = String::new();
    for entry in entries {
        if !entry.commands.is_empty() {
            let rows: Vec<String> =
                entry.commands.iter().map(|(name, about)| quoted(&format!("{name}:{about}"))).collect();
            commands.push_str(&format!("    ({}) reply=({}) ;;\n", quoted(&entry.path), rows.join(" ")));
        }
        let mut rows = Vec::new();
        let mut with_value = Vec::new();
        for flag in &entry.flags {
            let spellings = [Some(format!("--{}", flag.long)), flag.short.map(|short| format!("-{short}"))];
            for spelling in spellings.into_iter().flatten() {
                rows.push(quoted(&format!("{spelling}:{}", flag.help)));
                if flag.takes_value {
                    with_value.push(spelling);
                }
            }
        }
        flags.push_str(&format!("    ({}) reply=({}) ;;\n", quoted(&entry.path), rows.join(" ")));
        if !with_value.is_empty() {
            valued.push_str(&format!("    ({}) reply=({}) ;;\n", quoted(&entry.path), with_value.join(" ")));
        }
    }
    format!(
        r#"#compdef barge
# zsh completion for barge. Written by `make golden` from the definitions of the command line; do not edit.

_barge_commands() {{
    reply=()
    case "$1" in
{commands}    esac
}}

_barge_flags() {{
    reply=()
    case "$1" in
{flags}    esac
}}

_barge_flags_with_value() {{
    reply=()
    case "$1" in
{valued}    esac
}}

_barge() {{
    local path_=barge in_value= word i
    local -a reply names
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $in_value ]]; then
            in_value=
            continue
        fi
        case $word in
        (-*=*) ;;
        (-*)
            _barge_flags_with_value "$path_"
            (( ${{reply[(Ie)$word]}} )) && in_value=1
            ;;
        (*)
            _barge_commands "$path_"
            (( ${{${{reply%%:*}}[(Ie)$word]}} )) && path_="$path_ $word"
            ;;
        esac
    done
    if [[ -n $in_value ]]; then
        _files
        return
    fi
    if [[ $words[CURRENT] == -* ]]; then
        _barge_flags "$path_"
        names=($reply)
        _describe -o 'option' names
        return
    fi
    _barge_commands "$path_"
    if (( $#reply )); then
        names=($reply)
        _describe 'command' names
        return
    fi
    names=(${{(f)"$($words[1] __complete "${{(@)words[2,CURRENT]}}" 2>/dev/null)"}})
    if (( $#names )); then
        compadd -a names
    else
        _files
    fi
}}

_barge "$@"
"#
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
