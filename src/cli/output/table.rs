//! Columns that line up, as Go's tabwriter draws them.

use crate::config::Program;

/// Titles and rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// One per column.
    pub titles: Vec<String>,
    /// As many cells as titles.
    pub rows: Vec<Vec<String>>,
}

/// The narrowest a column is, and the blanks after it.
pub fn widths(program: Program) -> (usize, usize) {
    match program {
        Program::Docker => (10, 3),
        Program::Barge | Program::Podman => (12, 2),
    }
}

impl Table {
    /// Without rows.
    pub fn new(titles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { titles: titles.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// As text, with or without its heading, in podman's widths.
    pub fn render(&self, heading: bool) -> String {
        self.render_for(Program::Podman, heading)
    }

    /// The same in the widths of the program we were called as.
    pub fn render_for(&self, program: Program, heading: bool) -> String {
        let mut text = String::new();
        let lines = heading.then_some(&self.titles).into_iter().chain(&self.rows);
        for line in lines {
            let cells: Vec<String> = line.iter().map(|cell| super::printable(cell)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        let (least, padding) = widths(program);
        align(&text, least, padding)
    }
}

/// Go's `text/tabwriter` with blanks: a column is a run of neighbouring lines that have a tab after their cell there,
/// as wide as its widest cell and at least `least`, followed by `padding` blanks. The last cell of a line is of no
/// column.
pub fn align(text: &str, least: usize, padding: usize) -> String {
    let ends_with_newline = text.ends_with('\n');
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<Vec<&str>> = body.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut at = 0;
        while at < lines.len() {
            let run = lines[at..].iter().take_while(|line| line.len() > column + 1).count();
            let cells = lines[at..at + run].iter().map(|line| line[column].chars().count());
            let widest = cells.max().unwrap_or(0);
            let width = (widest + padding).max(least);
            for widths in &mut widths[at..at + run] {
                widths[column] = width;
            }
            at += run.max(1);
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (index, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
        out.push_str(line.last().unwrap_or(&""));
    }
    if ends_with_newline {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        for (text, aligned) in [
            ("a\tb\n", "a           b\n"),
            ("a\tb\nlonger than twelve\tx\n", "a                   b\nlonger than twelve  x\n"),
            ("", ""),
            ("plain\n", "plain\n"),
            ("\tx\n\ty\n", "            x\n            y\n"),
            // A line without the column ends the run.
            ("abcdefghijklmnop\tx\nplain\na\ty\n", "abcdefghijklmnop  x\nplain\na           y\n"),
        ] {
            assert_eq!(align(text, 12, 2), aligned, "{text:?}");
        }
    }

    #[test]
    fn hostile_cells_do_not_drive_the_terminal() {
        let mut table = Table::new(["NAME", "X"]);
        table.row(["a\u{1b}[2J\tb\n", "\u{7}"]);
        let text = table.render(true);
        assert!(text.bytes().all(|byte| byte >= 0x20 || byte == b'\n'), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}
