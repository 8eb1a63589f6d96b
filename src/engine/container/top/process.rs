//! One process, as /proc shows it.

/// What is known of a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    /// On the host.
    pub pid: i32,
    /// On the host.
    pub ppid: i32,
    /// In the container.
    pub inner_pid: i32,
    pub pgid: i32,
    pub inner_pgid: i32,
    pub session: i32,
    pub inner_session: i32,
    pub state: char,
    pub tty: i32,
    /// Clock ticks.
    pub user_time: u64,
    pub system_time: u64,
    pub priority: i64,
    pub nice: i64,
    pub threads: u64,
    /// Clock ticks since boot.
    pub started: u64,
    /// Bytes.
    pub virtual_size: u64,
    /// Pages.
    pub resident: u64,
    pub flags: u64,
    pub wait_channel: String,
    pub name: String,
    pub command: Vec<String>,
    /// Real, effective, saved, file system.
    pub uids: [u32; 4],
    pub gids: [u32; 4],
    pub groups: Vec<u32>,
    /// By name, hexadecimal: CapInh, CapPrm, CapEff, CapBnd, CapAmb.
    pub capabilities: [u64; 5],
    pub seccomp: u32,
    pub label: String,
    /// As the container has them: inside, outside, count.
    pub uid_map: Vec<(u32, u32, u32)>,
    pub gid_map: Vec<(u32, u32, u32)>,
}

impl Process {
    /// `None`: it is gone.
    pub(super) fn read(pid: i32) -> Option<Process> {
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}"));
        let text =
            |name: &str| file(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let mut process = Process { pid, ..Process::default() };
        process.parse_stat(&String::from_utf8_lossy(&file("stat").ok()?))?;
        process.parse_status(&String::from_utf8_lossy(&file("status").ok()?));
        let words = file("cmdline").unwrap_or_default();
        process.command = words
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        process.label = text("attr/current").trim_matches(['\0', '\n', ' ']).to_string();
        process.wait_channel = text("wchan");
        // The maps of our own namespace are told in terms of its parent; ids in status are in terms of ours already.
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).ok();
        if namespace("self") == namespace(&pid.to_string()) {
            (process.uid_map, process.gid_map) = (vec![(0, 0, u32::MAX)], vec![(0, 0, u32::MAX)]);
        } else {
            (process.uid_map, process.gid_map) = (parse_map(&text("uid_map")), parse_map(&text("gid_map")));
        }
        Some(process)
    }

    fn parse_stat(&mut self, stat: &str) -> Option<()> {
        let (open, close) = (stat.find('(')?, stat.rfind(')')?);
        self.name = stat.get(open + 1..close)?.to_string();
        let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<i64>().ok());
        self.state = fields.first()?.chars().next()?;
        self.ppid = number(1)? as i32;
        self.pgid = number(2)? as i32;
        self.session = number(3)? as i32;
        self.tty = number(4)? as i32;
        self.flags = number(6)? as u64;
        self.user_time = number(11)? as u64;
        self.system_time = number(12)? as u64;
        self.priority = number(15)?;
        self.nice = number(16)?;
        self.threads = number(17)? as u64;
        self.started = number(19)? as u64;
        self.virtual_size = number(20)? as u64;
        self.resident = number(21)?.max(0) as u64;
        Some(())
    }

    fn parse_status(&mut self, status: &str) {
        let last = |rest: &str| rest.split_ascii_whitespace().last().and_then(|word| word.parse().ok()).unwrap_or(0);
        let four = |rest: &str| {
            let mut ids = rest.split_ascii_whitespace().map(|word| word.parse().unwrap_or(u32::MAX));
            [(); 4].map(|()| ids.next().unwrap_or(u32::MAX))
        };
        for line in status.lines() {
            let Some((key, rest)) = line.split_once(':') else { continue };
            match key {
                "NSpid" => self.inner_pid = last(rest),
                "NSpgid" => self.inner_pgid = last(rest),
                "NSsid" => self.inner_session = last(rest),
                "Uid" => self.uids = four(rest),
                "Gid" => self.gids = four(rest),
                "Groups" => self.groups = rest.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect(),
                "Seccomp" => self.seccomp = last(rest) as u32,
                _ => {
                    let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
                    if let Some(index) = names.iter().position(|name| *name == key) {
                        self.capabilities[index] = u64::from_str_radix(rest.trim(), 16).unwrap_or(0);
                    }
                }
            }
        }
    }

    /// An id of ours as the container sees it.
    pub(super) fn inside(map: &[(u32, u32, u32)], id: u32) -> u32 {
        let range = map.iter().find(|(_, outside, count)| id >= *outside && id - outside < *count);
        range.map_or(65534, |(inside, outside, _)| inside + (id - outside))
    }
}

fn parse_map(text: &str) -> Vec<(u32, u32, u32)> {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace().map(str::parse);
        Some((words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_and_status_are_read() {
        let mut process = Process::default();
        let stat = "77 (a) b) S 70 77 77 34816 77 4194304 10 0 0 0 5 7 0 0 20 0 3 0 9999 4096000 250 1 2 3";
        assert!(process.parse_stat(stat).is_some());
        process.parse_status(
            "Uid:\t1\t2\t3\t4\nNSpid:\t77\t5\t1\nGroups:\t1 2 \nCapEff:\t00000000a80425fb\nSeccomp:\t2\n",
        );
        assert_eq!((process.name.as_str(), process.ppid, process.threads, process.started), ("a) b", 70, 3, 9999));
        assert_eq!((process.inner_pid, process.uids[1], process.groups.len(), process.seccomp), (1, 2, 2, 2));
        assert_eq!(process.capabilities[2], 0xa80425fb);
        assert_eq!(Process::inside(&[(0, 1000, 1), (1, 100000, 65536)], 100004), 5);
    }
}
