//! Copies of layers with other owners, for containers whose user namespace maps ids elsewhere.
//!
//! Only root of the machine may show a mount with other ids (and its overlay only from Linux 6.5 on). For everybody else
//! the files themselves need the owners that the container's root, users and groups are on the disk. So each layer is copied
//! once for each map, with shared blocks where the file system can; the copy stays as long as the layer does, until an
//! `image prune` finds no container that uses it.

use super::chain::Chain;
use super::{Layer, id_map, vfs};
use crate::model::container::{IdMap, IdRange};
use crate::model::digest::Digest;
use crate::store::{Store, record};
use crate::sys::xattr;
use crate::trip;
use anyhow::{Context, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What a copy was made of and for; only then is it garbage or not.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store) struct Moved {
    /// One layer, or with [`Moved::chain`] the stack that a chain settles.
    pub layers: Vec<Digest>,
    /// It is a chain's.
    pub chain: bool,
    /// The owners that it has.
    pub owners: IdMap,
}

pub(in crate::store) const RECORD: &str = "moved.json";

const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Where the ids of layers go.
#[derive(Debug, Clone)]
pub(super) struct Move {
    uids: Way,
    gids: Way,
}

#[derive(Debug, Clone)]
struct Way {
    ranges: Vec<IdRange>,
    /// For ids that the container hasn't: one of ours that it hasn't either, so that it sees nobody's.
    nobody: u32,
}

impl Move {
    /// `ours`: the uids and gids that we have ourselves, as `(first, count)`.
    pub(super) fn new(owners: &IdMap, ours: [&[(u32, u32)]; 2]) -> Move {
        Move { uids: Way::new(&owners.uids, ours[0]), gids: Way::new(&owners.gids, ours[1]) }
    }

    /// As [`Move::new`], for the ids of this process.
    pub(super) fn for_us(owners: &IdMap) -> Result<Move> {
        let ours = |path: &str| -> Result<Vec<(u32, u32)>> {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
            Ok(crate::sys::idmap::parse_map(&text).iter().map(|line| (line.inside, line.count)).collect())
        };
        Ok(Move::new(owners, [&ours("/proc/self/uid_map")?, &ours("/proc/self/gid_map")?]))
    }

    /// The owner and group that a file is to have.
    pub(super) fn owner(&self, uid: u32, gid: u32) -> (u32, u32) {
        (self.uids.of(uid), self.gids.of(gid))
    }

    pub(super) fn apply(&self, stat: &mut FileStat) {
        (stat.st_uid, stat.st_gid) = self.owner(stat.st_uid, stat.st_gid);
    }
}

impl Way {
    fn new(ranges: &[IdRange], ours: &[(u32, u32)]) -> Way {
        let has = |id: u32| ranges.iter().any(|range| id >= range.outside && id - range.outside < range.count);
        let is_ours = |id: u32| ours.iter().any(|(first, count)| id >= *first && id - first < *count);
        let free = |id: &u32| is_ours(*id) && !has(*id);
        // The first id behind each range is one that may be free, and so is the last of each of ours.
        let ends = ranges.iter().map(|range| range.outside.saturating_add(range.count));
        let last = ours.iter().map(|(first, count)| first.saturating_add(count.saturating_sub(1)));
        let nobody = std::iter::once(65534).chain(last).chain(ends).chain([0]).find(free).unwrap_or(0);
        Way { ranges: ranges.to_vec(), nobody }
    }

    fn of(&self, id: u32) -> u32 {
        let line = self.ranges.iter().find(|range| id >= range.inside && id - range.inside < range.count);
        line.map_or(self.nobody, |range| range.outside + (id - range.inside))
    }
}

/// One directory to copy.
pub(super) struct Original {
    /// The files.
    pub diff: PathBuf,
    /// A layer, or the stack of a chain.
    pub layers: Vec<Digest>,
    /// It is a chain's.
    pub chain: bool,
}

impl Original {
    pub(super) fn layer(layer: &Layer) -> Original {
        Original { diff: layer.dir.join("diff"), layers: vec![layer.record.diff_id.clone()], chain: false }
    }

    pub(super) fn chain(chain: &Chain) -> Original {
        Original { diff: chain.dir.join("diff"), layers: chain.layers.clone(), chain: true }
    }
}

/// The directories with these owners, in the same order; those that aren't there are made, several at a time. Durable when
/// it returns.
pub(super) fn copies(store: &Store, originals: &[Original], owners: &IdMap) -> Result<Vec<PathBuf>> {
    let map = id_map(store.layout())?;
    let keys: Vec<Digest> = originals.iter().map(|original| key(&map, original, owners)).collect();
    let dirs: Vec<PathBuf> = keys.iter().map(|key| store.layout().moved(key)).collect();
    let missing: Vec<usize> = (0..dirs.len()).filter(|at| !dirs[*at].is_dir()).collect();
    if missing.is_empty() {
        return Ok(dirs.iter().map(|dir| dir.join("diff")).collect());
    }
    super::super::root::make_dir(&store.layout().moved_dir())?;
    let moves = Move::for_us(owners)?;
    // In the order of their names, so that no two of us wait for each other.
    let mut order = missing;
    order.sort_by(|a, b| keys[*a].hex().cmp(keys[*b].hex()));
    order.dedup_by(|a, b| keys[*a] == keys[*b]);
    let mut locks = Vec::new();
    for at in &order {
        locks.push(store.lock_layer(&keys[*at])?);
    }
    order.retain(|at| !dirs[*at].is_dir());
    let made: Mutex<Vec<(usize, Staged)>> = Mutex::default();
    let todo = Mutex::new(order.into_iter());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let outcome = std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let Some(at) = todo.lock().ok().and_then(|mut todo| todo.next()) else { return Ok(()) };
                let staged = copy(store, &originals[at], owners, &moves)?;
                made.lock().map_err(|_| anyhow::anyhow!("another thread panicked"))?.push((at, staged));
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a copy panicked"))))
    });
    let made = made.into_inner().map_err(|_| anyhow::anyhow!("another thread panicked"))?;
    let outcome = outcome.and_then(|()| {
        if let Some((_, first)) = made.first() {
            nix::unistd::syncfs(&first.target)?;
        }
        trip!("store.moved.synced");
        for (at, staged) in &made {
            match std::fs::rename(&staged.dir, &dirs[*at]) {
                Err(error) if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                    return Err(error).with_context(|| format!("naming {}", dirs[*at].display()));
                }
                _ => {}
            }
        }
        if let Some((at, _)) = made.first() {
            record::sync_parent(&dirs[*at])?;
        }
        Ok(())
    });
    for (_, staged) in &made {
        store.discard(&staged.dir)?;
    }
    outcome?;
    Ok(dirs.iter().map(|dir| dir.join("diff")).collect())
}

/// A copy that has no name yet.
struct Staged {
    dir: PathBuf,
    target: OwnedFd,
    _lock: nix::fcntl::Flock<std::fs::File>,
}

fn copy(store: &Store, original: &Original, owners: &IdMap, moves: &Move) -> Result<Staged> {
    let (dir, _lock) = store.staging_dir()?;
    let outcome = (|| {
        let source = open(&original.diff, OPEN_DIR, Mode::empty())?;
        let target = open(&dir.join("diff"), OPEN_DIR, Mode::empty())?;
        vfs::copy_moved(&source, &target, moves)?;
        let made = Moved { layers: original.layers.clone(), chain: original.chain, owners: owners.clone() };
        record::write(&dir.join(RECORD), &made, record::Sync::Unsynced)?;
        Ok(target)
    })();
    match outcome {
        Ok(target) => Ok(Staged { dir, target, _lock }),
        Err(error) => {
            store.discard(&dir)?;
            let what = format!("copying {} for other owners", original.diff.display());
            Err(anyhow::Error::context(error, what))
        }
    }
}

/// By what a copy is found: our own map, what is copied, and the owners.
fn key(map: &str, original: &Original, owners: &IdMap) -> Digest {
    let mut text = format!("{map} {}", if original.chain { "chain" } else { "layer" });
    for layer in &original.layers {
        text.push_str(&format!(" {}", layer.hex()));
    }
    for (word, ranges) in [("uids", &owners.uids), ("gids", &owners.gids)] {
        text.push_str(&format!(" {word}"));
        for range in ranges {
            text.push_str(&format!(" {}:{}:{}", range.inside, range.outside, range.count));
        }
    }
    Digest::of(text.as_bytes())
}

/// An overlay's mark that a directory hides those below it: a copy of a layer must have it, too.
pub(super) fn copy_mark(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    for name in [c"trusted.overlay.opaque", c"user.overlay.opaque"] {
        match xattr::get(from, name) {
            Ok(Some(value)) => xattr::set(to, name, &value)?,
            Ok(None) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EPERM)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives the writable directory, which has the owner that the image says, the container's.
pub(in crate::store) fn move_root(upper: &Path, owners: &IdMap) -> Result<()> {
    let dir = open(upper, OPEN_DIR, Mode::empty())?;
    let mut stat = nix::sys::stat::fstat(&dir)?;
    Move::for_us(owners)?.apply(&mut stat);
    let (uid, gid) = (nix::unistd::Uid::from_raw(stat.st_uid), nix::unistd::Gid::from_raw(stat.st_gid));
    Ok(nix::unistd::fchown(&dir, Some(uid), Some(gid))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(inside: u32, outside: u32, count: u32) -> IdRange {
        IdRange { inside, outside, count }
    }

    #[test]
    fn owners_go_where_the_container_sees_them_and_the_rest_is_nobodys() {
        let keep = vec![range(0, 1, 1001), range(1001, 0, 1), range(1002, 1002, 64535)];
        let part = vec![range(0, 1, 1000)];
        for (ranges, cases) in [
            (keep, &[(0, 1), (8, 9), (1001, 0), (1002, 1002), (65536, 65536)][..]),
            // 1000 is not the container's, and must not become its 999.
            (part.clone(), &[(0, 1), (999, 1000), (1000, 65534), (0, 1)]),
        ] {
            let moves = Move::new(&IdMap { uids: ranges.clone(), gids: ranges }, [&[(0, 65537)], &[(0, 65537)]]);
            for (from, to) in cases {
                assert_eq!(moves.owner(*from, *from), (*to, *to));
            }
        }
        // Without 65534 of our own, or when the container has it: another one that it hasn't.
        let few = Move::new(&IdMap { uids: part.clone(), gids: part }, [&[(0, 2000)], &[(0, 1)]]);
        assert_eq!(few.owner(1500, 1500), (1999, 0));
    }
}
