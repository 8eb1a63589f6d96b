//! One page per command: `barge-run.1`. `barge-container-rm.1` points to `barge-rm.1`.

use clap_mangen::Man;
use std::collections::BTreeMap;

pub(super) fn pages() -> BTreeMap<String, String> {
    let tree = barge::cli::help::tree();
    let mut pages = BTreeMap::new();
    let top: Vec<String> = tree.get_subcommands().map(|command| command.get_name().to_string()).collect();
    walk(&tree, "barge", &top, &mut pages);
    pages
}

fn walk(command: &clap::Command, name: &str, top: &[String], pages: &mut BTreeMap<String, String>) {
    pages.insert(format!("man/{name}.1"), page(command, name));
    for beneath in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let whole = format!("{name}-{}", beneath.get_name());
        let short = match (name, beneath.get_name()) {
            ("barge-container", "list") => Some("ps".to_string()),
            ("barge-image", "list") => Some("images".to_string()),
            ("barge-image", "rm") => Some("rmi".to_string()),
            // These differ from those at the top.
            ("barge-container" | "barge-image", "inspect") => None,
            ("barge-container" | "barge-image" | "barge-system", same) => Some(same.to_string()),
            _ => None,
        };
        match short.filter(|short| top.contains(short)) {
            Some(short) => drop(pages.insert(format!("man/{whole}.1"), format!(".so man1/barge-{short}.1\n"))),
            None => walk(beneath, &whole, top, pages),
        }
    }
}

fn page(command: &clap::Command, name: &str) -> String {
    // clap_mangen wants the names it prints from the command itself.
    let spoken = if name == "barge" { name.to_string() } else { name.replacen('-', " ", 2) };
    let command = command.clone().name(name.to_string()).bin_name(spoken).disable_help_subcommand(true);
    let man = Man::new(command).title(name.to_uppercase()).manual("User Commands").source("barge").date("");
    let mut bytes = Vec::new();
    man.render(&mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("the definitions are UTF-8")
}
