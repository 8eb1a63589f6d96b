//! Tokens as nodes.

use super::Template;
use super::functions;
use super::lex::{Token, lex};
use serde_json::Value;

/// How deep actions, parentheses and blocks may nest.
const DEPTH: usize = 100;

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range(Pipeline, Vec<Node>, Vec<Node>),
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

/// `$x := command | command`
#[derive(Debug, Clone, Default)]
pub(super) struct Pipeline {
    pub variables: Vec<String>,
    /// `=` rather than `:=`.
    pub assigns: bool,
    pub commands: Vec<Command>,
}

/// A function, field or value, and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub operands: Vec<Operand>,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Dot,
    Nil,
    Literal(Value),
    /// Fields of the dot.
    Fields(Vec<String>),
    /// A variable and its fields.
    Variable(String, Vec<String>),
    Function(String),
    /// `( … )` and its fields.
    Nested(Box<Pipeline>, Vec<String>),
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    variables: Vec<String>,
    defined: Vec<(String, Vec<Node>)>,
    depth: usize,
    ranges: usize,
}

/// How a list of nodes ended.
enum Stop {
    Eof,
    End,
    /// `{{else}}`, and what follows it: nothing, `if …` or `with …`.
    Else(Option<String>),
}

pub(super) fn parse(text: &str) -> Result<Template, String> {
    let mut parser = Parser {
        tokens: lex(text)?.into_iter().peekable(),
        variables: vec!["$".into()],
        defined: Vec::new(),
        depth: 0,
        ranges: 0,
    };
    match parser.nodes()? {
        (nodes, Stop::Eof) => Ok(Template { nodes, defined: parser.defined }),
        (_, Stop::End) => Err("unexpected {{end}}".into()),
        (_, Stop::Else(_)) => Err("unexpected {{else}}".into()),
    }
}

/// The first fields below the top that are named anywhere.
pub(super) fn fields(nodes: &[Node], found: &mut Vec<String>) {
    fn of_pipeline(pipeline: &Pipeline, found: &mut Vec<String>) {
        for operand in pipeline.commands.iter().flat_map(|command| &command.operands) {
            let first = match operand {
                Operand::Fields(fields) => fields.first(),
                Operand::Variable(name, fields) if name == "$" => fields.first(),
                Operand::Nested(inner, _) => {
                    of_pipeline(inner, found);
                    None
                }
                _ => None,
            };
            found.extend(first.filter(|name| !found.contains(name)).cloned().into_iter().collect::<Vec<_>>());
        }
    }
    for node in nodes {
        match node {
            Node::Action(pipeline) | Node::Template(_, Some(pipeline)) => of_pipeline(pipeline, found),
            Node::If(pipeline, yes, no) | Node::With(pipeline, yes, no) | Node::Range(pipeline, yes, no) => {
                of_pipeline(pipeline, found);
                fields(yes, found);
                fields(no, found);
            }
            Node::Text(_) | Node::Template(_, None) | Node::Break | Node::Continue => {}
        }
    }
}

impl Parser {
    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH { Err("nested too deeply".into()) } else { Ok(()) }
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), String> {
        let mut nodes = Vec::new();
        loop {
            match self.tokens.next() {
                None => return Ok((nodes, Stop::Eof)),
                Some(Token::Text(text)) => nodes.push(Node::Text(text)),
                Some(_) => match self.keyword().as_deref() {
                    Some("end") => {
                        self.close("end")?;
                        return Ok((nodes, Stop::End));
                    }
                    Some("else") => {
                        let next = self.keyword_of(&["if", "with"]);
                        if next.is_none() {
                            self.close("else")?;
                        }
                        return Ok((nodes, Stop::Else(next)));
                    }
                    Some("if") => nodes.push(self.branch("if")?),
                    Some("with") => nodes.push(self.branch("with")?),
                    Some("range") => nodes.push(self.range()?),
                    Some(word @ ("break" | "continue")) => {
                        let node = if word == "break" { Node::Break } else { Node::Continue };
                        if self.ranges == 0 {
                            return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                        }
                        self.close(word)?;
                        nodes.push(node);
                    }
                    Some("define") => {
                        let name = self.name("define")?;
                        self.close("define")?;
                        let body = self.body("define")?;
                        self.defined.push((name, body));
                    }
                    Some("block") => {
                        let name = self.name("block")?;
                        let pipeline = self.pipeline("block", false)?;
                        self.close("block")?;
                        let body = self.body("block")?;
                        self.defined.push((name.clone(), body));
                        nodes.push(Node::Template(name, Some(pipeline)));
                    }
                    Some("template") => {
                        let name = self.name("template")?;
                        let pipeline = match self.tokens.peek() {
                            Some(Token::Close) => None,
                            _ => Some(self.pipeline("template", false)?),
                        };
                        self.close("template")?;
                        nodes.push(Node::Template(name, pipeline));
                    }
                    _ => {
                        let pipeline = self.pipeline("command", false)?;
                        self.close("command")?;
                        nodes.push(Node::Action(pipeline));
                    }
                },
            }
        }
    }

    /// The keyword that stands next, taken.
    fn keyword(&mut self) -> Option<String> {
        self.keyword_of(&["end", "else", "if", "with", "range", "break", "continue", "define", "block", "template"])
    }

    fn keyword_of(&mut self, words: &[&str]) -> Option<String> {
        match self.tokens.next_if(|token| matches!(token, Token::Word(word) if words.contains(&word.as_str()))) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn close(&mut self, context: &str) -> Result<(), String> {
        match self.tokens.next() {
            Some(Token::Close) => Ok(()),
            other => Err(format!("unexpected {} in {context}", describe(other.as_ref()))),
        }
    }

    fn name(&mut self, context: &str) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Literal(name)) => Ok(name),
            other => Err(format!("unexpected {} in {context} clause", describe(other.as_ref()))),
        }
    }

    /// What stands up to `{{end}}`, with variables of its own.
    fn body(&mut self, context: &str) -> Result<Vec<Node>, String> {
        self.deeper()?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, end) = self.nodes()?;
        (self.variables, self.ranges) = (variables, ranges);
        self.depth -= 1;
        match end {
            Stop::End => Ok(nodes),
            Stop::Eof => Err("unexpected EOF".into()),
            Stop::Else(_) => Err(format!("unexpected {{{{else}}}} in {context} clause")),
        }
    }

    fn branch(&mut self, word: &str) -> Result<Node, String> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipeline = self.pipeline(word, false)?;
        self.close(word)?;
        let (yes, end) = self.nodes()?;
        let no = match end {
            Stop::End => Vec::new(),
            Stop::Eof => return Err("unexpected EOF".into()),
            Stop::Else(Some(next)) => vec![self.branch(&next)?],
            Stop::Else(None) => match self.nodes()? {
                (no, Stop::End) => no,
                (_, Stop::Eof) => return Err("unexpected EOF".into()),
                (_, Stop::Else(_)) => return Err("expected end; found {{else}}".into()),
            },
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(if word == "if" { Node::If(pipeline, yes, no) } else { Node::With(pipeline, yes, no) })
    }

    fn range(&mut self) -> Result<Node, String> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipeline = self.pipeline("range", true)?;
        self.close("range")?;
        self.ranges += 1;
        let (body, end) = self.nodes()?;
        self.ranges -= 1;
        let none = match end {
            Stop::End => Vec::new(),
            Stop::Eof => return Err("unexpected EOF".into()),
            Stop::Else(Some(_)) => return Err("unexpected {{else if}} in range".into()),
            Stop::Else(None) => match self.nodes()? {
                (no, Stop::End) => no,
                (_, Stop::Eof) => return Err("unexpected EOF".into()),
                (_, Stop::Else(_)) => return Err("expected end; found {{else}}".into()),
            },
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Range(pipeline, body, none))
    }

    fn pipeline(&mut self, context: &str, two: bool) -> Result<Pipeline, String> {
        let mut pipeline = Pipeline::default();
        // A declaration is only known by what follows the variable.
        let mut first = None;
        if let Some(Token::Variable(_)) = self.tokens.peek() {
            let Some(Token::Variable(name)) = self.tokens.next() else { return Err("no variable".into()) };
            match self.tokens.peek() {
                Some(Token::Declare) | Some(Token::Assign) => pipeline.variables.push(name),
                Some(Token::Comma) if two => {
                    self.tokens.next();
                    let Some(Token::Variable(second)) = self.tokens.next() else {
                        return Err(format!("range can only initialize variables in {context}"));
                    };
                    pipeline.variables.extend([name, second]);
                }
                _ => first = Some(name),
            }
            if !pipeline.variables.is_empty() {
                pipeline.assigns = match self.tokens.next() {
                    Some(Token::Declare) => false,
                    Some(Token::Assign) => true,
                    other => return Err(format!("unexpected {} in {context}", describe(other.as_ref()))),
                };
            }
        }
        loop {
            let mut operands = Vec::new();
            if let Some(name) = first.take() {
                operands.push(self.variable(name)?);
            }
            while let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            if operands.is_empty() {
                return Err(format!("missing value for {context}").replace("for range", "for range"));
            }
            pipeline.commands.push(Command { operands });
            match self.tokens.peek() {
                Some(Token::Pipe) => drop(self.tokens.next()),
                Some(Token::Close | Token::Right) => break,
                other => return Err(format!("unexpected {} in {context}", describe(other))),
            }
            if matches!(self.tokens.peek(), Some(Token::Close | Token::Right)) {
                return Err("missing value for command".into());
            }
        }
        if !pipeline.assigns {
            self.variables.extend(pipeline.variables.iter().cloned());
        } else if let Some(unknown) = pipeline.variables.iter().find(|name| !self.variables.contains(name)) {
            return Err(format!("undefined variable \"{unknown}\""));
        }
        Ok(pipeline)
    }

    fn variable(&mut self, name: String) -> Result<Operand, String> {
        match self.variables.contains(&name) {
            true => Ok(Operand::Variable(name, self.chain())),
            false => Err(format!("undefined variable \"{name}\"")),
        }
    }

    /// The fields that follow without a blank.
    fn chain(&mut self) -> Vec<String> {
        let mut fields = Vec::new();
        while let Some(Token::Field { name, .. }) =
            self.tokens.next_if(|token| matches!(token, Token::Field { joined: true, .. }))
        {
            fields.push(name);
        }
        fields
    }

    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let token = self.tokens.next_if(|token| {
            !matches!(
                token,
                Token::Pipe | Token::Close | Token::Right | Token::Comma | Token::Declare | Token::Assign | Token::Open
            )
        });
        Ok(Some(match token {
            None => return Ok(None),
            Some(Token::Dot) => Operand::Dot,
            Some(Token::Field { name, .. }) => {
                let mut fields = vec![name];
                fields.extend(self.chain());
                Operand::Fields(fields)
            }
            Some(Token::Variable(name)) => self.variable(name)?,
            Some(Token::Literal(text)) => Operand::Literal(Value::String(text)),
            Some(Token::Integer(number)) => Operand::Literal(number.into()),
            Some(Token::Float(number)) => Operand::Literal(number.into()),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "nil" => Operand::Nil,
                name if functions::is_known(name) => Operand::Function(word),
                _ => return Err(format!("function \"{word}\" not defined")),
            },
            Some(Token::Left) => {
                self.deeper()?;
                let pipeline = self.pipeline("parenthesized pipeline", false)?;
                self.depth -= 1;
                match self.tokens.next() {
                    Some(Token::Right) => Operand::Nested(Box::new(pipeline), self.chain()),
                    other => return Err(format!("unclosed left paren: unexpected {}", describe(other.as_ref()))),
                }
            }
            other => return Err(format!("unexpected {}", describe(other.as_ref()))),
        }))
    }
}

fn describe(token: Option<&Token>) -> String {
    match token {
        None => "EOF".into(),
        Some(Token::Text(_)) => "text".into(),
        Some(Token::Open) => "{{".into(),
        Some(Token::Close) => "}}".into(),
        Some(Token::Field { name, .. }) => format!("<.{name}>"),
        Some(Token::Dot) => "<.>".into(),
        Some(Token::Variable(name) | Token::Word(name)) => format!("<{name}>"),
        Some(Token::Literal(text)) => format!("{text:?}"),
        Some(Token::Integer(number)) => number.to_string(),
        Some(Token::Float(number)) => number.to_string(),
        Some(Token::Pipe) => "\"|\"".into(),
        Some(Token::Declare) => "\":=\"".into(),
        Some(Token::Assign) => "\"=\"".into(),
        Some(Token::Comma) => "\",\"".into(),
        Some(Token::Left) => "\"(\"".into(),
        Some(Token::Right) => "\")\"".into(),
    }
}
