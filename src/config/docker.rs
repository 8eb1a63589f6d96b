//! What docker's config.json says besides credentials: the formats that lists have by default.

use super::{Config, Program};

/// `psFormat`, `imagesFormat` …: what `--format` is when it is not given. Only docker reads it.
pub fn default_format(config: &Config, key: &str) -> Option<String> {
    if config.program != Program::Docker {
        return None;
    }
    let text = std::fs::read_to_string(config.docker_config.join("config.json")).ok()?;
    parse(&text, key)
}

/// A file that can't be read as JSON has no opinion: `login` is who complains.
fn parse(text: &str, key: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    json.get(key)?.as_str().filter(|format| !format.is_empty()).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_strings_in_config_json() {
        for (text, format) in [
            (r#"{"psFormat": "table {{.ID}}"}"#, Some("table {{.ID}}")),
            (r#"{"psFormat": ""}"#, None),
            (r#"{"psFormat": 1}"#, None),
            ("{}", None),
            ("no json", None),
        ] {
            assert_eq!(parse(text, "psFormat").as_deref(), format, "{text}");
        }
    }
}
