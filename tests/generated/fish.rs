//! completions/barge.fish

use super::Entry;

pub(super) fn script(entries: &[Entry]) -> String {
    let mut rows = String::new();
    let mut commands = String::new();
    let mut valued = String::new();
    for entry in entries {
        let at = format!("-n '__barge_at \"{}\"'", entry.path);
        if !entry.commands.is_empty() {
            let names: Vec<&str> = entry.commands.iter().map(|(name, _)| name.as_str()).collect();
            commands.push_str(&format!(
                "        case '{}'\n            printf '%s\\n' {}\n",
                entry.path,
                names.join(" ")
            ));
        }
        for (name, about) in &entry.commands {
            rows.push_str(&format!("complete -c barge -f {at} -a {name} -d {}\n", quoted(about)));
        }
        let mut with_value = Vec::new();
        for flag in &entry.flags {
            let short = flag.short.map(|short| format!(" -s {short}")).unwrap_or_default();
            let value = if flag.takes_value { " -r" } else { "" };
            rows.push_str(&format!(
                "complete -c barge {at} -l {}{short}{value} -d {}\n",
                flag.long,
                quoted(&flag.help)
            ));
            if flag.takes_value {
                with_value.push(format!("--{}", flag.long));
                with_value.extend(flag.short.map(|short| format!("-{short}")));
            }
        }
        if !with_value.is_empty() {
            valued.push_str(&format!(
                "        case '{}'\n            printf '%s\\n' {}\n",
                entry.path,
                with_value.join(" ")
            ));
        }
        if entry.commands.is_empty() {
            rows.push_str(&format!("complete -c barge {at} -a '(__barge_names)'\n"));
        }
    }
    format!(
        r#"# fish completion for barge. Written by `make golden` from the definitions of the command line; do not edit.

function __barge_commands
    switch $argv[1]
{commands}    end
end

function __barge_flags_with_value
    switch $argv[1]
{valued}    end
end

# The command that the words before the cursor name.
function __barge_path
    set -l path barge
    set -l in_value
    for word in (commandline -opc)[2..]
        if set -q in_value[1]
            set -e in_value
            continue
        end
        switch $word
            case '-*=*'
            case '-*'
                contains -- $word (__barge_flags_with_value $path); and set in_value 1
            case '*'
                contains -- $word (__barge_commands $path); and set path "$path $word"
        end
    end
    echo $path
end

function __barge_at
    test (__barge_path) = "$argv[1]"
end

function __barge_names
    set -l words (commandline -opc)
    $words[1] __complete $words[2..] (commandline -ct) 2>/dev/null
end

{rows}"#
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
