//! A template's text as tokens.

/// One token; text stands outside of `{{ }}`, everything else inside.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.Name`, without the dot; `joined` when nothing stands between it and what is before.
    Field {
        name: String,
        joined: bool,
    },
    /// `.` alone.
    Dot,
    /// `$` or `$name`, with the dollar.
    Variable(String),
    /// A function's or keyword's name.
    Word(String),
    Literal(String),
    Integer(i64),
    Float(f64),
    Pipe,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Comma,
    Left,
    Right,
}

pub(super) fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(at) = rest.find("{{") {
        let mut before = &rest[..at];
        let mut inside = &rest[at + 2..];
        if trim {
            before = before.trim_start();
        }
        if let Some(after) = inside.strip_prefix('-').filter(|after| after.starts_with([' ', '\t', '\r', '\n'])) {
            before = before.trim_end();
            inside = after;
        }
        if !before.is_empty() {
            tokens.push(Token::Text(before.to_string()));
        }
        if let Some(comment) = inside.trim_start().strip_prefix("/*") {
            let end = comment.find("*/").ok_or("unclosed comment")?;
            let after = comment[end + 2..].trim_start();
            (trim, rest) = match (after.strip_prefix("-}}"), after.strip_prefix("}}")) {
                (Some(rest), _) => (true, rest),
                (_, Some(rest)) => (false, rest),
                _ => return Err("comment ends before closing delimiter".into()),
            };
            continue;
        }
        tokens.push(Token::Open);
        (trim, rest) = lex_action(inside, &mut tokens)?;
        tokens.push(Token::Close);
    }
    let last = if trim { rest.trim_start() } else { rest };
    if !last.is_empty() {
        tokens.push(Token::Text(last.to_string()));
    }
    Ok(tokens)
}

/// Up to and with `}}`: whether what follows is trimmed, and what follows.
fn lex_action<'a>(text: &'a str, tokens: &mut Vec<Token>) -> Result<(bool, &'a str), String> {
    let mut rest = text;
    let mut joined = false;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if trimmed.len() < rest.len() {
            joined = false;
            if let Some(after) = trimmed.strip_prefix("-}}") {
                return Ok((true, after));
            }
        }
        rest = trimmed;
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((false, after));
        }
        let Some(first) = rest.chars().next() else { return Err("unclosed action".into()) };
        let (token, length) = match first {
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => (Token::Left, 1),
            ')' => (Token::Right, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '"' => quoted(rest)?,
            '`' => {
                let end = rest[1..].find('`').ok_or("unterminated raw quoted string")?;
                (Token::Literal(rest[1..=end].to_string()), end + 2)
            }
            '\'' => character(rest)?,
            '.' if rest[1..].starts_with(is_word) && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let name = word(&rest[1..]);
                (Token::Field { name: name.to_string(), joined }, 1 + name.len())
            }
            '.' => (Token::Dot, 1),
            '$' => {
                let name = word(&rest[1..]);
                (Token::Variable(format!("${name}")), 1 + name.len())
            }
            c if c.is_ascii_digit() || c == '+' || c == '-' => number(rest)?,
            c if is_word(c) => {
                let name = word(rest);
                (Token::Word(name.to_string()), name.len())
            }
            c => return Err(format!("unexpected {c:?} in command")),
        };
        tokens.push(token);
        rest = &rest[length..];
        joined = true;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// A `"…"` with Go's escapes.
fn quoted(text: &str) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((Token::Literal(value), at + 1)),
            '\n' => break,
            '\\' => value.push(escaped(&mut characters).ok_or("invalid escape in string")?),
            c => value.push(c),
        }
    }
    Err("unterminated quoted string".into())
}

fn character(text: &str) -> Result<(Token, usize), String> {
    let mut characters = text.char_indices().skip(1);
    let value = match characters.next() {
        Some((_, '\\')) => escaped(&mut characters),
        Some((_, c)) => Some(c),
        None => None,
    };
    match (value, characters.next()) {
        (Some(value), Some((at, '\''))) => Ok((Token::Integer(i64::from(u32::from(value))), at + 1)),
        _ => Err("unterminated character constant".into()),
    }
}

fn escaped(characters: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    match characters.next()?.1 {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'v' => Some('\u{b}'),
        'x' => escape_hex(characters, 2),
        'u' => escape_hex(characters, 4),
        'U' => escape_hex(characters, 8),
        c @ ('\\' | '\'' | '"') => Some(c),
        _ => None,
    }
}

fn escape_hex(characters: &mut impl Iterator<Item = (usize, char)>, count: usize) -> Option<char> {
    let digits: String = characters.take(count).map(|(_, c)| c).collect();
    u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == count).and_then(char::from_u32)
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let length = 1 + text[1..].find(|c: char| !(is_word(c) || c == '.')).unwrap_or(text.len() - 1);
    let number = &text[..length];
    let bad = || format!("bad number syntax: {number:?}");
    let (sign, digits) = match number.as_bytes()[0] {
        b'-' => (-1, &number[1..]),
        b'+' => (1, &number[1..]),
        _ => (1, number),
    };
    let plain = digits.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    let integer = match (lower.get(..2), lower.get(2..)) {
        (Some("0x"), Some(digits)) => i64::from_str_radix(digits, 16),
        (Some("0b"), Some(digits)) => i64::from_str_radix(digits, 2),
        (Some("0o"), Some(digits)) => i64::from_str_radix(digits, 8),
        _ => plain.parse(),
    };
    match (integer, plain.parse::<f64>()) {
        (Ok(integer), _) => Ok((Token::Integer(sign * integer), length)),
        (Err(_), Ok(float)) if plain.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok((Token::Float(sign as f64 * float), length))
        }
        _ => Err(bad()),
    }
}
