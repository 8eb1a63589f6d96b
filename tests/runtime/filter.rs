//! The system call filter that is really loaded: read back from the kernel, and beside that of runc with docker's profile.

use crate::support::{Sandbox, needs};
use barge::runtime::Seccomp;
use barge::runtime::seccomp::interpret::{Call, run, run_all};
use barge::sys::capability::Set;
use barge::sys::seccomp::{Instruction, filters_of};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const X32_BIT: u32 = 0x4000_0000;
const ALLOW: u32 = 0x7fff_0000;
const REFUSED: u32 = 0x0005_0001;
/// podman's eleven.
const CAPABILITIES: u64 = 0x8004_05fb;

/// The default filter, compiled here and now.
fn default_filter(capabilities: u64) -> Vec<Instruction> {
    let dir = tempfile::tempdir().unwrap();
    let filter = barge::runtime::seccomp::filter(&Seccomp::Default, None, Set(capabilities), dir.path());
    filter.unwrap().unwrap().instructions
}

fn loaded(pid: i32) -> Vec<Instruction> {
    let mut filters = filters_of(pid).unwrap();
    assert_eq!(filters.len(), 1);
    filters.remove(0)
}

fn pid_of(sandbox: &Sandbox, name: &str) -> i32 {
    sandbox.run(&format!("inspect -f '{{{{.State.Pid}}}}' {name}")).ok().text().trim().parse().unwrap()
}

#[test]
fn the_loaded_filter_is_the_default_one_for_run_and_exec() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    for (options, capabilities) in
        [("", CAPABILITIES), ("--cap-add SYS_ADMIN", CAPABILITIES | 1 << 21), ("--user 1000", CAPABILITIES)]
    {
        sandbox.start_sleeper("other");
        sandbox.run(&format!("run -d --name web {options} busybox sleep 1000")).ok().forget();
        let pid = pid_of(&sandbox, "web");
        assert!(loaded(pid) == default_filter(capabilities), "{options}");
        // The control: with other capabilities it is another one.
        assert!(loaded(pid) != default_filter(1 << 25), "{options}");
        let exec = sandbox.spawn("exec web sleep 1000");
        let inside = (0..500)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                let top = sandbox.run("top web hpid comm").ok();
                let pids: Vec<i32> = top
                    .lines()
                    .iter()
                    .skip(1)
                    // Before that it is on its way, and not yet under the filter.
                    .filter(|line| line.ends_with("sleep"))
                    .filter_map(|line| line.split_whitespace().next()?.parse().ok())
                    .collect();
                pids.into_iter().find(|found| *found != pid)
            })
            .expect("the exec runs");
        assert!(loaded(inside) == default_filter(capabilities), "exec with {options}");
        sandbox.run("rm -f -t 0 web other").code(0).forget();
        drop(exec.finish());
    }
    sandbox.run("run -d --name web --privileged busybox sleep 1000").ok().forget();
    assert!(filters_of(pid_of(&sandbox, "web")).unwrap().is_empty());
    sandbox.run("rm -f -t 0 web").ok().forget();
}

/// docker's JSON as dockerd hands it to runc, for these capabilities.
fn for_runc() -> Value {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/docker-seccomp.json")).unwrap();
    let profile: Value = serde_json::from_str(&text).unwrap();
    let holds = |entry: &&Value| {
        let list = |of: &str, what: &str| entry[of][what].as_array().cloned().unwrap_or_default();
        let granted = |name: &Value| Set(CAPABILITIES).has(Set::named(name.as_str().unwrap()).unwrap());
        let arches = list("includes", "arches");
        (arches.is_empty() || arches.contains(&json!("amd64")))
            && list("includes", "caps").iter().all(granted)
            && !list("excludes", "caps").iter().any(granted)
            && !list("excludes", "arches").contains(&json!("amd64"))
    };
    let calls: Vec<Value> = profile["syscalls"]
        .as_array()
        .unwrap()
        .iter()
        .filter(holds)
        .map(|entry| {
            let mut call = json!({"names": entry["names"], "action": entry["action"]});
            for key in ["args", "errnoRet"] {
                if !entry[key].is_null() {
                    call[key] = entry[key].clone();
                }
            }
            call
        })
        .collect();
    json!({
        "defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": calls,
    })
}

/// A container of runc's; gone with it.
struct Runc {
    name: String,
    state: std::path::PathBuf,
}

impl Drop for Runc {
    fn drop(&mut self) {
        let _ = Command::new("runc").arg("--root").arg(&self.state).args(["delete", "-f", &self.name]).status();
    }
}

impl Runc {
    fn start(sandbox: &Sandbox, seccomp: &Value) -> (Runc, i32) {
        let (bundle, state) = (sandbox.path("work/bundle"), sandbox.path("work/runc"));
        std::fs::create_dir_all(bundle.join("rootfs/proc")).unwrap();
        std::fs::copy("/bin/busybox", bundle.join("rootfs/busybox")).unwrap();
        std::fs::set_permissions(bundle.join("rootfs/busybox"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let names = ["CAP_CHOWN", "CAP_KILL"];
        let spec = json!({
            "ociVersion": "1.0.2", "root": {"path": "rootfs"},
            "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/busybox", "sleep", "1000"],
                "capabilities": {"bounding": names, "effective": names, "permitted": names}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}],
                "seccomp": seccomp},
        });
        std::fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
        let runc = Runc { name: format!("barge-test-{}", std::process::id()), state };
        let pid_file = sandbox.path("work/pid");
        let status = Command::new("runc")
            .arg("--root")
            .arg(&runc.state)
            .args(["run", "-d", "--bundle"])
            .arg(&bundle)
            .arg("--pid-file")
            .arg(&pid_file)
            .arg(&runc.name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .status()
            .unwrap();
        assert!(status.success(), "runc run");
        let pid = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
        (runc, pid)
    }
}

/// What libseccomp 2.5 does not know by name: calls of Linux 5.18 and later, and a few that came with them.
fn unknown_to_old_libseccomp(architecture: u32, bare: u32) -> bool {
    (450..467).contains(&bare) || architecture == X86_64 && matches!(bare, 335 | 336)
}

#[test]
fn the_default_filter_means_what_runcs_means() {
    needs![root, runc];
    let sandbox = Sandbox::new();
    let (_runc, pid) = Runc::start(&sandbox, &for_runc());
    let theirs = filters_of(pid).unwrap();
    let ours = default_filter(CAPABILITIES);
    let mut firsts = vec![0, 1, 2, 7, 8, 9, 16, 17, 37, 38, 39, 40, 41, 45, 46, 131_072, 131_080, 131_081];
    firsts.extend((7..=31).map(|bit| 1u64 << bit | 17));
    firsts.extend([u64::from(u32::MAX), u64::from(u32::MAX) - 1]);
    let (mut compared, mut refused) = (0, 0);
    for (architecture, bit) in [(X86_64, 0), (X86_64, X32_BIT), (I386, 0)] {
        for bare in (0..1024).filter(|bare| !unknown_to_old_libseccomp(architecture, *bare)) {
            for first in &firsts {
                let arguments = [*first, first ^ 1, *first, *first, *first, *first];
                let call = Call { number: bare | bit, architecture, place: 0, arguments };
                let answers = (run(&ours, &call), run_all(theirs.iter().map(Vec::as_slice), &call));
                // runc 1.1 counts x32's numbers without their bit, so to it all of them are new.
                if bit != 0 && answers.1 == Some(0x0005_0026) {
                    continue;
                }
                assert_eq!(answers.0, answers.1, "{architecture:#x} {bare} {first:#x}");
                compared += 1;
                refused += u32::from(answers.0 != Some(ALLOW));
            }
        }
    }
    assert!(compared > 50_000 && refused > 10_000, "{compared}, {refused} of them refused");
    // The one place where ours is sterner, and why: the kernel looks at 32 bits of the family.
    for family in [38u64, 40] {
        let call = Call { number: 41, architecture: X86_64, place: 0, arguments: [1 << 32 | family, 0, 0, 0, 0, 0] };
        assert_eq!(run(&ours, &call), Some(REFUSED));
        assert_eq!(run_all(theirs.iter().map(Vec::as_slice), &call), Some(ALLOW));
    }
}
