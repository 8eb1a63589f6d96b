//! How commands that list things show their rows: a table, a template per row, or JSON, in each tool's manner.

use super::template::{Template, unescape};
use super::{align, in_template, pretty, printable};
use crate::config::Program;
use anyhow::Result;
use serde_json::{Map, Value};

/// Rows, and how they are to be shown.
pub struct Listing<'a> {
    /// Whose list: errors of templates name it.
    pub command: &'a str,
    /// Decides widths, and the shape of `json`.
    pub program: Program,
    /// `--format`: none, `table`, `table TEMPLATE`, `json`, a template.
    pub format: Option<&'a str>,
    /// The table that is shown when nothing else is asked for, as a template: `{{.ID}}\t{{.Names}}`.
    pub default: &'a str,
    /// Headings that are not the field's name in capitals.
    pub headings: &'a [(&'a str, &'a str)],
    /// Whether tables have a heading.
    pub heading: bool,
    /// One object per row; its fields are what templates name.
    pub rows: &'a [Value],
    /// What `json` prints when it is not docker's one row per line: podman's array.
    pub json: Option<&'a dyn Fn() -> Value>,
}

impl Listing<'_> {
    /// The text to print.
    pub fn render(&self) -> Result<String> {
        let format = self.format.unwrap_or("table");
        let format = match format.trim() {
            "json" | "{{json .}}" | "{{ json . }}" => return Ok(self.render_json()),
            trimmed => trimmed,
        };
        let (table, text) = match format.strip_prefix("table") {
            Some("") => (true, self.default),
            Some(rest) if rest.starts_with([' ', '\t', '\\', '{']) => (true, rest.trim_start()),
            _ => (false, self.format.unwrap_or_default()),
        };
        let text = unescape(text);
        let located = |fault| in_template(fault, self.command, &text);
        let template = Template::parse(&text).map_err(located)?;
        let mut out = String::new();
        if table && self.heading {
            out.push_str(&self.render_heading(&template));
            out.push('\n');
        }
        for row in self.rows {
            let line = template.execute(row).map_err(located)?;
            // A name from an image must not drive the terminal; tabs are the template's own.
            let clean: Vec<String> = line.split('\n').map(clean).collect();
            out.push_str(&clean.join("\n"));
            out.push('\n');
        }
        Ok(match (table, self.program) {
            (false, _) => out,
            (true, Program::Docker) => align(&out, 10, 3),
            (true, _) => align(&out, 12, 2),
        })
    }

    /// The template over headings in place of values; where it does more with them than print them, the headings of its
    /// fields.
    fn render_heading(&self, template: &Template) -> String {
        let heading = |field: &str| {
            let known = self.headings.iter().find(|(name, _)| *name == field);
            known.map_or_else(|| spaced(field), |(_, heading)| (*heading).to_string())
        };
        let fields = template.fields();
        let titles: Map<String, Value> = fields.iter().map(|name| (name.clone(), heading(name).into())).collect();
        template
            .execute(&Value::Object(titles))
            .unwrap_or_else(|_| fields.iter().map(|name| heading(name)).collect::<Vec<_>>().join("\t"))
            // `{{json .Labels}}` puts quotes around what it shows.
            .replace('"', "")
    }

    fn render_json(&self) -> String {
        match (self.program, self.json) {
            (Program::Docker, _) | (_, None) => self.rows.iter().map(|row| format!("{row}\n")).collect(),
            (_, Some(whole)) => pretty(&whole()) + "\n",
        }
    }
}

fn clean(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

/// `CreatedAt` → `CREATED AT`
fn spaced(field: &str) -> String {
    let mut out = String::new();
    let mut before = '\0';
    for c in field.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        out.extend(c.to_uppercase());
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(program: Program, format: Option<&str>, heading: bool) -> String {
        let rows = [json!({"ID": "abc", "CreatedAt": "now", "Labels": {"a": "b\u{1b}[2J"}})];
        let whole = || json!([{"Id": "abc"}]);
        let listing = Listing {
            command: "test",
            program,
            format,
            default: "{{.ID}}\t{{.CreatedAt}}",
            headings: &[("ID", "IMAGE ID")],
            heading,
            rows: &rows,
            json: Some(&whole),
        };
        listing.render().unwrap()
    }

    #[test]
    fn rows_are_shown_as_each_tool_does() {
        use Program::{Docker, Podman};
        for (program, format, heading, wanted) in [
            (Podman, None, true, "IMAGE ID    CREATED AT\nabc         now\n"),
            (Docker, None, true, "IMAGE ID   CREATED AT\nabc        now\n"),
            (Podman, None, false, "abc         now\n"),
            (Podman, Some("table"), false, "abc         now\n"),
            (Podman, Some("table {{.CreatedAt}}"), true, "CREATED AT\nnow\n"),
            (
                Podman,
                Some("table {{.ID}}\\t{{json .CreatedAt}}"),
                true,
                "IMAGE ID    CREATED AT\nabc         \"now\"\n",
            ),
            (Podman, Some("{{.ID}}\\t{{.CreatedAt}}"), true, "abc\tnow\n"),
            (Podman, Some("{{.Labels}}"), true, "map[a:b\u{fffd}[2J]\n"),
            (Podman, Some("json"), true, "[\n    {\n        \"Id\": \"abc\"\n    }\n]\n"),
            (Docker, Some("{{.ID}}"), true, "abc\n"),
        ] {
            assert_eq!(render(program, format, heading), wanted, "{program:?} {format:?}");
        }
        let lines = render(Docker, Some("json"), true);
        assert!(lines.starts_with('{') && lines.lines().count() == 1, "{lines}");
    }
}
