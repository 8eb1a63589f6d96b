//! `--userns`: which ids a container's own user namespace has.

use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::container::{IdMap, IdRange, UserMode};
use anyhow::{Context, Result};

/// How many ids `--userns=auto` gives when nobody says.
const AUTO_SIZE: u32 = 65536;
/// Where they are taken from when /etc/subuid has no entry for `containers`: the range that systemd keeps for containers.
const AUTO_FIRST: u32 = 524_288;
const AUTO_LAST: u32 = 1_879_048_191;

/// The maps of the container's own user namespace, in terms of the one that we are in; `None`: it has none.
pub(super) fn map(engine: &Engine, mode: &UserMode) -> Result<Option<IdMap>> {
    let rootless = engine.config.rootless;
    if rootless {
        check_owner(mode)?;
    }
    Ok(match mode {
        UserMode::Default | UserMode::Host | UserMode::Container(_) | UserMode::Path(_) => None,
        UserMode::Map(map) => Some(map.clone()),
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
            let size = size.unwrap_or(AUTO_SIZE);
            let first = free_range(engine, size)?;
            let all = vec![IdRange { inside: 0, outside: first, count: size }];
            Some(IdMap { uids: all.clone(), gids: all })
        }
    })
}

/// An ordinary user's layers belong to the user (0 in our namespace), and only root of the machine may show them with
/// other owners: in a namespace without that id nobody owns the root, so nothing can be made in it to mount on.
fn check_owner(mode: &UserMode) -> Result<()> {
    let has_owner = |ranges: &[IdRange]| ranges.iter().any(|range| range.outside == 0 && range.count > 0);
    let what = match mode {
        UserMode::Auto { .. } => "--userns auto",
        UserMode::Map(map) if !has_owner(&map.uids) => "--uidmap without id 0 of the user's namespace",
        UserMode::Map(map) if !has_owner(&map.gids) => "--gidmap without id 0 of the user's namespace",
        _ => return Ok(()),
    };
    Err(Fault::unsupported(format!("{what}: not built for ordinary users"))
        .hint("map the owner of the image's files too: --userns keep-id, or --uidmap 0:0:1 --gidmap 0:0:1 and the rest from 1:1")
        .into())
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
