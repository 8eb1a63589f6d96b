//! `--filter` for containers.

use super::{mounts, networks};
use crate::engine::Engine;
use crate::engine::container::resolved;
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::model::lifecycle::Phase;
use crate::store::Container;
use anyhow::Result;
use jiff::Timestamp;

/// What a container has to be; values of one key are alternatives, except labels.
pub(crate) struct Filters(Vec<(String, Vec<Test>)>);

enum Test {
    Id(String),
    Name(String),
    Label(String, Option<String>),
    NoLabel(String, Option<String>),
    Exited(u8),
    State(String),
    /// Image ids and names.
    Ancestor(Vec<Digest>, String),
    Before(String),
    Since(String),
    Until(Timestamp),
    Volume(String),
    Network(String),
    Command(String),
    Nothing,
}

impl Filters {
    /// From `key`, `value` pairs; looks up the containers and images that they name.
    pub(crate) fn parse(engine: &Engine, pairs: &[(String, String)]) -> Result<Filters> {
        let mut tests: Vec<(String, Vec<Test>)> = Vec::new();
        for (key, value) in pairs {
            let test = parse_one(engine, key, value)?;
            match tests.iter_mut().find(|(known, _)| known == key && key != "label") {
                Some((_, list)) => list.push(test),
                None => tests.push((key.clone(), vec![test])),
            }
        }
        Ok(Filters(tests))
    }

    /// Whether it says itself which states are meant, so that those that don't run are looked at, too.
    pub(crate) fn name_states(&self) -> bool {
        self.0.iter().any(|(key, _)| matches!(key.as_str(), "status" | "exited"))
    }

    pub(crate) fn match_container(&self, container: &Container, phase: Phase) -> bool {
        self.0.iter().all(|(_, tests)| tests.iter().any(|test| test.holds(container, phase)))
    }
}

fn parse_one(engine: &Engine, key: &str, value: &str) -> Result<Test> {
    let pair = |value: &str| match value.split_once('=') {
        Some((key, value)) => (key.to_string(), Some(value.to_string())),
        None => (value.to_string(), None),
    };
    Ok(match key {
        "id" => Test::Id(value.to_string()),
        "name" => Test::Name(value.trim_start_matches('/').to_string()),
        "label" => {
            let (key, value) = pair(value);
            Test::Label(key, value)
        }
        "label!" => {
            let (key, value) = pair(value);
            Test::NoLabel(key, value)
        }
        "exited" => Test::Exited(value.parse().map_err(|_| Fault::invalid(format!("invalid exit code {value:?}")))?),
        "status" => match value {
            "created" | "running" | "paused" | "exited" | "removing" => Test::State(value.to_string()),
            "stopped" => Test::State("exited".to_string()),
            "dead" | "restarting" | "stopping" | "unknown" | "initialized" | "configured" => {
                Test::State(value.to_string())
            }
            _ => return Err(Fault::invalid(format!("{value} is not a valid status")).into()),
        },
        "ancestor" => {
            let image = crate::engine::image::find::find(engine, value)?;
            Test::Ancestor(image.map(|image| image.record.id).into_iter().collect(), value.to_string())
        }
        "before" => Test::Before(created(engine, value)?),
        "since" => Test::Since(created(engine, value)?),
        "until" => Test::Until(until(value)?),
        "volume" => Test::Volume(value.to_string()),
        "network" => Test::Network(value.to_string()),
        "command" => Test::Command(value.to_string()),
        "health" if value == "none" => Test::Name(String::new()),
        "health" | "pod" | "is-task" | "publish" | "expose" | "restart-policy" | "isolation" => Test::Nothing,
        _ => return Err(Fault::invalid(format!("{key} is an invalid filter")).into()),
    })
}

fn created(engine: &Engine, name: &str) -> Result<String> {
    Ok(engine.store.find_container(name)?.created.clone())
}

/// A time, or how long ago: `2026-01-31T12:00:00Z`, `1770000000`, `10m`, `1h30m`.
pub(crate) fn until(text: &str) -> Result<Timestamp> {
    let bad = || Fault::invalid(format!("{text:?}: not a time and not a duration such as 10m or 1h30m"));
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Timestamp::from_second(seconds).map_err(|_| bad())?);
    }
    if let Ok(date) = text.parse::<jiff::civil::DateTime>() {
        return Ok(date.to_zoned(jiff::tz::TimeZone::system()).map_err(|_| bad())?.timestamp());
    }
    let ago = text.parse::<jiff::SignedDuration>().map_err(|_| Fault::new(Kind::Invalid, bad().what))?;
    Ok(Timestamp::now().checked_sub(ago).map_err(|_| bad())?)
}

impl Test {
    fn holds(&self, container: &Container, phase: Phase) -> bool {
        let labels = |key: &str, value: &Option<String>| {
            let own = resolved(container).labels;
            own.get(key).is_some_and(|known| value.as_ref().is_none_or(|value| value == known))
        };
        match self {
            Test::Id(text) => container.id.as_str().starts_with(text.trim_start_matches('^')),
            Test::Name(pattern) => matches(pattern, container.name.as_str()),
            Test::Label(key, value) => labels(key, value),
            Test::NoLabel(key, value) => !labels(key, value),
            Test::Exited(code) => phase == Phase::Exited { code: Some(*code) },
            Test::State(state) => phase.name() == state,
            Test::Ancestor(ids, name) => container.image.as_ref().is_some_and(|image| {
                ids.contains(&image.id) || image.name == *name || image.id.hex().starts_with(name.as_str())
            }),
            Test::Before(time) => container.created < *time,
            Test::Since(time) => container.created > *time,
            Test::Until(time) => container.created.parse::<Timestamp>().is_ok_and(|created| created < *time),
            Test::Volume(name) => {
                mounts(container, &resolved(container)).contains(name)
                    || container.spec.mounts.iter().any(|mount| mount.source == *name)
            }
            Test::Network(name) => networks(&container.spec).contains(name),
            Test::Command(text) => resolved(container).args().first().is_some_and(|word| word.contains(text.as_str())),
            Test::Nothing => false,
        }
    }
}

/// A small part of regular expressions, which is what people use for names: `^`, `$`, `.`, `.*`, `a|b`.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|pattern| {
        let (anchored, pattern) = match pattern.strip_prefix('^') {
            Some(rest) => (true, rest.trim_start_matches('/')),
            None => (false, pattern),
        };
        let starts = 0..=if anchored { 0 } else { text.len() };
        starts
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| matches_here(pattern.as_bytes(), &text.as_bytes()[at..]))
    })
}

fn matches_here(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => text.is_empty(),
        [one, b'*', rest @ ..] => (0..=text.len())
            .take_while(|count| text[..*count].iter().all(|byte| *one == b'.' || byte == one))
            .any(|count| matches_here(rest, &text[count..])),
        [b'\\', one, rest @ ..] | [one, rest @ ..] => {
            text.first().is_some_and(|byte| *one == b'.' || byte == one) && matches_here(rest, &text[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_people_write_them() {
        for (pattern, text, wanted) in [
            ("web", "web-1", true),
            ("web", "my-web", true),
            ("^web$", "web", true),
            ("^web$", "web1", false),
            ("^/web$", "web", true),
            ("^w.*1$", "web-1", true),
            ("a|web", "web", true),
            ("", "x", true),
            ("x*y", "xxxy", true),
            ("db", "web", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn times_are_absolute_or_ago() {
        for text in ["2026-01-31T12:00:00Z", "1770000000", "10m", "1h30m", "24h", "2026-01-31T12:00:00"] {
            assert!(until(text).is_ok(), "{text}");
        }
        for text in ["", "soon", "10x"] {
            assert!(until(text).is_err(), "{text:?} was taken for a time");
        }
    }
}
