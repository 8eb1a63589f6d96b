//! `logs`: what containers printed; and what `--log-driver` and `--log-opt` mean.

use super::resolved;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::container::{LogDriver, LogOptions};
use crate::model::id::ContainerId;
use crate::model::size::ByteSize;
use crate::monitor::LogConfig;
use crate::monitor::client::{Client, Wants};
use crate::monitor::log::read::LogReader;
pub use crate::monitor::log::read::Record;
pub use crate::monitor::log::{Stamp, Stream};
use crate::store::{Container, ContainerRecord};
use crate::sys::inotify::Watch;
use crate::sys::poll::{Interest, Set};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which records are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogsOptions {
    /// Go on until the containers end.
    pub follow: bool,
    /// Only the last so many.
    pub tail: Option<u64>,
    /// None before.
    pub since: Option<Stamp>,
    /// None after.
    pub until: Option<Stamp>,
}

/// What [`logs`] hands on.
#[derive(Debug)]
pub enum LogEvent<'a> {
    /// A record of the container with this index in the request.
    Record(usize, &'a Record),
    /// Before what comes next of that container, records may be missing: they were rotated away before they could be
    /// read.
    Missed(usize),
    /// Nothing more for now: time to write out what was collected.
    Pause,
}

/// Hands on the records of containers: one after the other, or with `follow` as they come. `sink` ends it by an error.
pub fn logs(
    engine: &Engine,
    ids: &[ContainerId],
    options: &LogsOptions,
    sink: &mut dyn FnMut(LogEvent<'_>) -> Result<()>,
) -> Result<()> {
    let mut sources = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let container = engine.store.find_container(id.as_str())?;
        let settings = LogSettings::of(&container, engine.config.log_driver())?;
        if let LogDriver::None | LogDriver::Passthrough = settings.driver {
            let what = format!(
                "this container is using the '{}' log driver, cannot read logs: this container is not logging output",
                settings.name()
            );
            return Err(Fault::new(Kind::Unsupported, what).into());
        }
        let path = settings.path(&container.dirs().disk, id);
        // Connected before the first read: what is written before the end is told is in the file by then.
        let client = if options.follow { Client::connect(&container.dirs().run, Wants::default())? } else { None };
        let reader = LogReader::open(&path, settings.driver, options.tail)?;
        sources.push(Source { index, reader, client, path, done: false });
    }
    let watch = Watch::new()?;
    for source in sources.iter().filter(|source| source.client.is_some()) {
        if let Some(dir) = source.path.parent() {
            watch.add(dir).with_context(|| format!("watching {}", dir.display()))?;
        }
    }
    let mut set = Set::default();
    loop {
        for source in &mut sources {
            source.drain(options, sink)?;
        }
        sources.retain(|source| source.client.is_some() && !source.done);
        sink(LogEvent::Pause)?;
        if sources.is_empty() {
            return Ok(());
        }
        set.clear();
        let changed = set.add(&watch, Interest::READ);
        let ends: Vec<usize> =
            sources.iter().filter_map(|source| Some(set.add(source.client.as_ref()?, Interest::READ))).collect();
        set.wait(options.until.map(until_then))?;
        if set.ready(changed).any() {
            watch.clear()?;
        }
        for (source, end) in sources.iter_mut().zip(ends) {
            // Whatever it says, it says at the end: we asked for no output.
            if set.ready(end).any() {
                source.client = None;
            }
        }
    }
}

/// What the container is called.
pub fn name(engine: &Engine, id: &ContainerId) -> Result<String> {
    Ok(engine.store.find_container(id.as_str())?.name.to_string())
}

fn until_then(until: Stamp) -> Duration {
    let now = Stamp::now();
    let seconds = until.seconds.saturating_sub(now.seconds).clamp(0, 86_400);
    Duration::from_millis(seconds as u64 * 1000 + 10)
}

struct Source {
    index: usize,
    reader: LogReader,
    /// `None`: it has ended, or was not to be followed.
    client: Option<Client>,
    path: PathBuf,
    done: bool,
}

impl Source {
    /// Hands on all that is there.
    fn drain(&mut self, options: &LogsOptions, sink: &mut dyn FnMut(LogEvent<'_>) -> Result<()>) -> Result<()> {
        let mut record = Record::default();
        while !self.done && self.reader.next(&mut record)? {
            if self.reader.missed() {
                sink(LogEvent::Missed(self.index))?;
            }
            if options.until.is_some_and(|until| record.time > until) {
                self.done = true;
            } else if options.since.is_none_or(|since| record.time >= since) {
                sink(LogEvent::Record(self.index, &record))?;
            }
        }
        self.done |= options.until.is_some_and(|until| Stamp::now() > until);
        Ok(())
    }
}

/// `--log-driver` and `--log-opt`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The format.
    pub driver: LogDriver,
    /// Rotate before a file grows beyond so many bytes; 0: never.
    pub max_size: u64,
    /// How many files.
    pub max_files: u32,
    /// As written.
    pub tag: String,
    /// The labels that go into each record, where the container has them.
    pub labels: Vec<String>,
    /// The variables that go into each record, where the container has them.
    pub env: Vec<String>,
    /// `--log-opt path=FILE`
    pub file: Option<PathBuf>,
}

/// Rotation is on unless somebody says otherwise.
const MAX_SIZE: u64 = 10 << 20;
const MAX_FILES: u32 = 3;

impl LogSettings {
    /// Understands options; what is not built is refused by name. Pure: `create` calls it before anything is made.
    pub fn parse(options: &LogOptions, usual: LogDriver) -> Result<LogSettings> {
        let mut settings = LogSettings {
            driver: options.driver.unwrap_or(usual),
            max_size: MAX_SIZE,
            max_files: MAX_FILES,
            tag: String::new(),
            labels: Vec::new(),
            env: Vec::new(),
            file: None,
        };
        for (key, value) in &options.options {
            match key.as_str() {
                "max-size" if value == "-1" => settings.max_size = 0,
                "max-size" => settings.max_size = value.parse::<ByteSize>()?.0,
                "max-file" => {
                    settings.max_files =
                        value.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
                            Fault::invalid(format!("--log-opt max-file={value}: must be a number from 1 to 1000"))
                        })?;
                }
                "tag" => settings.tag.clone_from(value),
                "labels" if settings.driver == LogDriver::JsonFile => settings.labels = words(value),
                "env" if settings.driver == LogDriver::JsonFile => settings.env = words(value),
                "path" if value.starts_with('/') => settings.file = Some(value.into()),
                "path" => return Err(Fault::invalid(format!("--log-opt path={value}: must be absolute")).into()),
                "mode" if value == "blocking" => {}
                _ => {
                    let what = format!("unknown log opt '{key}' for {} log driver", settings.name());
                    return Err(Fault::unsupported(what)
                        .hint("known: max-size, max-file, tag, path; with json-file also labels, env")
                        .into());
                }
            }
        }
        Ok(settings)
    }

    /// The settings of a container.
    pub fn of(record: &ContainerRecord, usual: LogDriver) -> Result<LogSettings> {
        LogSettings::parse(&record.spec.log, usual)
    }

    /// As flags and `inspect` name the driver.
    pub fn name(&self) -> &'static str {
        match self.driver {
            LogDriver::JsonFile => "json-file",
            LogDriver::K8sFile => "k8s-file",
            LogDriver::None => "none",
            LogDriver::Passthrough => "passthrough",
        }
    }

    /// The current file of a container whose own directory is `disk`: docker's and podman's names.
    pub fn path(&self, disk: &Path, id: &ContainerId) -> PathBuf {
        match (&self.file, self.driver) {
            (Some(file), _) => file.clone(),
            (None, LogDriver::K8sFile) => disk.join("ctr.log"),
            (None, _) => disk.join(format!("{id}-json.log")),
        }
    }

    /// What stands in each record besides the line: a variable rather than a label of the same name, as docker has it.
    fn attributes(&self, container: &Container) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        if !self.labels.is_empty() || !self.env.is_empty() {
            let own = resolved(container);
            let pick = |name: &String| Some((name.clone(), own.labels.get(name)?.clone()));
            attributes.extend(self.labels.iter().filter_map(pick));
            let variables = own.env.iter().filter_map(|variable| variable.split_once('='));
            let wanted = variables.filter(|(name, _)| self.env.iter().any(|wanted| wanted == name));
            attributes.extend(wanted.map(|(name, value)| (name.to_string(), value.to_string())));
        }
        let tag = expand_tag(&self.tag, container);
        if !tag.is_empty() {
            attributes.insert("tag".into(), tag);
        }
        attributes
    }

    /// What the container's monitor is told.
    pub fn config(&self, container: &Container) -> LogConfig {
        LogConfig {
            driver: self.driver,
            path: self.path(&container.dirs().disk, &container.id),
            max_size: self.max_size,
            max_files: self.max_files,
            attributes: self.attributes(container),
            passthrough: self.driver == LogDriver::Passthrough,
        }
    }
}

/// Names with commas between them.
fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(String::from).collect()
}

/// docker's markup for tags; anything else stays as it is written.
fn expand_tag(tag: &str, container: &ContainerRecord) -> String {
    let image = container.image.as_ref();
    let image_id = image.map_or(String::new(), |image| image.id.to_string());
    let image_name = image.map_or("", |image| image.name.as_str());
    let mut text = String::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((word, after)) = after.split_once("}}") else {
            return text + "{{" + after;
        };
        match word.trim() {
            ".ID" => text.push_str(container.id.short()),
            ".FullID" => text.push_str(container.id.as_str()),
            ".Name" => text.push_str(container.name.as_str()),
            ".ImageName" => text.push_str(image_name),
            ".ImageFullID" => text.push_str(&image_id),
            ".ImageID" => text.push_str(image_id.get(7..19).unwrap_or_default()),
            ".DaemonName" => text.push_str("barge"),
            _ => {
                text.push_str("{{");
                text.push_str(word);
                text.push_str("}}");
            }
        }
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> LogOptions {
        let options = pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
        LogOptions { driver: None, options }
    }

    #[test]
    fn rotation_is_on_unless_told_otherwise() {
        for (pairs, max_size, max_files) in [
            (vec![], 10 << 20, 3),
            (vec![("max-size", "1m")], 1 << 20, 3),
            (vec![("max-size", "-1")], 0, 3),
            (vec![("max-file", "5"), ("max-size", "10k"), ("mode", "blocking")], 10 << 10, 5),
        ] {
            let settings = LogSettings::parse(&options(&pairs), LogDriver::JsonFile).unwrap();
            assert_eq!((settings.max_size, settings.max_files), (max_size, max_files), "{pairs:?}");
        }
    }

    #[test]
    fn labels_and_variables_are_lists_for_json_file_only() {
        let asked = options(&[("labels", "a, b"), ("env", "C,")]);
        let settings = LogSettings::parse(&asked, LogDriver::JsonFile).unwrap();
        assert_eq!((settings.labels, settings.env), (vec!["a".to_string(), "b".into()], vec!["C".to_string()]));
        assert!(LogSettings::parse(&asked, LogDriver::K8sFile).is_err());
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for (key, value) in
            [("compress", "true"), ("max-file", "0"), ("max-size", "big"), ("mode", "non-blocking"), ("path", "x")]
        {
            assert!(LogSettings::parse(&options(&[(key, value)]), LogDriver::JsonFile).is_err(), "{key}={value}");
        }
    }
}
