//! The process that keeps a user's namespace alive (role `@userns`), and how it is started.
//!
//! | we                                   | the keeper                                     |
//! |--------------------------------------|------------------------------------------------|
//! | spawn `@userns`                      | unshare(CLONE_NEWUSER), answer 0 or the errno  |
//! | newuidmap, newgidmap, say `map done` | wait                                           |
//! | or say `map yourself`                | write the map of one id, answer 0 or the errno |
//! | record it, join it                   | keep                                           |
//!
//! It keeps while anybody else lives in the namespace, and for ten seconds after the last command.

use super::map::{Plan, Shortage};
use super::record::{self, Record};
use super::refused;
use crate::config::Config;
use crate::sys::idmap::{self, Line, UserNamespace};
use crate::sys::pid::PidFd;
use crate::sys::{fd, spawn};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long it stays when nobody needs it.
const IDLE: Duration = Duration::from_secs(10);

/// What we tell it.
const MAP_DONE: u8 = b'd';
const MAP_YOURSELF: u8 = b's';
const KEEP: u8 = b'k';

/// A keeper that was just started.
pub(super) struct Keeper {
    pid: i32,
    socket: File,
}

impl Keeper {
    fn spawn(config: &Config, mode: &str) -> Result<Keeper> {
        let (ours, theirs) = fd::socketpair().context("making a socket pair")?;
        let title = config.user_run.to_string_lossy();
        let details = serde_json::to_vec(&Details {
            mode: mode.to_string(),
            run: config.user_run.clone(),
            uid: config.uid,
            gid: config.gid,
        })?;
        let child = spawn::Role::new("@userns", &title)
            .config(&details)
            .and_then(|role| role.owned_descriptor("sync", theirs).spawn())
            .context("starting the keeper of the user namespace")?;
        Ok(Keeper { pid: child.pid(), socket: File::from(ours) })
    }

    fn say(&mut self, word: u8) -> Result<()> {
        self.socket.write_all(&[word]).context("telling the keeper of the user namespace")
    }

    /// 0 or an errno.
    fn answer(&mut self) -> Result<Result<(), io::Error>> {
        let mut bytes = [0; 4];
        self.socket.read_exact(&mut bytes).context("the keeper of the user namespace ended")?;
        let number = i32::from_ne_bytes(bytes);
        Ok(if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) })
    }

    /// What others need to find it.
    pub(super) fn record(&self, stamp: &str) -> Result<Record> {
        Record::of(self.pid, stamp)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Details {
    mode: String,
    run: PathBuf,
    uid: u32,
    gid: u32,
}

/// Starts a keeper with a new namespace, mapped by `plan`; falls back to one id when a helper refuses, and says why.
pub(super) fn start(config: &Config, plan: &Plan) -> Result<(Keeper, Option<Shortage>)> {
    let mut keeper = Keeper::spawn(config, "new")?;
    keeper.answer()?.map_err(|error| refused("making a user namespace", &error))?;
    let mut shortage = plan.shortage.clone();
    let mut mapped = false;
    if let Some((newuidmap, newgidmap)) = &plan.helpers {
        let result =
            run_helper(newuidmap, keeper.pid, &plan.uids).and_then(|()| run_helper(newgidmap, keeper.pid, &plan.gids));
        match result {
            Ok(()) => mapped = true,
            Err(error) => {
                // One of the two maps may be written already, and none is written twice: begin anew.
                shortage = Some(Shortage::Refused(format!("{error:#}")));
                drop(keeper);
                keeper = Keeper::spawn(config, "new")?;
                keeper.answer()?.map_err(|error| refused("making a user namespace", &error))?;
            }
        }
    }
    keeper.say(if mapped { MAP_DONE } else { MAP_YOURSELF })?;
    keeper.answer()?.map_err(|error| refused("writing the map of a user namespace", &error))?;
    keeper.say(KEEP)?;
    Ok((keeper, shortage))
}

/// Starts a keeper for the namespace that we have joined already.
pub(super) fn start_inside(config: &Config) -> Result<Keeper> {
    let mut keeper = Keeper::spawn(config, "here")?;
    keeper.answer()?.map_err(|error| refused("keeping a user namespace", &error))?;
    keeper.say(KEEP)?;
    Ok(keeper)
}

/// newuidmap or newgidmap, with nothing of ours but the numbers.
fn run_helper(program: &Path, pid: i32, lines: &[Line]) -> Result<()> {
    let numbers =
        lines.iter().flat_map(|line| [line.inside, line.outside, line.count]).map(|number| number.to_string());
    let output = Command::new(program)
        .arg(pid.to_string())
        .args(numbers)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", program.display()))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", words.trim());
    Ok(())
}

/// A process that lives in the user's namespace.
pub(super) struct Resident {
    pub(super) pid: i32,
    /// A keeper of this run directory; else a monitor, a container, a command.
    pub(super) is_keeper: bool,
    process: PidFd,
}

impl Resident {
    /// Joins its namespace.
    pub(super) fn join(&self, uid: u32) -> Result<()> {
        ensure!(UserNamespace::of(&self.pid.to_string())?.owner()? == uid, "the namespace is somebody else's");
        Ok(idmap::join_user(&self.process)?)
    }

    /// What others need to find it.
    pub(super) fn record(&self, stamp: &str) -> Result<Record> {
        Record::of(self.pid, stamp)
    }

    /// Kills a keeper that is not wanted any more.
    pub(super) fn end(&self) {
        if self.is_keeper {
            let _ = self.process.signal(libc::SIGKILL);
        }
    }
}

/// Who lives in the user's namespace, keepers first: everybody in the one of that inode when it is known, else our
/// keeper and monitors in namespaces that the user has made from ours. (A garbled record costs this walk, once.)
pub(super) fn residents(config: &Config, inode: Option<u64>) -> Vec<Resident> {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = UserNamespace::of("self").and_then(|namespace| namespace.inode()) else { return Vec::new() };
    let title = config.user_run.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        if !entry.metadata().is_ok_and(|meta| meta.uid() == config.uid) {
            continue;
        }
        let Ok(Some(process)) = PidFd::open(pid) else { continue };
        let Ok(namespace) = UserNamespace::of(&pid.to_string()) else { continue };
        let is_child = namespace.parent().and_then(|parent| parent.inode()).is_ok_and(|parent| parent == own);
        if !is_child || !namespace.owner().is_ok_and(|owner| owner == config.uid) {
            continue;
        }
        let cmdline = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = cmdline.split(|byte| *byte == 0).skip(1);
        let (role, theirs) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_keeper = role == b"@userns" && theirs == title;
        let lives_here = match inode {
            Some(inode) => namespace.inode().is_ok_and(|theirs| theirs == inode),
            None => role == b"@monitor",
        };
        if is_keeper || lives_here && role != b"@userns" {
            found.push(Resident { pid, is_keeper, process });
        }
    }
    found.sort_by_key(|resident| !resident.is_keeper);
    found
}

/// The role: see the table above.
pub fn main(arguments: &[OsString]) -> u8 {
    match keep(arguments) {
        Ok(()) => 0,
        Err(_) => 1, // nobody listens any more: whoever started us saw the socket close
    }
}

fn keep(arguments: &[OsString]) -> Result<()> {
    let mut inherited = spawn::Inherited::take(arguments.iter().cloned())?;
    let details: Details = serde_json::from_slice(&inherited.config()?)?;
    let mut socket = File::from(inherited.descriptor("sync")?);
    nix::unistd::chdir("/")?;
    if details.mode == "new" {
        answer(&mut socket, idmap::unshare_user())?;
        if hear(&mut socket)? == MAP_YOURSELF {
            let mapped = idmap::write_single_map(details.uid, details.gid);
            answer(&mut socket, mapped.and_then(|()| ready()))?;
        } else {
            answer(&mut socket, ready())?;
        }
    } else {
        answer(&mut socket, ready())?;
    }
    ensure!(hear(&mut socket)? == KEEP, "not wanted");
    drop(socket);
    stay(&details)
}

/// Others may join; and the namespace is good for something: AppArmor may allow it, but nothing in it.
fn ready() -> io::Result<()> {
    idmap::set_dumpable()?;
    idmap::probe_privilege()
}

/// Until ten seconds have passed in which no command came and nobody else lives here.
fn stay(details: &Details) -> Result<()> {
    let mut since = Instant::now();
    loop {
        // The record may not be written yet, or may be gone; and a container may just have ended.
        let idle = since.elapsed().min(record::idle(&details.run, 0).unwrap_or(IDLE));
        if idle < IDLE {
            std::thread::sleep(IDLE - idle);
            continue;
        }
        let Some(other) = neighbour() else { return Ok(()) };
        other.wait(None)?;
        since = Instant::now();
    }
}

/// Somebody else who lives in this namespace.
fn neighbour() -> Option<PidFd> {
    let own = std::fs::read_link("/proc/self/ns/user").ok()?;
    let pid = std::process::id() as i32;
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let other = entry.file_name().to_str()?.parse::<i32>().ok().filter(|other| *other != pid)?;
        let theirs = std::fs::read_link(entry.path().join("ns/user")).ok()?;
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_keeper = words.split(|byte| *byte == 0).nth(1) == Some(b"@userns");
        (theirs == own && !is_keeper).then(|| PidFd::open(other).ok().flatten()).flatten()
    })
}

fn answer(socket: &mut File, result: io::Result<()>) -> Result<()> {
    let number = result.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    socket.write_all(&number.to_ne_bytes())?;
    Ok(result?)
}

fn hear(socket: &mut File) -> Result<u8> {
    let mut word = [0];
    socket.read_exact(&mut word)?;
    Ok(word[0])
}
