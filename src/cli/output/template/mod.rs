//! Go's text/template, as far as `--format` needs it. Pure: a template and a JSON value give text.
//!
//! [`lex`] cuts the text into tokens, [`parse`] makes nodes of them, [`execute`] walks the nodes, [`functions`] are what
//! templates can call (Go's own and the eight that docker and podman share), [`print`] writes values as Go's fmt does.
//! A template is the user's own; the data may be hostile: nothing here fails on any data but with an error.

mod execute;
mod functions;
mod lex;
mod parse;
mod print;

use crate::fault::Fault;
use serde_json::Value;

/// A template that was understood.
#[derive(Debug, Clone)]
pub struct Template {
    nodes: Vec<parse::Node>,
    /// `{{define "name"}}`
    defined: Vec<(String, Vec<parse::Node>)>,
}

impl Template {
    /// Reads a template; what is wrong with it comes in Go's words.
    pub fn parse(text: &str) -> Result<Template, Fault> {
        parse::parse(text).map_err(|why| Fault::invalid(format!("template parsing error: template: {why}")))
    }

    /// Fills it in. Objects whose keys all begin with a capital letter are structs (an unknown field is an error), others
    /// are maps (an unknown key is `<no value>`).
    pub fn execute(&self, data: &Value) -> Result<String, Fault> {
        execute::execute(self, data).map_err(|why| Fault::invalid(format!("template: {why}")))
    }

    /// The fields that the template names at its top (`.ID`, `.Names`), in order: what a table's headings are made of,
    /// and what tells whether something dear (a size) must be worked out.
    pub fn fields(&self) -> Vec<String> {
        let mut found = Vec::new();
        parse::fields(&self.nodes, &mut found);
        found
    }
}

/// `\t` and `\n` typed as two characters, as shells hand them over. Inside `{{ }}` they stay: Go's strings have escapes of
/// their own, and a real line end would break them.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, action) = rest.split_at(at);
        out.push_str(&unescape_text(before));
        let (action, after) = action.split_at(action_length(action));
        out.push_str(action);
        rest = after;
    }
    out + &unescape_text(rest)
}

fn unescape_text(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

/// How long the action is that `text` begins with, braces and all; one that does not end is all of it.
fn action_length(text: &str) -> usize {
    let inside = text[2..].trim_start_matches(['-', ' ', '\t', '\r', '\n']);
    if inside.starts_with("/*") {
        let end = text.find("*/").map_or(text.len(), |at| at + 2);
        return text[end..].find("}}").map_or(text.len(), |at| end + at + 2);
    }
    let mut quote = None;
    let mut characters = text.char_indices().skip(2);
    while let Some((at, c)) = characters.next() {
        match quote {
            Some('"' | '\'') if c == '\\' => drop(characters.next()),
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if text[at..].starts_with("}}") => return at + 2,
            None => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(template: &str, data: &Value) -> Result<String, String> {
        let template = Template::parse(template).map_err(|fault| fault.what)?;
        template.execute(data).map_err(|fault| fault.what)
    }

    fn data() -> Value {
        json!({
            "ID": "abc", "Name": "/web", "Size": 42, "Big": 12345678901u64, "Half": 0.5, "Running": true, "Paused": false,
            "Names": ["a", "b"], "Empty": [], "Nothing": null,
            "Labels": {"com.example.k": "v", "b": "2"},
            "State": {"Status": "running", "Pid": 7, "Health": null},
            "Networks": {"bridge": {"IPAddress": "10.0.0.2"}, "other": {"IPAddress": "10.1.0.2"}},
            "Ports": {"80/tcp": [{"HostPort": "8080"}], "81/tcp": null},
            "Config": {"Cmd": null, "Labels": null, "Image": "x"},
            "Mounts": [{"Type": "bind", "Source": "/x"}, {"Type": "volume", "Name": "v"}],
        })
    }

    #[test]
    fn templates_give_what_go_gives() {
        for (template, wanted) in [
            ("", ""),
            ("plain", "plain"),
            ("{{.ID}}", "abc"),
            ("{{ .ID }}:{{.Name}}", "abc:/web"),
            ("{{.State.Status}} {{.State.Pid}}", "running 7"),
            ("{{.Size}} {{.Big}} {{.Half}} {{.Running}}", "42 12345678901 0.5 true"),
            ("{{.Names}} {{.Empty}}", "[a b] []"),
            ("{{.Labels}}", "map[b:2 com.example.k:v]"),
            ("{{json .Names}}", r#"["a","b"]"#),
            ("{{json .}}", &data().to_string()),
            ("{{.Names | json}}", r#"["a","b"]"#),
            ("{{index .Names 1}}", "b"),
            ("{{index .Labels \"com.example.k\"}}", "v"),
            ("{{index .Labels \"nosuch\"}}", ""),
            ("{{.Labels.b}}{{.Labels.nosuch}}", "2<no value>"),
            ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
            ("{{(index .Mounts 0).Source}}", "/x"),
            ("{{range .Names}}<{{.}}>{{end}}", "<a><b>"),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"),
            ("{{range $i, $n := .Names}}{{$i}}={{$n}} {{end}}", "0=a 1=b "),
            ("{{range $k, $v := .Networks}}{{$k}}:{{$v.IPAddress}} {{end}}", "bridge:10.0.0.2 other:10.1.0.2 "),
            ("{{range .Networks}}{{.IPAddress}}{{end}}", "10.0.0.210.1.0.2"),
            ("{{range .Names}}{{$.ID}}{{end}}", "abcabc"),
            ("{{range .Names}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"),
            ("{{range .Names}}{{if eq . \"a\"}}{{continue}}{{end}}{{.}}{{end}}", "b"),
            ("{{if .Running}}up{{else}}down{{end}}", "up"),
            ("{{if .Paused}}a{{else if .Running}}b{{else}}c{{end}}", "b"),
            ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
            ("{{if and .Running (not .Paused)}}yes{{end}}", "yes"),
            ("{{if or .Paused .Nothing .Empty}}yes{{else}}no{{end}}", "no"),
            ("{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}x{{else}}-{{end}}", "7-"),
            ("{{$x := .ID}}{{$x}}{{$x = \"z\"}}{{$x}}", "abcz"),
            ("a {{- .ID -}} b", "aabcb"),
            ("a\n  {{- /* said */ -}}\n b", "ab"),
            ("{{/* nothing */}}x", "x"),
            ("{{len .Names}} {{len .Name}} {{len .Labels}}", "2 4 2"),
            ("{{join .Names \",\"}} {{split \"a,b\" \",\"}}", "a,b [a b]"),
            ("{{upper .ID}} {{lower \"ABC\"}} {{title \"hello world\"}}", "ABC abc Hello World"),
            ("{{truncate .Name 2}}|{{pad .ID 1 2}}|", "/w| abc  |"),
            ("{{slice .Name 1}} {{slice .Name 1 3}}", "web we"),
            ("{{printf \"%s-%d-%v-%q\" .ID .Size .Names .ID}}", "abc-42-[a b]-\"abc\""),
            (
                "{{printf \"%-6s|%6s|%05d|%.1f|%x|%%|%t\" .ID .ID .Size .Half 255 .Running}}",
                "abc   |   abc|00042|0.5|ff|%|true",
            ),
            ("{{println .ID 1}}", "abc 1\n"),
            ("{{print .ID .Size 1 2 \"x\"}}", "abc42 1 2x"),
            ("{{\"a\\nb\"}}{{`raw\\n`}}", "a\nbraw\\n"),
            ("{{'a'}} {{0x10}} {{1.5}} {{true}}", "97 16 1.5 true"),
            (
                "{{eq .Size 42}} {{ne .ID \"x\"}} {{lt 1 2}} {{ge 2 2}} {{gt \"b\" \"a\"}} {{le 3 2}}",
                "true true true true true false",
            ),
            ("{{eq .ID \"x\" \"abc\"}}", "true"),
            ("{{define \"T\"}}<{{.}}>{{end}}{{template \"T\" .ID}}", "<abc>"),
            ("{{block \"B\" .ID}}[{{.}}]{{end}}", "[abc]"),
            ("{{.Nothing}}", "<no value>"),
            ("{{html \"<a&b>\"}}", "&lt;a&amp;b&gt;"),
            ("{{.Label \"x\"}}", "LABEL-x"),
            ("{{not .Running}}", "false"),
            ("{{.Config.Cmd}} {{.Config.Entrypoint}} {{.Config.Labels}} <{{.Config.User}}>", "[] [] map[] <>"),
            ("{{json .Config.Cmd}} {{len .Config.Cmd}} {{.Config.Healthcheck}}", "null 0 <nil>"),
            ("{{if .Config.Healthcheck}}x{{end}}{{range .Config.Cmd}}x{{end}}", ""),
            ("{{(.State).Pid}}", "7"),
            ("{{range $i, $e := .Mounts}}{{if $i}},{{end}}{{$e.Type}}{{end}}", "bind,volume"),
            ("{{range .Mounts}}{{if eq .Type \"bind\"}}{{.Source}}{{end}}{{end}}", "/x"),
            ("{{ .ID | printf \"%s-%s\" \"x\" }}", "x-abc"),
        ] {
            let mut data = data();
            if template.contains(".Label ") {
                data["Label"] = json!({"x": "LABEL-x"});
            }
            assert_eq!(fill(template, &data).as_deref(), Ok(wanted), "{template}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (template, words) in [
            ("{{", "unclosed action"),
            ("{{.ID", "unclosed action"),
            ("{{end}}", "unexpected {{end}}"),
            ("{{if .ID}}", "unexpected EOF"),
            ("{{else}}", "unexpected {{else}}"),
            ("{{nosuch .ID}}", "function \"nosuch\" not defined"),
            ("{{$x}}", "undefined variable \"$x\""),
            ("{{\"a}}", "unterminated"),
            ("{{/* a", "unclosed comment"),
            ("{{}}", "missing value for command"),
            ("{{.ID | }}", "missing value for command"),
            ("{{break}}", "outside"),
            ("{{.Foo}}", "can't evaluate field Foo"),
            ("{{.State.Foo}}", "can't evaluate field Foo"),
            ("{{.State.Health.Status}}", "nil pointer evaluating"),
            ("{{.ID.Foo}}", "can't evaluate field Foo"),
            ("{{index .Names 5}}", "index out of range: 5"),
            ("{{index .ID \"x\"}}", "index"),
            ("{{template \"x\"}}", "template \"x\" not defined"),
            ("{{range .ID}}{{end}}", "range can't iterate over"),
            ("{{len 1}}", "len of type"),
            ("{{lt 1 \"a\"}}", "incompatible types"),
            ("{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}", "exceeded maximum template depth"),
            ("{{slice .Name 9}}", "out of range"),
            ("{{(((((.ID}}", "unclosed"),
        ] {
            let error = fill(template, &data()).expect_err(template);
            assert!(error.contains(words), "{template}: {error}");
        }
        assert!(fill(&"{{(".repeat(100_000), &data()).is_err());
        assert!(fill(&"{{if .}}".repeat(100_000), &data()).is_err());
    }

    #[test]
    fn fields_are_told() {
        let template = Template::parse("{{.ID}}\t{{if .Size}}{{json .Names}}{{end}} {{(.State).Pid}}{{$.ID}}").unwrap();
        assert_eq!(template.fields(), ["ID", "Size", "Names", "State"]);
    }

    #[test]
    fn escapes_of_the_shell_are_read_outside_of_actions() {
        for (typed, wanted) in [
            ("a\\tb\\n", "a\tb\n"),
            (r#"{{.ID}}\t{{"\n"}}\n"#, "{{.ID}}\t{{\"\\n\"}}\n"),
            (r#"{{"}}\"\n"}}\n"#, "{{\"}}\\\"\\n\"}}\n"),
            (r"{{`}}\`}}\t", "{{`}}\\`}}\t"),
            (r"{{'\t'}}\t", "{{'\\t'}}\t"),
            (r#"{{- /* "\n */ -}}\n"#, "{{- /* \"\\n */ -}}\n"),
            (r#"\n{{"\n"#, "\n{{\"\\n"),
            ("{{", "{{"),
        ] {
            assert_eq!(unescape(typed), wanted, "{typed}");
        }
    }
}
