//! Which ids a user's namespace has: a plan from /etc/subuid, /etc/subgid and the helpers that are installed.

use crate::config::Config;
use crate::sys::idmap::Line;
use crate::sys::user::{self, SubordinateRange};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";

/// The directories where the setuid helpers may lie; PATH is not asked, since it is not root's.
const HELPER_DIRS: &[&str] = &["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];

/// What the maps should be, who writes them, and what is missing for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) uids: Vec<Line>,
    pub(super) gids: Vec<Line>,
    /// newuidmap and newgidmap; `None`: the map of one id, which needs nobody.
    pub(super) helpers: Option<(PathBuf, PathBuf)>,
    pub(super) shortage: Option<Shortage>,
}

/// Why a user has one id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortage {
    /// No range in /etc/subuid or /etc/subgid; the start of one that nobody has.
    Ranges(u32),
    /// newuidmap or newgidmap is not installed.
    Helpers,
    /// A helper refused, in its own words.
    Refused(String),
}

impl Shortage {
    /// One line: what is missing, and how to get it.
    pub fn line(&self, config: &Config) -> String {
        format!("only one user id in containers: {}", self.why(config.user.as_deref(), config.uid))
    }

    fn why(&self, name: Option<&str>, uid: u32) -> String {
        let owner = name.map_or_else(|| uid.to_string(), str::to_string);
        match self {
            Shortage::Ranges(free) => {
                let end = free + 65535;
                let fix = match name {
                    Some(name) => format!("sudo usermod --add-subuids {free}-{end} --add-subgids {free}-{end} {name}"),
                    None => format!("echo {uid}:{free}:65536 | sudo tee -a {SUBUID} {SUBGID}"),
                };
                format!("`{owner}` has no range in {SUBUID} and {SUBGID}; to get one: {fix}")
            }
            Shortage::Helpers => {
                "newuidmap and newgidmap are not installed; to get them: sudo apt-get install uidmap".to_string()
            }
            Shortage::Refused(words) => format!("newuidmap refused: {words}"),
        }
    }
}

impl Plan {
    /// Reads the two files and looks for the helpers.
    pub(super) fn for_user(config: &Config) -> Plan {
        let ranges = |path: &str| user::subordinate(Path::new(path), config.user.as_deref(), config.uid);
        let helper = |name: &str| HELPER_DIRS.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
        let helpers = helper("newuidmap").zip(helper("newgidmap"));
        let mut plan = plan((config.uid, config.gid), &ranges(SUBUID), &ranges(SUBGID), helpers);
        if plan.shortage == Some(Shortage::Ranges(0)) {
            let texts = [SUBUID, SUBGID].map(|path| std::fs::read_to_string(path).unwrap_or_default());
            plan.shortage = Some(Shortage::Ranges(free_start(&texts.concat())));
        }
        plan
    }

    /// The same user with one id.
    pub(super) fn single(&self, shortage: Shortage) -> Plan {
        let first = |lines: &[Line]| lines.iter().take(1).copied().collect();
        Plan { uids: first(&self.uids), gids: first(&self.gids), helpers: None, shortage: Some(shortage) }
    }
}

/// Pure: the user is root, the ranges follow from 1 on, in the file's order, without a gap.
fn plan(
    (uid, gid): (u32, u32),
    uids: &[SubordinateRange],
    gids: &[SubordinateRange],
    helpers: Option<(PathBuf, PathBuf)>,
) -> Plan {
    let lines = |own: u32, ranges: &[SubordinateRange]| {
        let mut lines = vec![Line { inside: 0, outside: own, count: 1 }];
        let mut inside = 1u32;
        // The kernel takes at most 340 lines, and no id twice.
        for range in ranges.iter().take(339).filter(|range| !(range.start..range.start + range.count).contains(&own)) {
            let overlaps = lines
                .iter()
                .any(|line: &Line| line.outside < range.start + range.count && range.start < line.outside + line.count);
            let Some(next) = inside.checked_add(range.count).filter(|_| !overlaps) else { continue };
            lines.push(Line { inside, outside: range.start, count: range.count });
            inside = next;
        }
        lines
    };
    let whole = Plan { uids: lines(uid, uids), gids: lines(gid, gids), helpers, shortage: None };
    if whole.uids.len() < 2 || whole.gids.len() < 2 {
        whole.single(Shortage::Ranges(0))
    } else if whole.helpers.is_none() {
        whole.single(Shortage::Helpers)
    } else {
        whole
    }
}

/// Where 65536 ids begin that no line of the files covers.
fn free_start(text: &str) -> u32 {
    let end = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':').skip(1);
            let start: u32 = fields.next()?.parse().ok()?;
            start.checked_add(fields.next()?.parse().ok()?)
        })
        .filter(|end| *end < u32::MAX - 2 * 65536)
        .max();
    end.unwrap_or(0).max(100_000)
}

/// Changes when one of the files, or whether the helper is there, changes: cheap enough for every command.
pub(super) fn stamp() -> String {
    let stamp = |path: &str| match std::fs::metadata(path) {
        Ok(meta) => format!("{}.{}.{}.{}", meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()),
        Err(_) => "-".to_string(),
    };
    format!("{} {} {}", stamp(SUBUID), stamp(SUBGID), stamp("/usr/bin/newuidmap"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, count: u32) -> SubordinateRange {
        SubordinateRange { start, count }
    }

    fn helpers() -> Option<(PathBuf, PathBuf)> {
        Some(("/usr/bin/newuidmap".into(), "/usr/bin/newgidmap".into()))
    }

    #[test]
    fn ranges_follow_the_user_without_a_gap() {
        let plan = plan((1000, 100), &[range(100000, 65536), range(300000, 10)], &[range(100000, 65536)], helpers());
        let uids: Vec<_> = plan.uids.iter().map(|line| (line.inside, line.outside, line.count)).collect();
        assert_eq!(uids, [(0, 1000, 1), (1, 100000, 65536), (65537, 300000, 10)]);
        assert_eq!(plan.gids[0].outside, 100);
        assert_eq!(plan.shortage, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let one = [range(100000, 65536)];
        for (uids, gids, helpers, shortage) in [
            (&one[..], &[][..], helpers(), Shortage::Ranges(0)),
            (&[], &one, helpers(), Shortage::Ranges(0)),
            (&one, &one, None, Shortage::Helpers),
            // A range that covers the user itself can't be mapped a second time.
            (&[range(500, 1000)], &one, helpers(), Shortage::Ranges(0)),
        ] {
            let plan = plan((1000, 1000), uids, gids, helpers);
            assert_eq!((plan.uids.len(), plan.gids.len(), plan.helpers.clone()), (1, 1, None));
            assert_eq!(plan.shortage, Some(shortage));
        }
    }

    #[test]
    fn ranges_that_overlap_are_taken_once() {
        let plan = plan((1000, 1000), &[range(100000, 10), range(100005, 10)], &[range(1, 10)], helpers());
        assert_eq!(plan.uids.len(), 2);
    }

    #[test]
    fn a_free_range_lies_behind_all_others() {
        for (text, start) in [("", 100_000), ("ann:100000:65536\nbob:165536:65536\n", 231_072), ("x:5:5", 100_000)] {
            assert_eq!(free_start(text), start, "{text:?}");
        }
    }

    #[test]
    fn the_line_says_how_to_get_more() {
        assert_eq!(
            Shortage::Ranges(100_000).why(Some("ann"), 1000),
            "`ann` has no range in /etc/subuid and /etc/subgid; to get one: \
             sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann"
        );
        assert!(Shortage::Ranges(100_000).why(None, 1000).contains("1000:100000:65536"));
    }
}
