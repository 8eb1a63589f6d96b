//! A layer's way in: unpacked beside the others, made durable together with all of its image, then named.

use super::extract::{Bytes, Options};
use super::worker::{Answer, Order, Unpacked, Why};
use super::{Driver, LayerRecord, RECORD, id_map, map_squashes};
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::model::lifecycle::Phase;
use crate::store::{Hold, Store, lock, record, root, tree};
use crate::sys::path::{Resolve, openat2};
use crate::sys::pid::PidFd;
use crate::sys::{fd, spawn, xattr};
use crate::trip;
use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How the name of a replaced layer in the trash begins; the digest and the boot follow.
const REPLACED: &str = "replaced-";

/// A layer on its way in: write its tar (plain, gzip or zstd: told by the first bytes), then finish.
#[derive(Debug)]
pub struct LayerWriter {
    store: Store,
    expected: Option<Digest>,
    dir: PathBuf,
    /// Locked as long as somebody works in it: this process, and the worker.
    lock: Flock<File>,
    hold: Hold,
    input: Option<File>,
    report: File,
    child: Option<spawn::Child>,
    /// What the worker said when it stopped reading.
    failure: Option<Fault>,
    map: String,
}

/// A layer that is unpacked but not yet durable. In this boot it is as good as any ([`Store::layer`] finds it).
#[derive(Debug)]
pub struct StagedLayer {
    /// What is known of it.
    pub record: LayerRecord,
    store: Store,
    /// Opened before the first write, so that no failed write goes unnoticed.
    dir: File,
    _hold: Hold,
}

impl Store {
    /// Starts to unpack a layer, in a process of its own that can do nothing else. Several at once are fine.
    pub fn unpack(&self, expected: Option<&Digest>) -> Result<LayerWriter> {
        let hold = self.hold()?;
        self.clear_staging()?;
        let (dir, lock) = self.staging_dir()?;
        let map = id_map(&self.layout)?;
        let options = Options { plain_marks: self.driver == Driver::Vfs, squash: map_squashes(&map) };
        let order = Order::Unpack { options };
        let start = || -> io::Result<(File, File, spawn::Child)> {
            let (theirs, input) = fd::pipe()?;
            // Fewer switches; more than the limit for users is refused, which does no harm.
            let _ = fcntl(&input, FcntlArg::F_SETPIPE_SZ(1 << 20));
            let (report, answer) = fd::pipe()?;
            let title = expected.map_or("layer", |digest| digest.short());
            let child = spawn::Role::new("@unpack", title)
                .config(&serde_json::to_vec(&order)?)?
                .owned_descriptor("input", theirs)
                .descriptor("dir", lock.as_fd())
                .owned_descriptor("report", answer)
                .same_session()
                .spawn()?;
            Ok((File::from(input), File::from(report), child))
        };
        let (input, report, child) = match start() {
            Ok(started) => started,
            Err(error) => {
                tree::remove(&dir)?;
                return Err(error).context("starting the unpacker");
            }
        };
        Ok(LayerWriter {
            store: self.clone(),
            expected: expected.cloned(),
            dir,
            lock,
            hold,
            input: Some(input),
            report,
            child: Some(child),
            failure: None,
            map,
        })
    }

    /// Gives an unpacked layer its staging name: from now on it is whole, in this boot.
    pub(super) fn stage(&self, dir: &Path, unpacked: Unpacked, map: String) -> Result<LayerRecord> {
        let record = LayerRecord {
            diff_id: unpacked.diff_id,
            size: unpacked.size,
            entries: unpacked.entries,
            squashed: map_squashes(&map),
            map,
            remarks: unpacked.remarks,
        };
        if self.driver == Driver::Overlay {
            self.mark_opaque(dir, &record.remarks.opaque).context("marking opaque directories")?;
        }
        record::write(&dir.join(RECORD), &record, record::Sync::Unsynced)?;
        let to = self.staged_dir(&record.diff_id);
        trip!("store.layer.staged");
        match std::fs::rename(dir, &to) {
            // The same was unpacked by somebody else meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                self.discard(dir)?;
            }
            other => other.with_context(|| format!("naming {}", to.display()))?,
        }
        Ok(record)
    }

    /// Sets overlay's marks: `trusted.` attributes take rights that the unpacker does not have.
    fn mark_opaque(&self, dir: &Path, paths: &[Bytes]) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let root = open(&dir.join("diff"), flags, Mode::empty())?;
        let name = if self.layout.rootless() { c"user.overlay.opaque" } else { c"trusted.overlay.opaque" };
        for path in paths {
            let path = [b"/", path.as_bytes()].concat();
            let flags = libc::O_RDONLY | libc::O_DIRECTORY;
            xattr::set(openat2(root.as_fd(), &CString::new(path)?, flags, 0, Resolve::InRoot)?, name, b"y")?;
        }
        Ok(())
    }

    /// Makes layers durable, all with one sync, and gives them their names.
    pub fn commit_layers(&self, staged: Vec<StagedLayer>) -> Result<()> {
        let Some(first) = staged.first() else { return Ok(()) };
        let diff_ids: Vec<_> = staged.iter().map(|layer| layer.record.diff_id.clone()).collect();
        self.sync_and_name(&first.dir, &diff_ids)
    }

    /// Makes those of the layers durable that are only staged; an error when one is not there at all.
    pub(in crate::store) fn settle_layers(&self, diff_ids: &[Digest]) -> Result<()> {
        let mut staged = Vec::new();
        for diff_id in diff_ids {
            match self.layer(diff_id)? {
                Some(layer) if layer.dir == self.staged_dir(diff_id) => staged.push(diff_id.clone()),
                Some(_) => {}
                None => return Err(Fault::not_found(format!("layer {diff_id}: it is not in the store")).into()),
            }
        }
        if staged.is_empty() {
            return Ok(());
        }
        self.sync_and_name(&File::open(self.layout.staging())?, &staged)
    }

    fn sync_and_name(&self, on: &File, diff_ids: &[Digest]) -> Result<()> {
        nix::unistd::syncfs(on).context("syncing the layers")?;
        trip!("store.layer.synced");
        for diff_id in diff_ids {
            let (from, to) = (self.staged_dir(diff_id), self.layout.layer(diff_id));
            loop {
                match std::fs::rename(&from, &to) {
                    Ok(()) => break,
                    // Somebody else, who needs it too, was faster.
                    Err(error) if error.kind() == ErrorKind::NotFound && to.is_dir() => break,
                    Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                        // One that was unpacked for other ids, or that a power cut brought back from the trash.
                        self.replace(diff_id, &to)?;
                    }
                    Err(error) => return Err(error).with_context(|| format!("naming layer {diff_id}")),
                }
            }
            trip!("store.layer.named");
        }
        record::sync_parent(&self.layout.layers().join("x")).context("syncing the layers' names")
    }

    /// Takes a layer away that another one replaces. Containers that run on it go on: it is then only moved aside, and
    /// goes with the first sweep after their end ([`Store::clear_replaced`]).
    fn replace(&self, diff_id: &Digest, layer: &Path) -> Result<()> {
        if !self.is_run_on(diff_id)? {
            return self.discard(layer);
        }
        let name = format!("{REPLACED}{}-{}.{}", diff_id.hex(), unique(), self.boot_id);
        std::fs::rename(layer, self.layout.trash().join(name)).context("moving a replaced layer aside")
    }

    /// Whether a container may be running on this layer.
    fn is_run_on(&self, diff_id: &Digest) -> Result<bool> {
        let alive = |container: &crate::store::Container| matches!(container.phase, Phase::Running | Phase::Paused);
        Ok(self.readable_containers()?.iter().any(|one| alive(one) && one.layers.contains(diff_id)))
    }

    /// Whether this name in the trash is a replaced layer that a container still runs on.
    pub(in crate::store) fn is_still_run_on(&self, name: &str) -> Result<bool> {
        let hex = name.strip_prefix(REPLACED).filter(|_| name.ends_with(&self.boot_id)).and_then(|rest| rest.get(..64));
        match hex.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok()) {
            Some(diff_id) => self.is_run_on(&diff_id),
            None => Ok(false),
        }
    }

    /// Removes replaced layers on which nothing runs any more.
    pub(in crate::store) fn clear_replaced(&self) -> Result<()> {
        for entry in std::fs::read_dir(self.layout.trash())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(REPLACED) && !self.is_still_run_on(&name)? {
                tree::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Moves something out of sight, then deletes it.
    pub(in crate::store) fn discard(&self, path: &Path) -> Result<()> {
        let away = self.layout.trash().join(unique());
        // Says to `check` that somebody is at it.
        let _lock = File::open(path).ok().and_then(|dir| Flock::lock(dir, FlockArg::LockSharedNonblock).ok());
        match std::fs::rename(path, &away) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            // A full disk may have no room for the name.
            Err(_) => tree::remove(path),
            Ok(()) => tree::remove(&away),
        }
    }

    /// A directory to make something in, locked as long as somebody is at it; it has `diff` and `kept`.
    pub(super) fn staging_dir(&self) -> Result<(PathBuf, Flock<File>)> {
        loop {
            let dir = self.layout.staging().join(format!("{}.{}", unique(), self.boot_id));
            root::make_dir(&dir)?;
            let made = || -> io::Result<()> {
                use std::os::unix::fs::DirBuilderExt;
                std::fs::DirBuilder::new().mode(0o755).create(dir.join("diff"))?;
                std::fs::DirBuilder::new().mode(0o700).create(dir.join("kept"))
            };
            let locked = || -> io::Result<Flock<File>> {
                let lock = lock::lock(File::open(&dir)?, FlockArg::LockShared)?;
                made()?;
                Ok(lock)
            };
            match locked() {
                // Whoever clears up may have taken it before it was locked.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return Ok((dir.clone(), other.with_context(|| format!("making {}", dir.display()))?)),
            }
        }
    }

    /// Removes what dead unpackers left: half-made layers, and everything of other boots. Says what it was.
    pub(in crate::store) fn clear_staging(&self) -> Result<Vec<String>> {
        let mut cleared = Vec::new();
        for entry in std::fs::read_dir(self.layout.staging())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.strip_suffix(&self.boot_id).and_then(|rest| rest.strip_suffix('.'));
            // Whole ones are good in this boot, and other threads of ours are at work.
            let own = format!("{}-", std::process::id());
            if ours.is_some_and(|key| key.len() == 64 || key.starts_with(&own)) {
                continue;
            }
            let Ok(dir) = File::open(entry.path()) else { continue };
            // Those of this boot have somebody who works in them; no one of another boot lives.
            if let Ok(_lock) = Flock::lock(dir, FlockArg::LockExclusiveNonblock) {
                log::info!("removing a half-made layer, staging/{name}");
                self.discard(&entry.path())?;
                cleared.push(name);
            }
        }
        Ok(cleared)
    }
}

/// The disk was full: what was unpacked beside it is no good without it, and the space is wanted back.
static NO_ROOM: AtomicBool = AtomicBool::new(false);

/// Told once is enough.
static UNCONFINED: AtomicBool = AtomicBool::new(false);

impl Drop for StagedLayer {
    fn drop(&mut self) {
        if NO_ROOM.load(Ordering::Relaxed)
            && let Err(error) = self.store.discard(&self.store.staged_dir(&self.record.diff_id))
        {
            log::warn!("giving the space of a layer back: {error:#}");
        }
    }
}

#[cfg(test)]
impl StagedLayer {
    pub(super) fn for_test(record: LayerRecord, store: &Store) -> Self {
        let dir = File::open(store.layout.staging()).unwrap();
        StagedLayer { record, store: store.clone(), dir, _hold: store.hold().unwrap() }
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(input) = &mut self.input else { return Err(ErrorKind::BrokenPipe.into()) };
        match input.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.input = None;
                let fault = match self.answer() {
                    Ok(_) => Fault::new(Kind::Internal, "unpacking the layer: the unpacker stopped reading"),
                    Err(error) => Fault::of(&error)
                        .cloned()
                        .unwrap_or_else(|| Fault::new(Kind::Internal, format!("unpacking the layer: {error:#}"))),
                };
                Err(io::Error::other(self.failure.insert(fault).clone()))
            }
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LayerWriter {
    /// The tar is at its end: waits for the unpacking, compares the digest.
    pub fn finish(mut self) -> Result<StagedLayer> {
        self.input = None;
        if let Some(fault) = self.failure.take() {
            return Err(fault.into());
        }
        let unpacked = match self.answer()? {
            Answer::Unpacked(unpacked) => unpacked,
            _ => return Err(anyhow::anyhow!("the unpacker did something else")),
        };
        if !unpacked.confined && !UNCONFINED.swap(true, Ordering::Relaxed) {
            log::warn!(
                "layers are unpacked without namespaces of their own, which can't be made here; only system calls and \
                 paths are confined"
            );
        }
        if let Some(expected) = &self.expected
            && unpacked.diff_id != *expected
        {
            let what = format!("layer {expected}: its content has the digest {}: digest mismatch", unpacked.diff_id);
            return Err(Fault::invalid(what).into());
        }
        let map = std::mem::take(&mut self.map);
        let record = self.store.stage(&self.dir, unpacked, map)?;
        // Nothing is left to be thrown away.
        self.dir = PathBuf::new();
        let hold = self.store.hold()?;
        let dir = self.lock.try_clone()?;
        Ok(StagedLayer { record, store: self.store.clone(), dir, _hold: std::mem::replace(&mut self.hold, hold) })
    }

    /// Waits for what the worker says; its failure is ours.
    fn answer(&mut self) -> Result<Answer> {
        hear(&mut self.report, self.child.take())
    }
}

fn hear(report: &mut File, child: Option<spawn::Child>) -> Result<Answer> {
    let mut bytes = Vec::new();
    report.read_to_end(&mut bytes).context("reading the unpacker's report")?;
    let code = match child {
        Some(child) => child.wait().context("waiting for the unpacker")?,
        None => 0,
    };
    if bytes.is_empty() {
        let why = format!("unpacking the layer: the unpacker died, code {code}");
        return Err(Fault::new(Kind::Internal, why).into());
    }
    match serde_json::from_slice(&bytes).context("reading the unpacker's report")? {
        Answer::Failed { what, hint, kind } => {
            if matches!(kind, Why::NoRoom) {
                NO_ROOM.store(true, Ordering::Relaxed);
            }
            let kind = match kind {
                Why::Invalid => Kind::Invalid,
                Why::NoRoom => Kind::Unavailable,
                Why::Unsupported => Kind::Unsupported,
                Why::Other => Kind::Internal,
            };
            Err(Fault { kind, what, hint }.into())
        }
        answer => Ok(answer),
    }
}

/// Whether an overlay can be mounted on the directories `lower`, `upper` and `work` in `dir`.
pub(super) fn probe(dir: &Path, userxattr: bool) -> Result<()> {
    let (report, answer) = fd::pipe()?;
    let order = Order::Probe { dir: dir.to_path_buf(), userxattr };
    let child = spawn::Role::new("@unpack", "probe")
        .config(&serde_json::to_vec(&order)?)?
        .owned_descriptor("report", answer)
        .same_session()
        .spawn()?;
    hear(&mut File::from(report), Some(child)).map(drop)
}

impl Drop for LayerWriter {
    fn drop(&mut self) {
        self.input = None;
        if let Some(child) = self.child.take() {
            // Without its input it would end by itself, but not at once.
            let _ = PidFd::open(child.pid()).map(|process| process.map(|process| process.signal(libc::SIGKILL)));
            let _ = child.wait();
        }
        if !self.dir.as_os_str().is_empty()
            && let Err(error) = self.store.discard(&self.dir)
        {
            log::warn!("removing a half-made layer: {error:#}");
        }
    }
}

/// A name that nobody else picks.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
