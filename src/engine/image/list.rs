//! Which images there are, filtered and sorted.

use super::find;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::reference::Reference;
use crate::store::ImageRecord;
use anyhow::Result;
use jiff::Timestamp;
use std::collections::HashMap;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// `reference`, `label`, `label!`, `dangling`, `before`, `since` (or `after`), `until`, `containers`, `readonly`,
    /// `intermediate`, `id` and their values. Several of one key: any of them (labels: all of them).
    pub filters: Vec<(String, String)>,
    /// An image name or pattern, or the beginning of an id; none: all.
    pub name: Option<String>,
}

/// One image and who uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What is known of it.
    pub record: ImageRecord,
    /// Its names, sorted; of those only the matching ones when names were asked for.
    pub names: Vec<Reference>,
    /// How many containers were made of it.
    pub containers: usize,
}

impl Listed {
    /// When it was made; the beginning of time when its config does not say.
    pub fn created(&self) -> Timestamp {
        created(&self.record)
    }

    /// `repository@digest` for every repository that it is known in: by pulls and by its own names.
    pub fn repo_digests(&self) -> Vec<String> {
        let mut digests = self.record.repo_digests.clone();
        for name in &self.names {
            let repository = format!("{}@", name.repository());
            if !digests.iter().any(|known| known.starts_with(&repository)) {
                digests.push(format!("{repository}{}", self.record.manifest));
            }
        }
        digests.sort();
        digests
    }
}

/// The images that match, newest first.
pub fn list(engine: &Engine, options: &ListOptions) -> Result<Vec<Listed>> {
    let images = engine.store.images()?;
    let mut users: HashMap<Digest, usize> = HashMap::new();
    for container in engine.store.containers()? {
        if let Some(image) = &container.image {
            *users.entry(image.id.clone()).or_default() += 1;
        }
    }
    let mut names: HashMap<&Digest, Vec<Reference>> = HashMap::new();
    for (name, id) in images.names() {
        names.entry(id).or_default().push(name.clone());
    }
    let filters = parse(engine, &options.filters)?;
    let mut listed: Vec<Listed> = images
        .iter()
        .map(|record| Listed {
            record: record.clone(),
            names: names.remove(&record.id).unwrap_or_default(),
            containers: users.get(&record.id).copied().unwrap_or(0),
        })
        .filter(|image| filters.match_image(image))
        .collect();
    if !filters.references.is_empty() {
        listed = listed.into_iter().filter_map(|image| only_named(image, &filters.references)).collect();
    }
    if let Some(name) = &options.name {
        // A name first, then the beginning of an id; a pattern is only a pattern.
        let by_id = match name.contains(['*', '?', '[']) {
            true => None,
            false => find::find(engine, name)?.filter(|local| local.name.is_none()).map(|local| local.record.id),
        };
        listed = match by_id {
            Some(id) => listed.into_iter().filter(|image| image.record.id == id).collect(),
            None => listed.into_iter().filter_map(|image| only_named(image, std::slice::from_ref(name))).collect(),
        };
    }
    listed.sort_by_key(|image| std::cmp::Reverse(image.created()));
    Ok(listed)
}

fn created(record: &ImageRecord) -> Timestamp {
    record.created.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The image with its matching names only; none when none matches.
fn only_named(mut image: Listed, patterns: &[String]) -> Option<Listed> {
    image.names.retain(|name| patterns.iter().any(|pattern| name_matches(pattern, name)));
    (!image.names.is_empty()).then_some(image)
}

/// The filters of one command, understood.
#[derive(Debug, Default)]
struct Filters {
    references: Vec<String>,
    labels: Vec<(String, bool)>,
    dangling: Option<bool>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    containers: Option<bool>,
    ids: Vec<String>,
    nothing: bool,
}

impl Filters {
    fn match_image(&self, image: &Listed) -> bool {
        let created = image.created();
        let hex = image.record.id.hex();
        !self.nothing
            && self.labels.iter().all(|(label, wanted)| label_matches(label, &image.record) == *wanted)
            && self.dangling.is_none_or(|wanted| image.names.is_empty() == wanted)
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
            && self.containers.is_none_or(|wanted| (image.containers > 0) == wanted)
            && (self.ids.is_empty() || self.ids.iter().any(|id| hex.starts_with(id.trim_start_matches("sha256:"))))
    }
}

fn parse(engine: &Engine, filters: &[(String, String)]) -> Result<Filters> {
    let mut parsed = Filters::default();
    let image = |name: &str| find::get(engine, name).map(|local| created(&local.record));
    for (key, value) in filters {
        match key.as_str() {
            "reference" => parsed.references.push(value.clone()),
            "label" => parsed.labels.push((value.clone(), true)),
            "label!" => parsed.labels.push((value.clone(), false)),
            "dangling" => parsed.dangling = Some(parse_bool(key, value)?),
            "before" => parsed.before = Some(image(value)?),
            "since" | "after" => parsed.since = Some(image(value)?),
            "until" => parsed.before = Some(parse_until(value, Timestamp::now())?),
            "containers" => match value.as_str() {
                // Images of other tools' containers: we have none.
                "external" => parsed.nothing = true,
                value => parsed.containers = Some(parse_bool(key, value)?),
            },
            // No image of ours is read-only or intermediate.
            "readonly" | "intermediate" => parsed.nothing |= parse_bool(key, value)?,
            "id" => parsed.ids.push(value.clone()),
            other => {
                return Err(Fault::invalid(match engine.config.program {
                    Program::Docker => format!("invalid filter '{other}'"),
                    _ => format!("unsupported image filter \"{other}\""),
                })
                .into());
            }
        }
    }
    Ok(parsed)
}

fn parse_bool(key: &str, value: &str) -> Result<bool, Fault> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Fault::invalid(format!(
            "non-boolean value \"{value}\" for {key} filter: strconv.ParseBool: parsing \"{value}\": invalid syntax"
        ))),
    }
}

/// A time, a date, seconds since 1970, or a Go duration before `now`.
fn parse_until(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let bad = || Fault::invalid(format!("parsing \"{text}\": not a time or duration"));
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_millisecond((seconds * 1000.0) as i64).map_err(|_| bad());
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        return local.to_zoned(jiff::tz::TimeZone::system()).map(|time| time.timestamp()).map_err(|_| bad());
    }
    let span = text.parse::<jiff::SignedDuration>().map_err(|_| bad())?;
    now.checked_sub(span).map_err(|_| bad())
}

/// `key` (is there) or `key=value` (is exactly that).
fn label_matches(label: &str, record: &ImageRecord) -> bool {
    match label.split_once('=') {
        Some((key, value)) => record.labels.get(key).is_some_and(|there| there == value),
        None => record.labels.contains_key(label),
    }
}

/// Whether a reference pattern means this name: with or without tag, fully spelled or familiar, `*`, `?` and `[…]`
/// within one path component.
fn name_matches(pattern: &str, name: &Reference) -> bool {
    let tag = name.tag.as_deref().unwrap_or_default();
    let repository = name.repository();
    let familiar = Reference { tag: None, digest: None, ..name.clone() }.familiar();
    let mut spellings = vec![repository, familiar.clone()];
    // The last parts alone: `*/app`, `app` for `localhost/app`.
    if let Some(local) = familiar.strip_prefix("localhost/") {
        spellings.push(local.to_string());
    }
    spellings.iter().any(|name| glob(pattern, name) || glob(pattern, &format!("{name}:{tag}")))
}

/// Go's `path.Match`: `*` and `?` don't match a slash.
fn glob(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&pattern[1..], text) || text.first().is_some_and(|c| *c != '/') && matches(pattern, &text[1..])
            }
            (Some('?'), Some(c)) if *c != '/' => matches(&pattern[1..], &text[1..]),
            (Some('['), Some(c)) => match class(&pattern[1..], *c) {
                Some((true, rest)) => matches(rest, &text[1..]),
                _ => false,
            },
            (Some('\\'), Some(c)) => pattern.get(1) == Some(c) && matches(&pattern[2..], &text[1..]),
            (Some(p), Some(c)) => p == c && matches(&pattern[1..], &text[1..]),
            _ => false,
        }
    }
    fn class(pattern: &[char], c: char) -> Option<(bool, &[char])> {
        let negated = pattern.first() == Some(&'^');
        let mut rest = if negated { &pattern[1..] } else { pattern };
        let mut found = false;
        while *rest.first()? != ']' {
            let from = *rest.first()?;
            match (rest.get(1), rest.get(2)) {
                (Some('-'), Some(to)) if *to != ']' => {
                    found |= (from..=*to).contains(&c);
                    rest = &rest[3..];
                }
                _ => {
                    found |= from == c;
                    rest = &rest[1..];
                }
            }
        }
        Some((found != negated, &rest[1..]))
    }
    // Patterns are short; what is long is no name, and backtracking over it would take long.
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().take(512).collect(), text.chars().collect());
    pattern.iter().filter(|c| **c == '*').count() <= 16 && matches(&pattern, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_patterns_match_as_docker_and_podman_do() {
        for (pattern, name, wanted) in [
            ("alpine", "alpine:3", true),
            ("alpine:3", "alpine:3", true),
            ("alpine:4", "alpine:3", false),
            ("alp*", "alpine:3", true),
            ("*:3", "alpine:3", true),
            ("docker.io/library/alpine", "alpine:3", true),
            ("docker.io/*/alp?ne:[0-9]", "alpine:3", true),
            ("*", "user/app:1", false),
            ("*/*", "user/app:1", true),
            ("app", "localhost/app:1", true),
            ("localhost/app:1", "localhost/app:1", true),
            ("pp", "localhost/app:1", false),
            ("[^b]pp", "localhost/app:1", true),
            ("[", "app:1", false),
        ] {
            let reference: Reference = name.parse().unwrap();
            assert_eq!(name_matches(pattern, &reference), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn until_takes_times_and_durations() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
            ("24h", "2026-11-20T12:00:00Z"),
            ("1h30m", "2026-11-21T10:30:00Z"),
            ("10m", "2026-11-21T11:50:00Z"),
            ("1700000000", "2023-11-14T22:13:20Z"),
        ] {
            assert_eq!(parse_until(text, now).unwrap().to_string(), wanted, "{text}");
        }
        assert!(parse_until("soon", now).is_err());
    }
}
