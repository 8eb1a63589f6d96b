//! `--userns`: which ids a container's own user namespace has.

use super::lower;
use crate::engine::Engine;
use crate::engine::user::{Files, MOST_BYTES, highest_id};
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, IdMap, IdRange, ImageSource, UserMode};
use crate::model::digest::Digest;
use crate::store::Driver;
use anyhow::{Context, Result};

/// The fewest and the most ids that `--userns=auto` gives when nobody says: as many as the image names.
const AUTO_LEAST: u32 = 1024;
const AUTO_MOST: u32 = 65536;
/// Where they are taken from when /etc/subuid has no entry for `containers`: the range that systemd keeps for containers.
const AUTO_FIRST: u32 = 524_288;
const AUTO_LAST: u32 = 1_879_048_191;

/// The maps of the container's own user namespace, in terms of the one that we are in; `None`: it has none.
pub(super) fn map(engine: &Engine, spec: &ContainerSpec, user: &str, layers: &[Digest]) -> Result<Option<IdMap>> {
    let rootless = engine.config.rootless;
    let mode = &spec.namespaces.user;
    if rootless && matches!(spec.image, ImageSource::Rootfs { .. }) {
        check_owner(mode)?;
    }
    Ok(match mode {
        UserMode::Default | UserMode::Host | UserMode::Container(_) | UserMode::Path(_) => None,
        UserMode::Map(map) => {
            if rootless {
                check_ours(map)?;
            }
            Some(map.clone())
        }
        UserMode::NoMap if !rootless => {
            return Err(Fault::invalid("--userns nomap: only for ordinary users").into());
        }
        UserMode::KeepId { .. } if !rootless => {
            return Err(Fault::invalid("keep-id is only supported in rootless mode").into());
        }
        UserMode::NoMap => {
            let (uids, gids) = own_counts()?;
            let all = |count: u32| vec![IdRange { inside: 0, outside: 1, count: count - 1 }];
            if uids < 2 || gids < 2 {
                return Err(no_ranges("--userns nomap"));
            }
            Some(IdMap { uids: all(uids), gids: all(gids) })
        }
        UserMode::KeepId { uid, gid } => {
            let (uids, gids) = own_counts()?;
            let uid = uid.unwrap_or(engine.config.uid);
            let gid = gid.unwrap_or(engine.config.gid);
            Some(IdMap { uids: keep(uid, uids), gids: keep(gid, gids) })
        }
        UserMode::Auto { size } => {
            let size = match size {
                Some(size) => *size,
                None => wanted_ids(engine, user, layers)?,
            };
            let first = free_range(engine, size)?;
            let all = vec![IdRange { inside: 0, outside: first, count: size }];
            Some(IdMap { uids: all.clone(), gids: all })
        }
    })
}

/// The owners that the image's layers must be copied with, when this container can't be shown the layers themselves:
/// only root of the machine may map the ids of a mount, and the overlay takes such mounts from Linux 6.5 on.
pub(super) fn owners(engine: &Engine, spec: &ContainerSpec, ids: Option<&IdMap>) -> Result<Option<IdMap>> {
    let ids = match (&spec.namespaces.user, ids) {
        (_, Some(ids)) => ids.clone(),
        (UserMode::Container(name), None) => {
            return Ok(engine.store.find_container(name).ok().and_then(|other| other.owners.clone()));
        }
        _ => return Ok(None),
    };
    let same = |ranges: &[IdRange]| ranges.iter().all(|range| range.inside == range.outside);
    let mapped = !engine.config.rootless && (engine.store.driver() == Driver::Vfs || crate::runtime::can_map_layers());
    if mapped || matches!(spec.image, ImageSource::Rootfs { .. }) || (same(&ids.uids) && same(&ids.gids)) {
        return Ok(None);
    }
    // With one id all files are the caller's, whoever the container sees as it.
    Ok((!engine.config.rootless || own_counts()? != (1, 1)).then_some(ids))
}

/// A tree of the host's is as it is: in a namespace without its owner nobody owns the root, so nothing can be made in it
/// to mount on.
fn check_owner(mode: &UserMode) -> Result<()> {
    let has_owner = |ranges: &[IdRange]| ranges.iter().any(|range| range.outside == 0 && range.count > 0);
    let what = match mode {
        UserMode::Auto { .. } => "--userns auto",
        UserMode::NoMap => "--userns nomap",
        UserMode::Map(map) if !has_owner(&map.uids) => "--uidmap without id 0 of the user's namespace",
        UserMode::Map(map) if !has_owner(&map.gids) => "--gidmap without id 0 of the user's namespace",
        _ => return Ok(()),
    };
    Err(Fault::unsupported(format!("{what} with --rootfs: the files of that tree would belong to nobody"))
        .hint("map their owner too: --userns keep-id, or --uidmap 0:0:1 --gidmap 0:0:1 and the rest from 1:1")
        .into())
}

/// Refuses ids that the user has not.
fn check_ours(map: &IdMap) -> Result<()> {
    let (uids, gids) = own_counts()?;
    for (flag, ranges, count) in [("--uidmap", &map.uids, uids), ("--gidmap", &map.gids, gids)] {
        if let Some(range) = ranges.iter().find(|range| range.outside.saturating_add(range.count) > count) {
            let IdRange { inside, outside, count: size } = range;
            let what = match count {
                1 => format!("{flag} {inside}:{outside}:{size}: the user has only id 0"),
                _ => format!("{flag} {inside}:{outside}:{size}: the user has only the ids 0 to {}", count - 1),
            };
            return Err(Fault::invalid(what)
                .hint("OUTSIDE counts the user's own ids: 0 is the user, 1 the first one of /etc/subuid")
                .into());
        }
    }
    Ok(())
}

/// As many ids as the image's users and groups, and the one that it runs as, need.
fn wanted_ids(engine: &Engine, user: &str, layers: &[Digest]) -> Result<u32> {
    let tree = lower::Tree::of(&engine.store.layer_dirs(layers)?)?;
    let read = |path: &str| Ok::<_, anyhow::Error>(tree.read(path, MOST_BYTES)?.unwrap_or_default());
    let files = Files { passwd: read("/etc/passwd")?, group: read("/etc/group")? };
    let asked = user.split(':').filter_map(crate::engine::user::id).max().unwrap_or(0);
    let highest = highest_id(&files).min(AUTO_MOST - 1).max(asked);
    Ok(highest.saturating_add(1).max(AUTO_LEAST))
}

/// The caller (0 in our namespace) becomes `id`; the `count - 1` others fill the ids around it.
fn keep(id: u32, count: u32) -> Vec<IdRange> {
    let others = count - 1;
    let below = others.min(id);
    let above = others - below;
    let ranges = [
        IdRange { inside: 0, outside: 1, count: below },
        IdRange { inside: id, outside: 0, count: 1 },
        IdRange { inside: id.saturating_add(1), outside: below.saturating_add(1), count: above },
    ];
    ranges.into_iter().filter(|range| range.count > 0).collect()
}

/// What an id of the container's is outside.
pub(super) fn outside(ranges: &[IdRange], id: u32) -> Option<u32> {
    let range = ranges.iter().find(|range| id >= range.inside && id - range.inside < range.count)?;
    Some(range.outside + (id - range.inside))
}

/// How many ids from 0 on our own namespace has.
fn own_counts() -> Result<(u32, u32)> {
    let count = |file: &str| -> Result<u32> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
        let mut lines = crate::sys::idmap::parse_map(&text);
        lines.sort_by_key(|line| line.inside);
        let mut end = 0;
        for line in lines {
            if line.inside == end {
                end = line.inside.saturating_add(line.count);
            }
        }
        Ok(end.max(1))
    };
    Ok((count("/proc/self/uid_map")?, count("/proc/self/gid_map")?))
}

fn no_ranges(what: &str) -> anyhow::Error {
    Fault::unsupported(format!("{what}: no subordinate ids"))
        .hint("add a line for the user to /etc/subuid and /etc/subgid: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER")
        .into()
}

/// A range that no other container has.
fn free_range(engine: &Engine, size: u32) -> Result<u32> {
    let (first, last) = if engine.config.rootless {
        let (uids, gids) = own_counts()?;
        (1, uids.min(gids) - 1)
    } else {
        let range = crate::sys::user::subordinate(std::path::Path::new("/etc/subuid"), Some("containers"), u32::MAX);
        match range.first() {
            Some(range) => (range.start, range.start + (range.count - 1)),
            None => (AUTO_FIRST, AUTO_LAST),
        }
    };
    let mut taken: Vec<(u32, u32)> = Vec::new();
    for other in engine.store.containers()? {
        let ids = super::resolved(&other).ids;
        taken.extend(ids.iter().flat_map(|ids| &ids.uids).map(|range| (range.outside, range.outside + range.count)));
    }
    taken.sort_unstable();
    let mut start = first;
    for (from, to) in taken {
        if start.saturating_add(size) <= from {
            break;
        }
        start = start.max(to);
    }
    if size == 0 || start.checked_add(size - 1).is_none_or(|end| end > last) {
        return Err(match engine.config.rootless {
            true => no_ranges(&format!("--userns auto with {size} ids")),
            false => Fault::unsupported(format!("--userns auto: no free range of {size} ids")).into(),
        });
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_id_moves_only_the_caller() {
        let range = |inside, outside, count| IdRange { inside, outside, count };
        assert_eq!(keep(1000, 65537), [range(0, 1, 1000), range(1000, 0, 1), range(1001, 1001, 64536)]);
        assert_eq!(keep(0, 65537), [range(0, 0, 1), range(1, 1, 65536)]);
        assert_eq!(keep(1000, 1), [range(1000, 0, 1)]);
        assert_eq!(keep(100_000, 65537), [range(0, 1, 65536), range(100_000, 0, 1)]);
    }
}
