//! A store, a home and an environment of one's own; what is left of them when the test ends is a failure.

use super::{Finished, base, image, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs the real binary with its own root, run root, HOME and a cleared environment. When it is dropped it removes
/// its containers and then looks for what leaked: processes, mounts, cgroups, temporary files.
pub struct Sandbox {
    dir: PathBuf,
    program: PathBuf,
    user: Option<(u32, u32)>,
    environment: Vec<(String, String)>,
    timeout: Duration,
    /// Every container id that was seen, for the search of cgroups.
    ids: RefCell<BTreeSet<String>>,
    /// The network namespace that commands run in: as root one of the sandbox's own, so that no bridge and no rule ever
    /// touches the machine's.
    network: RefCell<Option<File>>,
}

thread_local! {
    /// This test has a server on the machine's own loopback (a registry): its commands must reach it.
    static STAYS: Cell<bool> = const { Cell::new(false) };
}

/// From now on the commands of this test run in the machine's own network, where containers get none by default.
pub(crate) fn stay_in_the_machines_network() {
    STAYS.with(|stays| stays.set(true));
}

/// How much slower than others this machine is: an emulated one says so.
fn slowness() -> u64 {
    std::env::var("TEST_SLOWNESS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The uid and gid of a user of this machine.
pub fn test_user(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl Sandbox {
    /// As whoever runs the tests.
    pub fn new() -> Self {
        Sandbox::make(None)
    }

    /// As an ordinary user with subordinate ids. Needs `rootless`.
    pub fn rootless() -> Self {
        Sandbox::make(Some(test_user("barge-test").expect("needs![rootless]")))
    }

    /// As an ordinary user without subordinate ids. Needs `rootless_single`.
    pub fn rootless_single() -> Self {
        Sandbox::make(Some(test_user("barge-test-nosub").expect("needs![rootless_single]")))
    }

    /// As whoever runs the tests, with the busybox image loaded.
    pub fn with_busybox() -> Self {
        Sandbox::new().load_busybox()
    }

    /// The same sandbox with the busybox image loaded, as `busybox`.
    pub fn load_busybox(self) -> Self {
        self.args(&["load", "-q", "-i", &image::busybox().to_string_lossy()]).code(0).forget();
        self
    }

    fn make(user: Option<(u32, u32)>) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = base().join(format!("s{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir); // of an earlier process with our pid
        for (name, mode) in
            [("", 0o755), ("home", 0o700), ("xdg", 0o700), ("tmp", 0o700), ("work", 0o755), ("bin", 0o755)]
        {
            let path = dir.join(name);
            std::fs::create_dir_all(&path).expect("a sandbox can be made");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our own directory");
            if let Some((uid, gid)) = user {
                chown(&path, Some(uid), Some(gid)).expect("root may chown");
            }
        }
        let program = program_for_everybody();
        let mut sandbox = Sandbox {
            dir,
            program,
            user,
            environment: Vec::new(),
            timeout: Duration::from_secs(60 * slowness()),
            ids: RefCell::default(),
            network: RefCell::default(),
        };
        for (name, path) in [("HOME", "home"), ("XDG_RUNTIME_DIR", "xdg"), ("TMPDIR", "tmp")] {
            let path = sandbox.path(path).to_string_lossy().into_owned();
            sandbox.environment.push((name.into(), path));
        }
        sandbox.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        // The machine's own settings must not decide how a test ends.
        for name in ["CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"] {
            sandbox.env(name, "/dev/null");
        }
        sandbox
    }

    /// Sets a variable for the commands that follow.
    pub fn env(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.into(), value.into()));
    }

    /// Removes a variable for the commands that follow.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// How long a command may take (60 s).
    pub fn timeout(&mut self, seconds: u64) {
        self.timeout = Duration::from_secs(seconds * slowness());
    }

    /// A path in the sandbox. `work` is the working directory of commands, `home`, `tmp` and `xdg` are what they say.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// `--root`
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// `--runroot`
    pub fn run_root(&self) -> PathBuf {
        self.path("run")
    }

    /// The binary.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The uid that commands run as.
    pub fn uid(&self) -> u32 {
        self.user.map_or_else(|| nix::unistd::geteuid().as_raw(), |(uid, _)| uid)
    }

    /// The gid that commands run as.
    pub fn gid(&self) -> u32 {
        self.user.map_or_else(|| nix::unistd::getegid().as_raw(), |(_, gid)| gid)
    }

    /// Writes a file below the sandbox, for the sandbox's user, and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let mut missing: Vec<&Path> = path.ancestors().skip(1).take_while(|dir| !dir.exists()).collect();
        while let Some(dir) = missing.pop() {
            std::fs::create_dir(dir).expect("the sandbox is writable");
            if let Some((uid, gid)) = self.user {
                chown(dir, Some(uid), Some(gid)).expect("root may chown");
            }
        }
        std::fs::write(&path, content).expect("the sandbox is writable");
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).expect("root may chown");
        }
        path
    }

    /// Runs `barge --root … --runroot … LINE` to its end.
    #[track_caller]
    #[must_use]
    pub fn run(&self, line: &str) -> Finished {
        let words = words(line);
        self.args(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The same with the words given one by one.
    #[track_caller]
    #[must_use]
    pub fn args(&self, args: &[&str]) -> Finished {
        self.finish(self.command(args), b"")
    }

    /// The same with bytes on standard input.
    #[track_caller]
    #[must_use]
    pub fn run_with_input(&self, line: &str, input: &[u8]) -> Finished {
        let words = words(line);
        let mut command = self.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        command.stdin(Stdio::piped());
        self.finish(command, input)
    }

    /// Runs it under another name: `docker` or `podman`.
    #[track_caller]
    #[must_use]
    pub fn run_as(&self, name: &str, line: &str) -> Finished {
        let link = self.path("bin").join(name);
        let _ = std::os::unix::fs::symlink(&self.program, &link);
        let words = words(line);
        let mut command = Command::new(link);
        self.set_up(&mut command, &words.iter().map(String::as_str).collect::<Vec<_>>());
        self.finish(command, b"")
    }

    /// Starts a command without waiting; its output can be read when it has ended.
    #[track_caller]
    pub fn spawn(&self, line: &str) -> Running {
        let words = words(line);
        let mut command = self.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("barge can be started");
        Running { child: Some(child), line: line.to_string(), timeout: self.timeout }
    }

    /// The command, set up but not started: as the sandbox's user, in `work`, no standard input.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.set_up(&mut command, args);
        command
    }

    /// Another program with the sandbox's user, environment and directory.
    pub fn other(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.surround(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command, args: &[&str]) {
        self.surround(command);
        command.arg("--root").arg(self.root()).arg("--runroot").arg(self.run_root()).args(args);
    }

    fn surround(&self, command: &mut Command) {
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path("work")).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        } else if nix::unistd::geteuid().is_root() {
            if STAYS.with(Cell::get) {
                let path = self.path("no-network.conf");
                std::fs::write(&path, "[containers]\nnetns = \"none\"\n").expect("the sandbox is writable");
                if self.environment.iter().any(|(name, value)| name == "CONTAINERS_CONF" && value == "/dev/null") {
                    command.env("CONTAINERS_CONF", path);
                }
            } else {
                self.move_into_network(command);
            }
        }
    }

    /// The sandbox's own network namespace, made at the first need.
    pub fn network(&self) -> File {
        let mut network = self.network.borrow_mut();
        let own = network.get_or_insert_with(|| {
            std::thread::spawn(|| {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may make namespaces");
                barge::sys::netlink::loopback_up().expect("there is a loopback interface");
                File::open("/proc/thread-self/ns/net").expect("a namespace is a file")
            })
            .join()
            .expect("a namespace can be made")
        });
        own.try_clone().expect("a descriptor can be copied")
    }

    /// Lets a program run in the sandbox's network: a client beside its containers.
    pub fn move_into_network(&self, command: &mut Command) {
        let network = self.network();
        let join = move || Ok(nix::sched::setns(&network, nix::sched::CloneFlags::CLONE_NEWNET)?);
        // SAFETY: between fork and exec only one system call is made; nothing is allocated.
        unsafe { command.pre_exec(join) };
    }

    /// Waits for a command with the sandbox's patience.
    #[track_caller]
    pub fn finish(&self, mut command: Command, input: &[u8]) -> Finished {
        let line = command.get_args().skip(4).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_vec();
            std::thread::spawn(move || stdin.write_all(&input));
        }
        let finished = wait(child, line, self.timeout);
        self.remember(&finished);
        finished
    }

    /// Loads an image that was made in code.
    pub fn load(&self, image: &image::Image) {
        let path = self.path("work").join(format!("{}.tar", image.id()));
        image.save(&path);
        self.args(&["load", "-q", "-i", &path.to_string_lossy()]).code(0).forget();
        let _ = std::fs::remove_file(path);
    }

    /// A container that sleeps until it is told otherwise; returns its id.
    #[track_caller]
    pub fn start_sleeper(&self, name: &str) -> String {
        let script = "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done";
        self.args(&["run", "-d", "--name", name, "--network=none", "busybox", "sh", "-c", script])
            .ok()
            .text()
            .to_string()
    }

    fn remember(&self, finished: &Finished) {
        let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.ids.borrow_mut().extend(finished.stdout.split_whitespace().filter(is_id).map(str::to_string));
        for dir in [self.root(), self.run_root()] {
            let Ok(entries) = std::fs::read_dir(dir.join("containers")) else { continue };
            let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            self.ids.borrow_mut().extend(names.filter(|name| is_id(&name.as_str())));
        }
    }

    /// What should not be there any more, in words.
    fn leaks(&self) -> Vec<String> {
        // With the slash: s1-1 is not s1-12.
        let dir = format!("{}/", self.dir.display());
        let mut leaks = Vec::new();
        for pid in self.processes() {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            leaks.push(format!("process {pid}: {}", String::from_utf8_lossy(&words).replace('\0', " ")));
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        leaks.extend(mounts.lines().filter(|line| line.contains(&dir)).map(|line| format!("mount {line}")));
        leaks.extend(self.cgroups().iter().map(|path| format!("cgroup {}", path.display())));
        let entries = std::fs::read_dir(self.path("tmp")).into_iter().flatten().flatten();
        leaks.extend(entries.map(|entry| format!("temporary file {}", entry.path().display())));
        leaks
    }

    /// Processes that name the sandbox in their words, environment, root, directory or mounts; not the keeper of the
    /// user's namespace, which ends by itself.
    fn processes(&self) -> Vec<i32> {
        // With the slash: s1-1 is not s1-12.
        let dir = format!("{}/", self.dir.display());
        let own = std::process::id() as i32;
        let own_mounts = std::fs::read_link("/proc/self/ns/mnt").ok();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let contains = |bytes: Vec<u8>| bytes.windows(dir.len()).any(|window| window == dir.as_bytes());
            // What is mounted, not where: a mount that a test makes shows in everybody's table, and stays in the copies
            // that other tests' rootless monitors have of it.
            let mounted = |table: Vec<u8>| {
                String::from_utf8_lossy(&table).lines().any(|line| {
                    let options = line.split(" - ").nth(1).unwrap_or_default();
                    line.split(' ').nth(3).is_some_and(|root| root.contains(&dir)) || options.contains(&dir)
                })
            };
            let linked =
                |name: &str| std::fs::read_link(entry.path().join(name)).is_ok_and(|path| path.starts_with(&self.dir));
            let words = read("cmdline");
            if pid == own
                || words.windows(7).any(|window| window == b"@userns")
                || words.starts_with(b"docker-registry")
            {
                continue;
            }
            if contains(words)
                || contains(read("environ"))
                || linked("cwd")
                || linked("root")
                // What is mounted in our own namespace everybody on the machine has in sight: it says nothing of who uses it.
                || std::fs::read_link(entry.path().join("ns/mnt")).ok() != own_mounts && mounted(read("mountinfo"))
            {
                found.push(pid);
            }
        }
        found
    }

    /// cgroup directories named after a container of ours.
    fn cgroups(&self) -> Vec<PathBuf> {
        fn walk(dir: &Path, depth: u32, ids: &BTreeSet<String>, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                if ids.iter().any(|id| name.contains(id.as_str())) {
                    found.push(entry.path());
                } else if depth > 0 {
                    walk(&entry.path(), depth - 1, ids, found);
                }
            }
        }
        let mut found = Vec::new();
        let ids = self.ids.borrow();
        if !ids.is_empty() {
            walk(Path::new("/sys/fs/cgroup"), 5, &ids, &mut found);
        }
        found
    }

    /// Ends the keeper of a rootless namespace (harmless at any time), so that nothing of the sandbox is left at all.
    fn end_keeper(&self) {
        let Some((uid, _)) = self.user else { return };
        // With the slash: s1-1 is not s1-12.
        let dir = format!("{}/", self.dir.display());
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let words =
                String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).unwrap_or_default()).into_owned();
            if words.contains("@userns") && words.contains(&dir) && entry.metadata().is_ok_and(|meta| meta.uid() == uid)
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let mut leaks = Vec::new();
        if self.root().exists() || self.run_root().exists() {
            let mut command = self.command(&["rm", "-f", "-a", "-t", "0"]);
            let output = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .map(|child| wait(child, "rm -fa".into(), self.timeout));
            match output {
                Ok(finished) if finished.status == 0 => {}
                Ok(finished) => leaks.push(format!("containers: {finished}")),
                Err(error) => leaks.push(format!("containers: {error}")),
            }
            // Monitors tell their callers first and leave then.
            let deadline = Instant::now() + Duration::from_secs(3);
            leaks.extend(loop {
                let found = self.leaks();
                if found.is_empty() || Instant::now() > deadline {
                    break found;
                }
                std::thread::sleep(Duration::from_millis(20));
            });
        }
        for pid in self.processes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        self.end_keeper();
        for path in self.cgroups() {
            let _ = std::fs::remove_dir(path);
        }
        if let Err(error) = remove(&self.dir) {
            leaks.push(format!("{}: {error}", self.dir.display()));
        }
        if !leaks.is_empty() && !std::thread::panicking() {
            panic!("left behind:\n{}", leaks.join("\n"));
        }
    }
}

/// Removes a tree, also one with directories of mode 000 (overlay's work directory).
fn remove(dir: &Path) -> std::io::Result<()> {
    for _ in 0..3 {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(()) => return Ok(()),
            Err(_) => {
                let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(dir).stderr(Stdio::null()).status();
            }
        }
    }
    std::fs::remove_dir_all(dir)
}

/// A command that was started; killed when it is dropped.
pub struct Running {
    child: Option<Child>,
    line: String,
    timeout: Duration,
}

impl Running {
    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.child.as_ref().expect("it runs").id() as i32
    }

    /// The process, with its pipes.
    pub fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("our own child");
    }

    /// Closes its standard input and waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let mut child = self.child.take().expect("it runs");
        drop(child.stdin.take());
        wait(child, self.line.clone(), self.timeout)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Finished {
    /// Nothing more to ask.
    pub fn forget(self) {}
}

/// Waits for the process *and* for the end of its output: a child that keeps the caller's pipe open is found here.
#[track_caller]
fn wait(child: Child, line: String, timeout: Duration) -> Finished {
    let pid = Pid::from_raw(child.id() as i32);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(timeout) {
        Ok(output) => Finished::new(line, output.expect("output can be read")),
        Err(_) => {
            let _ = kill(pid, Signal::SIGKILL);
            let rest = receiver.recv_timeout(Duration::from_secs(2)).ok().and_then(Result::ok);
            let text = rest.map(|output| Finished::new(line.clone(), output).to_string());
            panic!(
                "`{line}` did not end in {} s:\n{}",
                timeout.as_secs(),
                text.unwrap_or_else(|| "(something still holds its output open)".into())
            );
        }
    }
}

/// The binary at a path that every user can reach: the target directory may lie in somebody's home.
fn program_for_everybody() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_barge"));
    if !nix::unistd::geteuid().is_root() {
        return program.to_path_buf();
    }
    let meta = std::fs::metadata(program).expect("cargo has built it");
    let name = format!("barge-{}-{}-{}", meta.mtime(), meta.mtime_nsec(), meta.len());
    let dir = super::cached(&name, |partial| {
        // Those of earlier builds would fill the disk.
        for old in std::fs::read_dir(partial.parent().expect("the cache")).into_iter().flatten().flatten() {
            let stale = old.metadata().is_ok_and(|meta| {
                meta.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() > 3600))
            });
            if stale && old.file_name().to_string_lossy().starts_with("barge-") {
                let _ = std::fs::remove_dir_all(old.path());
                let _ = std::fs::remove_file(old.path());
            }
        }
        std::fs::create_dir(partial).expect("the cache is writable");
        std::fs::copy(program, partial.join("barge")).expect("the binary can be copied");
    });
    dir.join("barge")
}
