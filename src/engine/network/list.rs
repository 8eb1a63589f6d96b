//! `network ls`

use super::users;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::network::{DEFAULT, NetworkRecord};
use anyhow::Result;

/// One network, or one of those that are none (`host`, `none`).
#[derive(Debug, Clone)]
pub struct Listed {
    /// `None`: `name` is all there is to know.
    pub record: Option<NetworkRecord>,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its driver.
    pub driver: String,
}

/// The networks that `filters` (`key`, `value`) leave, by name. `all`: with those that are none.
pub fn list(engine: &Engine, filters: &[(String, String)], all: bool) -> Result<Vec<Listed>> {
    let mut records = engine.store.networks()?;
    if !engine.config.rootless && !records.iter().any(|network| network.name.as_str() == DEFAULT) {
        records.push(super::find(engine, DEFAULT)?);
    }
    let mut found: Vec<Listed> = records
        .into_iter()
        .map(|record| Listed {
            name: record.name.to_string(),
            id: record.id.clone(),
            driver: record.driver.name().into(),
            record: Some(record),
        })
        .collect();
    if all {
        found.extend(super::OTHERS.iter().map(|name| Listed {
            record: None,
            name: name.to_string(),
            id: format!("{:0>64x}", name.bytes().fold(0u64, |sum, byte| sum << 8 | u64::from(byte))),
            driver: if *name == "none" { "null".into() } else { name.to_string() },
        }));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    // Values of one key are alternatives, but labels must all be there.
    let mut keys: Vec<&str> = filters.iter().map(|(key, _)| key.as_str()).collect();
    keys.dedup();
    for key in keys {
        let values: Vec<&str> =
            filters.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect();
        let mut kept = Vec::new();
        for network in found {
            let mut matches = Vec::new();
            for value in &values {
                matches.push(holds(engine, &network, key, value)?);
            }
            let is_kept = if key == "label" { matches.iter().all(|one| *one) } else { matches.contains(&true) };
            kept.extend(Some(network).filter(|_| is_kept));
        }
        found = kept;
    }
    Ok(found)
}

fn holds(engine: &Engine, network: &Listed, key: &str, value: &str) -> Result<bool> {
    let record = network.record.as_ref();
    let has_label = |value: &str| {
        let (name, wanted) = value.split_once('=').map_or((value, None), |(name, wanted)| (name, Some(wanted)));
        let known = record.and_then(|record| record.labels.get(name));
        known.is_some_and(|known| wanted.is_none_or(|wanted| wanted == known))
    };
    Ok(match key {
        "name" => network.name.contains(value),
        "id" => network.id.starts_with(value),
        "driver" => network.driver == value,
        "label" => has_label(value),
        "label!" => !has_label(value),
        "type" => match value {
            "custom" => record.is_some_and(|record| record.name.as_str() != DEFAULT),
            "builtin" => record.is_none_or(|record| record.name.as_str() == DEFAULT),
            _ => return Err(Fault::invalid(format!("invalid filter: 'type={value}'")).into()),
        },
        "scope" => value == "local",
        "until" => {
            let until = crate::engine::container::until(value)?;
            record.is_some_and(|record| record.created.parse::<jiff::Timestamp>().is_ok_and(|time| time < until))
        }
        "dangling" => match record {
            Some(record) => {
                let dangles = record.name.as_str() != DEFAULT && users(&engine.store, record)?.is_empty();
                dangles == matches!(value, "true" | "1")
            }
            None => false,
        },
        _ => return Err(Fault::invalid(format!("invalid filter {key:?}")).into()),
    })
}
