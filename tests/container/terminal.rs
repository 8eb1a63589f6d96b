//! Terminals, as people see them: through tmux.

use crate::support::{Sandbox, needs};
use std::process::Command;
use std::time::{Duration, Instant};

/// A tmux server of its own with one window of a known size.
struct Screen<'a> {
    sandbox: &'a Sandbox,
    socket: String,
}

impl<'a> Screen<'a> {
    fn new(sandbox: &'a Sandbox, columns: u16, rows: u16) -> Self {
        let socket = sandbox.path("work/tmux").to_string_lossy().into_owned();
        let screen = Screen { sandbox, socket };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = "env -i PS1='host$ ' TERM=screen PATH=/usr/bin:/bin sh";
        screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, shell]);
        screen.wait_for("host$");
        screen
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut command: Command = self.sandbox.other("tmux");
        command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
        let output = command.arg("-S").arg(&self.socket).args(args).output().expect("tmux runs");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a command line of barge, and Enter.
    fn barge(&self, line: &str) {
        let program = self.sandbox.program().to_string_lossy().into_owned();
        let (root, run) = (self.sandbox.root(), self.sandbox.run_root());
        let script =
            format!("#!/bin/sh\nexec {program} --root {} --runroot {} \"$@\"\n", root.display(), run.display());
        let path = self.sandbox.file("work/b", script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("it is ours");
        self.keys(&[&format!("{} {line}", path.display()), "Enter"]);
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    #[track_caller]
    fn wait_for(&self, part: &str) -> String {
        self.wait_until(part, |text| text.contains(part))
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let text = self.text();
            if is_there(&text) {
                return text;
            }
            assert!(Instant::now() < end, "no {what:?} in:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        let mut command = self.sandbox.other("tmux");
        let _ = command.env("PATH", "/usr/bin:/bin").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

#[test]
fn a_shell_has_the_terminals_size_and_follows_it() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    let screen = Screen::new(&sandbox, 93, 31);
    screen.barge("run -it --rm --network=none busybox sh");
    screen.wait_for("/ #");
    screen.keys(&["stty size; tty", "Enter"]);
    screen.wait_for("31 93");
    screen.wait_for("/dev/pts/0");
    screen.tmux(&["resize-window", "-x", "71", "-y", "22"]);
    screen.keys(&["clear; sleep 0.3; stty size", "Enter"]);
    screen.wait_for("22 71");
    screen.keys(&["exit 3", "Enter"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    screen.keys(&["echo code $?; stty -a | grep -o ' [-]*echo '", "Enter"]);
    screen.wait_for("code 3");
    screen.wait_for("\n echo");
}

#[test]
fn control_c_is_a_key() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    let screen = Screen::new(&sandbox, 80, 24);
    screen.barge("run -it --rm --network=none busybox sh");
    screen.wait_for("/ #");
    screen.keys(&["sleep 1000", "Enter"]);
    std::thread::sleep(Duration::from_millis(200));
    screen.keys(&["C-c"]);
    screen.keys(&["echo still $((20+22)) here", "Enter"]);
    screen.wait_for("still 42 here");
    screen.keys(&["C-d"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
}

#[test]
fn full_screen_programs_work() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let screen = Screen::new(&sandbox, 80, 24);
    screen.barge("exec -it web vi /note");
    screen.wait_for("~");
    screen.keys(&["i", "written in vi"]);
    screen.wait_for("written in vi");
    // busybox takes an escape that more keys follow at once for the beginning of a function key.
    screen.keys(&["Escape"]);
    screen.wait_for("- /note");
    screen.keys(&[":wq", "Enter"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    sandbox.run("exec web cat /note").ok().stdout_is("written in vi\n").forget();
    screen.keys(&["clear", "Enter"]);
    screen.barge("exec -it web top");
    screen.wait_for("Mem:");
    screen.keys(&["q"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    sandbox.run("exec web sh -c 'seq 1 500 > /numbers'").ok().forget();
    screen.keys(&["clear", "Enter"]);
    screen.barge("exec -it web less /numbers");
    screen.wait_for("23");
    screen.keys(&["G"]);
    screen.wait_for("500");
    screen.keys(&["q"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
}

#[test]
fn keys_detach_and_attach_comes_back() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    let screen = Screen::new(&sandbox, 80, 24);
    screen.barge("run -it --name web --network=none busybox sh");
    screen.wait_for("/ #");
    screen.keys(&["X=kept", "Enter"]);
    screen.keys(&["C-p", "C-q"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    sandbox.run("ps --format {{.Names}}").ok().stdout_is("web\n").forget();
    screen.keys(&["clear", "Enter"]);
    screen.barge("attach --detach-keys ctrl-x,x web");
    std::thread::sleep(Duration::from_millis(300));
    screen.keys(&["echo value $X", "Enter"]);
    screen.wait_for("value kept");
    screen.keys(&["C-x", "x"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    // A lone ctrl-p is a key like any other: the shell's history.
    screen.keys(&["clear", "Enter"]);
    screen.barge("attach web");
    std::thread::sleep(Duration::from_millis(300));
    screen.keys(&["C-p"]);
    screen.wait_for("echo value $X");
    screen.keys(&["C-u", "exit", "Enter"]);
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
}

#[test]
fn the_terminal_is_restored_after_a_signal() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    let screen = Screen::new(&sandbox, 80, 24);
    screen.barge("run -it --name web --network=none busybox sh");
    screen.wait_for("/ #");
    let text = sandbox.other("pgrep").env("PATH", "/usr/bin:/bin").args(["-f", "run -it --name web"]).output();
    let text = String::from_utf8_lossy(&text.expect("pgrep runs").stdout).into_owned();
    let pids: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let ours = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == sandbox.program());
    let pid = pids.into_iter().find(ours).expect("the command runs");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).expect("it lives");
    screen.wait_until("host$ at the end", |text| text.trim_end().ends_with("host$"));
    screen.keys(&["stty -a | grep -o ' [-]*icanon '", "Enter"]);
    screen.wait_for("\n icanon");
    sandbox.run("ps --format {{.Names}}").ok().stdout_is("web\n").forget();
    sandbox.run("rm -f -t 0 web").ok().forget();
}

/// R18: a container never gets our terminal, so it can't type into it.
#[test]
fn the_container_does_not_get_our_terminal() {
    needs![tmux];
    let sandbox = Sandbox::with_busybox();
    let screen = Screen::new(&sandbox, 120, 24);
    for flags in ["", "-i", "-it"] {
        screen.keys(&["clear", "Enter"]);
        screen.barge(&format!(
            "run --rm {flags} --network=none busybox ls -l /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2"
        ));
        let text = screen.wait_until("host$ at the end", |text| {
            text.matches("host$").count() > 1 && text.trim_end().ends_with("host$")
        });
        let own = std::fs::read_link("/proc/self/fd/0").unwrap_or_default();
        assert!(!text.contains("-> /dev/pts/1") || own.starts_with("/dev/pts"), "{text}");
        if flags == "-it" {
            assert!(text.contains("/dev/pts/0"), "{text}");
        } else {
            assert!(!text.contains("/dev/pts/"), "{text}");
        }
    }
}
