//! Networks: bridges, names, ports, isolation. Every sandbox is a host of its own.

mod connect;
mod create;
mod explain;
mod isolation;
mod names;
mod ports;
mod run;

use crate::support::Sandbox;
use std::process::Command;

/// A shell line on the sandbox's host; its output, whatever came of it.
pub fn on_host(sandbox: &Sandbox, line: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    sandbox.move_into_network(&mut command);
    let output = command.output().expect("sh runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A web server that says `word` and who asks, until it is told to end.
pub fn start_server(sandbox: &Sandbox, options: &[&str], word: &str) -> String {
    let script = format!("mkdir /w; echo {word} > /w/index.html; trap 'exit 0' TERM; httpd -f -p 80 -h /w & wait");
    let mut words = vec!["run", "-d"];
    words.extend(options);
    words.extend(["--cap-add", "net_raw", "busybox", "sh", "-c", &script]);
    let id = sandbox.args(&words).ok().text().to_string();
    // It listens a moment after it has started.
    let name =
        format!("exec {id} sh -c 'for i in 1 2 3 4 5 6 7 8 9; do netstat -ltn | grep -q :80 && exit; sleep 0.2; done'");
    sandbox.run(&name).ok().forget();
    id
}

/// What a web server says to a container (whose `wget` is not to be had in a static busybox).
pub fn fetch(host: &str, port: u16) -> String {
    format!("sh -c \"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {host} {port} | tail -n 1\"")
}
