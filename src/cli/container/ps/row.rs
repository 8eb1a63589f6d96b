//! One container as `ps` shows it: words and fields of podman and docker.

use crate::cli::output::printable;
use crate::config::Program;
use crate::engine::container::Listed;
use crate::model::duration::in_words;
use crate::model::lifecycle::Phase;
use crate::model::network::{PublishedPort, merged};
use crate::model::reference::Reference;
use crate::model::size::ByteSize;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A container, and how to show it.
pub(super) struct Row<'a> {
    pub(super) listed: &'a Listed,
    pub(super) now: Timestamp,
    /// `--no-trunc`
    pub(super) whole: bool,
    pub(super) program: Program,
}

/// Headings that are not the field's name.
pub(super) const HEADINGS: &[(&str, &str)] = &[
    ("ID", "CONTAINER ID"),
    ("ImageID", "IMAGE ID"),
    ("CreatedHuman", "CREATED"),
    ("RunningFor", "CREATED"),
    ("Pod", "POD ID"),
    ("PodName", "PODNAME"),
    ("HealthStatus", "HEALTHSTATUS"),
];

impl Row<'_> {
    pub(super) fn id(&self) -> &str {
        if self.whole { self.listed.id.as_str() } else { self.listed.id.short() }
    }

    /// How long ago; `None` when it never was.
    fn ago(&self, time: &Option<String>) -> Option<String> {
        let time: Timestamp = time.as_deref()?.parse().ok()?;
        Some(in_words(self.now.duration_since(time).as_secs_f64()))
    }

    fn running_for(&self) -> String {
        self.ago(&self.listed.created).map(|ago| format!("{ago} ago")).unwrap_or_default()
    }

    /// `Up 3 seconds`, `Exited (0) 2 minutes ago`.
    pub(super) fn status(&self) -> String {
        let up = || format!("Up {}", self.ago(&self.listed.started).unwrap_or_else(|| "Less than a second".into()));
        match self.listed.phase {
            Phase::Creating | Phase::Created => "Created".to_string(),
            Phase::Running => up(),
            Phase::Paused if self.program == Program::Docker => format!("{} (Paused)", up()),
            Phase::Paused => "Paused".to_string(),
            Phase::Removing => "Removing".to_string(),
            Phase::Exited { code } => {
                let code = code.map_or("unknown".to_string(), |code| code.to_string());
                match self.ago(&self.listed.finished) {
                    Some(ago) => format!("Exited ({code}) {ago} ago"),
                    None => format!("Exited ({code})"),
                }
            }
        }
    }

    fn state(&self) -> &'static str {
        self.listed.phase.name()
    }

    fn command(&self) -> String {
        let text = printable(&self.listed.command.join(" "));
        match self.program {
            Program::Docker => {
                let quoted = if self.whole || text.chars().count() <= 20 {
                    text
                } else {
                    format!("{}…", text.chars().take(19).collect::<String>())
                };
                format!("\"{quoted}\"")
            }
            _ if self.whole || text.chars().count() <= 20 => text,
            _ => format!("{}...", text.chars().take(17).collect::<String>()),
        }
    }

    fn shown_size(&self) -> String {
        match self.listed.size {
            Some((own, all)) => format!("{} (virtual {})", ByteSize(own).listed(), ByteSize(all).listed()),
            None => String::new(),
        }
    }

    /// docker's `k=v,k=v`, also its order: by name.
    fn labels_text(&self) -> String {
        let pairs: Vec<String> = self.listed.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    }

    fn created_at(&self) -> String {
        let Some(time) = self.listed.created.as_deref().and_then(|time| time.parse::<Timestamp>().ok()) else {
            return String::new();
        };
        // Go's `time.Time.String()`; docker cuts the fraction.
        let fraction = match self.program {
            Program::Docker => String::new(),
            _ => {
                let digits = format!("{:09}", time.subsec_nanosecond());
                let digits = digits.trim_end_matches('0');
                if digits.is_empty() { String::new() } else { format!(".{digits}") }
            }
        };
        format!("{}{fraction} +0000 UTC", time.strftime("%Y-%m-%d %H:%M:%S"))
    }

    /// docker shows what the user typed: the short form of the name.
    fn image(&self) -> String {
        match self.program {
            Program::Docker => match self.listed.image.parse::<Reference>() {
                Ok(reference) => {
                    let familiar = reference.familiar();
                    familiar.strip_suffix(":latest").map_or(familiar.clone(), str::to_string)
                }
                Err(_) => printable(&self.listed.image),
            },
            _ => printable(&self.listed.image),
        }
    }

    fn mounts_text(&self) -> String {
        let cut = |text: &String| match (self.whole, text.chars().count() > 15) {
            (false, true) => format!("{}…", text.chars().take(14).collect::<String>()),
            _ => text.clone(),
        };
        self.listed.mounts.iter().map(cut).collect::<Vec<_>>().join(",")
    }

    /// `0.0.0.0:8080->80/tcp, 443/tcp`
    fn ports(&self) -> String {
        let docker = self.program == Program::Docker;
        let published = &self.listed.ports;
        let shown = if docker { published.clone() } else { merged(published) };
        let mut words: Vec<String> = ranges(&shown);
        if matches!(self.listed.phase, Phase::Running | Phase::Paused) {
            let is_published =
                |text: &String| shown.iter().any(|port| *text == format!("{}/{}", port.container, port.protocol));
            words.extend(
                self.listed.exposed_ports.iter().filter(|text| !is_published(text)).map(|text| printable(text)),
            );
        }
        words.join(", ")
    }

    /// podman's objects.
    fn port_objects(&self) -> Value {
        let ports: Vec<Value> = merged(&self.listed.ports)
            .iter()
            .map(|port| {
                let address = if port.address.is_unspecified() { String::new() } else { port.address.to_string() };
                json!({
                    "host_ip": address, "container_port": port.container, "host_port": port.host, "range": 1,
                    "protocol": port.protocol,
                })
            })
            .collect();
        if ports.is_empty() { Value::Null } else { Value::Array(ports) }
    }

    /// docker's JSON: every value is a string.
    pub(super) fn docker(&self) -> Value {
        let platform = crate::model::platform::Platform::own();
        json!({
            "Command": self.command(),
            "CreatedAt": self.created_at(),
            "ID": self.id(),
            "Image": self.image(),
            "Labels": self.labels_text(),
            "LocalVolumes": "0",
            "Mounts": self.mounts_text(),
            "Names": self.listed.name,
            "Networks": self.listed.networks.join(","),
            "Platform": { "architecture": platform.architecture, "os": platform.os },
            "Ports": self.ports(),
            "RunningFor": self.running_for(),
            "Size": self.shown_size(),
            "State": self.state(),
            "Status": self.status(),
        })
    }

    /// podman's JSON: typed.
    pub(super) fn podman(&self) -> Value {
        let listed = self.listed;
        let seconds = |time: &Option<String>| {
            time.as_deref()
                .and_then(|time| time.parse::<Timestamp>().ok())
                // Go's zero time.
                .map_or(-62_135_596_800, Timestamp::as_second)
        };
        json!({
            "AutoRemove": listed.auto_remove,
            "Command": listed.command,
            "CreatedAt": self.running_for(),
            "Exited": matches!(listed.phase, Phase::Exited { .. }),
            "ExitedAt": seconds(&listed.finished),
            "ExitCode": self.exit_code(),
            "Id": listed.id.as_str(),
            "Image": listed.image,
            "ImageID": listed.image_id,
            "IsInfra": false,
            "Labels": if listed.labels.is_empty() { Value::Null } else { json!(listed.labels) },
            "Mounts": listed.mounts,
            "Names": [listed.name],
            "Namespaces": listed.namespaces,
            "Networks": listed.networks,
            "Pid": listed.pid,
            "Pod": "",
            "PodName": "",
            "Ports": self.port_objects(),
            "Restarts": listed.restarts,
            "Size": listed.size.map(|(own, all)| json!({ "rootFsSize": all, "rwSize": own })),
            "StartedAt": seconds(&listed.started),
            "State": self.state(),
            "Status": self.status(),
            "Created": seconds(&listed.created),
        })
    }

    fn exit_code(&self) -> i64 {
        match self.listed.phase {
            Phase::Exited { code } => code.map_or(-1, i64::from),
            _ => 0,
        }
    }

    /// What templates may name.
    pub(super) fn fields(&self) -> Value {
        let listed = self.listed;
        let docker = self.program == Program::Docker;
        let podman = self.podman();
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_string(), value);
        };
        put("ID", self.id().into());
        put("Image", self.image().into());
        put("Command", self.command().into());
        put("CreatedAt", self.created_at().into());
        put("RunningFor", self.running_for().into());
        put("Status", self.status().into());
        put("State", self.state().into());
        put("Ports", self.ports().into());
        put("Names", printable(&listed.name).into());
        put("Size", self.shown_size().into());
        put("Networks", listed.networks.join(",").into());
        put("HealthStatus", "".into());
        put("LocalVolumes", "0".into());
        put("Platform", "".into());
        // `{{.Label "k"}}`: a method in Go; here the engine of templates takes an argument as a key.
        let labels: Map<String, Value> =
            listed.labels.iter().map(|(key, value)| (printable(key), printable(value).into())).collect();
        put("Label", Value::Object(labels.clone()));
        if docker {
            put("Labels", printable(&self.labels_text()).into());
            put("Mounts", self.mounts_text().into());
            return Value::Object(fields);
        }
        put("Labels", Value::Object(labels));
        put("Mounts", json!(listed.mounts));
        let image_id = listed.image_id.strip_prefix("sha256:").unwrap_or(&listed.image_id);
        put("ImageID", if self.whole { image_id.into() } else { image_id.get(..12).unwrap_or(image_id).into() });
        put("Created", self.created_at().into());
        put("CreatedHuman", self.running_for().into());
        put("Pod", "".into());
        put("PodName", "".into());
        for name in
            ["AutoRemove", "Exited", "ExitedAt", "ExitCode", "IsInfra", "Namespaces", "Pid", "Restarts", "StartedAt"]
        {
            put(name, podman[name].clone());
        }
        for (name, kind) in [
            ("CGROUPNS", "cgroup"),
            ("IPC", "ipc"),
            ("MNT", "mnt"),
            ("NET", "net"),
            ("PIDNS", "pid"),
            ("USERNS", "user"),
            ("UTS", "uts"),
        ] {
            put(name, listed.namespaces.get(kind).cloned().unwrap_or_default().into());
        }
        Value::Object(fields)
    }
}

/// Ports that follow each other on both sides are one range: `0.0.0.0:8080-8082->80-82/tcp`.
fn ranges(ports: &[PublishedPort]) -> Vec<String> {
    let mut sorted = ports.to_vec();
    sorted.sort_by_key(|port| (port.address, port.protocol, port.container, port.host));
    let mut words = Vec::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        let follows = |(index, port): &(usize, &PublishedPort)| {
            port.address == first.address
                && port.protocol == first.protocol
                && usize::from(port.container) == usize::from(first.container) + index
                && usize::from(port.host) == usize::from(first.host) + index
        };
        let count = rest.iter().enumerate().take_while(follows).count().max(1);
        let last = &rest[count - 1];
        words.push(match count {
            1 => format!("{}->{}/{}", first.place(), first.container, first.protocol),
            _ => format!("{}-{}->{}-{}/{}", first.place(), last.host, first.container, last.container, first.protocol),
        });
        rest = &rest[count..];
    }
    words
}
