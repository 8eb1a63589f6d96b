//! Walks a template's nodes over a value.

use super::parse::{Command, Node, Operand, Pipeline};
use super::{Template, functions, print};
use serde_json::Value;
use std::borrow::Cow;

/// How deep templates may call each other, and how much they may write.
const DEPTH: usize = 100;
const OUTPUT: usize = 64 << 20;

/// A value of the data, or one that was worked out.
pub(super) type Any<'a> = Cow<'a, Value>;

struct Run<'a> {
    template: &'a Template,
    out: String,
    variables: Vec<(String, Any<'a>)>,
    depth: usize,
}

/// What a list of nodes wants next.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

pub(super) fn execute(template: &Template, data: &Value) -> Result<String, String> {
    let dot = Cow::Borrowed(data);
    let variables = vec![("$".to_string(), dot.clone())];
    let mut run = Run { template, out: String::new(), variables, depth: 0 };
    run.nodes(&template.nodes, &dot)?;
    Ok(run.out)
}

impl<'a> Run<'a> {
    fn nodes(&mut self, nodes: &'a [Node], dot: &Any<'a>) -> Result<Flow, String> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'a Node, dot: &Any<'a>) -> Result<Flow, String> {
        if self.out.len() > OUTPUT {
            return Err("the output is too long".into());
        }
        let scope = self.variables.len();
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                match (
                    pipeline.variables.is_empty(),
                    value.is_null(),
                    last_field(pipeline).and_then(functions::empty_field),
                ) {
                    (false, ..) => {}
                    (true, true, Some(Value::Null)) => self.out.push_str("<nil>"),
                    // A list that is nil in Go is printed as an empty one.
                    (true, true, Some(empty)) => print::write(&empty, &mut self.out),
                    (true, ..) => print::write(&value, &mut self.out),
                }
            }
            Node::If(pipeline, yes, no) => {
                let value = self.pipeline(pipeline, dot)?;
                let chosen = if functions::truth(&value) { yes } else { no };
                let flow = self.nodes(chosen, dot)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::With(pipeline, yes, no) => {
                let value = self.pipeline(pipeline, dot)?;
                let flow = if functions::truth(&value) { self.nodes(yes, &value)? } else { self.nodes(no, dot)? };
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range(pipeline, body, none) => {
                self.range(pipeline, body, none, dot)?;
                self.variables.truncate(scope);
            }
            Node::Template(name, pipeline) => {
                let value = match pipeline {
                    Some(pipeline) => self.pipeline(pipeline, dot)?,
                    None => Cow::Owned(Value::Null),
                };
                let template = self.template;
                let body = template.defined.iter().rev().find(|(known, _)| known == name);
                let (_, body) = body.ok_or_else(|| format!("template \"{name}\" not defined"))?;
                self.depth += 1;
                if self.depth > DEPTH {
                    return Err(format!("exceeded maximum template depth ({DEPTH})"));
                }
                let variables = std::mem::replace(&mut self.variables, vec![("$".into(), value.clone())]);
                self.nodes(body, &value)?;
                self.variables = variables;
                self.depth -= 1;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        pipeline: &'a Pipeline,
        body: &'a [Node],
        none: &'a [Node],
        dot: &Any<'a>,
    ) -> Result<(), String> {
        let value = self.commands(pipeline, dot)?;
        let items: Vec<(Value, Any<'a>)> = match value {
            Cow::Borrowed(Value::Array(items)) => {
                items.iter().enumerate().map(|(index, item)| (index.into(), Cow::Borrowed(item))).collect()
            }
            Cow::Borrowed(Value::Object(items)) => {
                items.iter().map(|(key, item)| (key.clone().into(), Cow::Borrowed(item))).collect()
            }
            Cow::Owned(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(index, item)| (index.into(), Cow::Owned(item))).collect()
            }
            Cow::Owned(Value::Object(items)) => {
                items.into_iter().map(|(key, item)| (key.into(), Cow::Owned(item))).collect()
            }
            ref number if number.is_u64() => {
                let most = number.as_u64().unwrap_or(0).min(1 << 20);
                (0..most).map(|index| (index.into(), Cow::Owned(index.into()))).collect()
            }
            ref null if null.is_null() => Vec::new(),
            other => return Err(format!("range can't iterate over {}", print::text(&other))),
        };
        if items.is_empty() {
            self.nodes(none, dot)?;
            return Ok(());
        }
        let scope = self.variables.len();
        for (key, item) in items {
            match pipeline.variables.as_slice() {
                [value] => self.set(value, item.clone(), pipeline.assigns)?,
                [index, value] => {
                    self.set(index, Cow::Owned(key), pipeline.assigns)?;
                    self.set(value, item.clone(), pipeline.assigns)?;
                }
                _ => {}
            }
            let flow = self.nodes(body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Any<'a>, assigns: bool) -> Result<(), String> {
        if !assigns {
            self.variables.push((name.to_string(), value));
            return Ok(());
        }
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        known.ok_or_else(|| format!("undefined variable \"{name}\""))?.1 = value;
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Any<'a>) -> Result<Any<'a>, String> {
        let value = self.commands(pipeline, dot)?;
        for name in &pipeline.variables {
            self.set(name, value.clone(), pipeline.assigns)?;
        }
        Ok(value)
    }

    fn commands(&mut self, pipeline: &'a Pipeline, dot: &Any<'a>) -> Result<Any<'a>, String> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        last.ok_or_else(|| "missing value for command".to_string())
    }

    fn command(&mut self, command: &'a Command, dot: &Any<'a>, last: Option<Any<'a>>) -> Result<Any<'a>, String> {
        let Some((first, rest)) = command.operands.split_first() else {
            return Err("missing value for command".into());
        };
        if let Operand::Function(name) = first {
            return self.call(name, rest, dot, last);
        }
        let value = self.operand(first, dot)?;
        let mut arguments = Vec::new();
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        // A field with arguments is a method in Go: `.Label "key"`. Here it is an object to look into.
        match arguments.is_empty() {
            true => Ok(value),
            false if value.is_object() => functions::index(value, arguments),
            false => Err(format!("can't give argument to non-function {}", print::text(&value))),
        }
    }

    fn call(
        &mut self,
        name: &str,
        operands: &'a [Operand],
        dot: &Any<'a>,
        last: Option<Any<'a>>,
    ) -> Result<Any<'a>, String> {
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            let value = self.operand(operand, dot)?;
            // These two stop at the first argument that decides.
            let decided = (name == "and" && !functions::truth(&value)) || (name == "or" && functions::truth(&value));
            if decided {
                return Ok(value);
            }
            arguments.push(value);
        }
        arguments.extend(last);
        functions::call(name, arguments).map_err(|why| format!("error calling {name}: {why}"))
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Any<'a>) -> Result<Any<'a>, String> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Cow::Owned(Value::Null)),
            Operand::Literal(value) => Ok(Cow::Borrowed(value)),
            Operand::Fields(fields) => chain(dot.clone(), fields),
            Operand::Variable(name, fields) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.map(|(_, value)| value.clone());
                chain(value.ok_or_else(|| format!("undefined variable \"{name}\""))?, fields)
            }
            Operand::Function(name) => self.call(name, &[], dot, None),
            Operand::Nested(pipeline, fields) => {
                let value = self.pipeline(pipeline, dot)?;
                chain(value, fields)
            }
        }
    }
}

fn chain<'a>(value: Any<'a>, fields: &[String]) -> Result<Any<'a>, String> {
    let mut value = value;
    for (index, name) in fields.iter().enumerate() {
        let at = || format!("executing \"\" at <.{}>", fields[..=index].join("."));
        value = match value {
            Cow::Borrowed(Value::Object(object)) => match object.get(name) {
                Some(value) => Cow::Borrowed(value),
                None => missing(object, name).map_err(|why| format!("{}: {why}", at()))?,
            },
            Cow::Owned(Value::Object(mut object)) => match object.remove(name) {
                Some(value) => Cow::Owned(value),
                None => missing(&object, name).map_err(|why| format!("{}: {why}", at()))?,
            },
            ref null if null.is_null() => {
                return Err(format!("{}: nil pointer evaluating interface {{}}.{name}", at()));
            }
            other => {
                let kind = functions::kind(&other);
                return Err(format!("{}: can't evaluate field {name} in type {kind}", at()));
            }
        };
    }
    Ok(value)
}

/// The field that a pipeline shows, if it is only that.
fn last_field(pipeline: &Pipeline) -> Option<&str> {
    match pipeline.commands.as_slice() {
        [Command { operands }] => match operands.as_slice() {
            [Operand::Fields(fields) | Operand::Variable(_, fields)] => fields.last().map(String::as_str),
            _ => None,
        },
        _ => None,
    }
}

/// Structs have only the fields they have; of a map any key may be asked for.
fn missing<'a>(object: &serde_json::Map<String, Value>, name: &str) -> Result<Any<'a>, String> {
    let is_struct = !object.is_empty() && object.keys().all(|key| key.starts_with(|c: char| c.is_uppercase()));
    match (is_struct, functions::empty_field(name)) {
        (true, Some(empty)) => Ok(Cow::Owned(empty)),
        (true, None) => Err(format!("can't evaluate field {name} in type struct")),
        (false, _) => Ok(Cow::Owned(Value::Null)),
    }
}
