//! Bars on a terminal, plain lines otherwise; podman's words, or docker's.

use crate::config::Program;
use crate::model::digest::Digest;
use crate::model::progress::{Event, Progress, Step};
use std::io::{IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Which stream it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Standard output: docker's pull and push.
    Output,
    /// Standard error.
    Error,
}

/// Whom a command's long work tells, on standard error; `quiet`: nobody.
pub fn progress(quiet: bool) -> Box<dyn Progress> {
    progress_in(Program::Barge, quiet, Place::Error)
}

/// The same in the words of `program`.
pub fn progress_in(program: Program, quiet: bool, place: Place) -> Box<Bars> {
    let is_terminal = match place {
        Place::Output => std::io::stdout().is_terminal(),
        Place::Error => std::io::stderr().is_terminal(),
    };
    Box::new(Bars {
        docker: program == Program::Docker,
        quiet,
        place,
        is_terminal,
        state: Mutex::new(State { rows: Vec::new(), drawn: 0, last: None }),
    })
}

/// One row per blob.
pub struct Bars {
    docker: bool,
    quiet: bool,
    place: Place,
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    rows: Vec<Row>,
    /// Rows that stand on the screen now.
    drawn: usize,
    last: Option<Instant>,
}

struct Row {
    digest: Digest,
    step: Step,
    done: u64,
    total: Option<u64>,
    upload: bool,
}

/// Redrawing more often only costs.
const INTERVAL: Duration = Duration::from_millis(100);

impl Progress for Bars {
    fn event(&self, event: Event) {
        if self.quiet {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Line(line) => {
                let text = self.erase(&mut state) + &clean(&line) + "\n";
                if state.rows.iter().all(Row::is_over) {
                    // What is finished stays where it is, above the line.
                    let rows = if self.is_terminal { self.rows(&state) } else { String::new() };
                    state.rows.clear();
                    state.drawn = 0;
                    let line = text.rsplit_once('\r').map_or(text.as_str(), |(_, line)| line);
                    self.write(&(text[..text.len() - line.len()].to_string() + &rows + line));
                } else {
                    let rows = self.rows(&state);
                    state.drawn = if self.is_terminal { state.rows.len() } else { 0 };
                    self.write(&(text + if self.is_terminal { &rows } else { "" }));
                }
            }
            Event::Blob { digest, step, done, total } => {
                let fresh = !state.rows.iter().any(|row| row.digest == digest);
                if fresh {
                    if state.rows.is_empty() && !self.docker {
                        let verb = "Getting image source signatures\n";
                        self.write(verb);
                    }
                    let upload = step == Step::Upload;
                    state.rows.push(Row { digest: digest.clone(), step, done, total, upload });
                }
                let Some(row) = state.rows.iter_mut().find(|row| row.digest == digest) else { return };
                let turned = fresh || row.step != step;
                (row.step, row.done, row.total) = (step, done, total.or(row.total));
                if !self.is_terminal {
                    if turned && let Some(line) = self.plain(row) {
                        self.write(&line);
                    }
                } else if turned || state.last.is_none_or(|last| last.elapsed() >= INTERVAL) {
                    state.last = Some(Instant::now());
                    let text = self.erase(&mut state) + &self.rows(&state);
                    state.drawn = state.rows.len();
                    self.write(&text);
                }
            }
        }
    }
}

impl Row {
    fn is_over(&self) -> bool {
        matches!(self.step, Step::Done | Step::Present)
    }
}

impl Bars {
    /// Nothing more comes: the last state stays on the screen.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rows.clear();
        state.drawn = 0;
    }

    fn write(&self, text: &str) {
        // A progress display that can't be shown is no failure.
        let _ = match self.place {
            Place::Output => std::io::stdout().lock().write_all(text.as_bytes()),
            Place::Error => std::io::stderr().lock().write_all(text.as_bytes()),
        };
    }

    /// Moves to the first row and clears everything below.
    fn erase(&self, state: &mut State) -> String {
        let drawn = std::mem::take(&mut state.drawn);
        if drawn == 0 || !self.is_terminal { String::new() } else { format!("\x1b[{drawn}A\x1b[J\r") }
    }

    fn rows(&self, state: &State) -> String {
        let width = self.width();
        state.rows.iter().map(|row| fit(&self.row(row, width), width) + "\n").collect()
    }

    fn width(&self) -> usize {
        let size = match self.place {
            Place::Output => crate::sys::terminal::size(std::io::stdout()),
            Place::Error => crate::sys::terminal::size(std::io::stderr()),
        };
        usize::from(size.map_or(80, |(columns, _)| columns)).max(20)
    }

    /// Without a terminal: one line per blob (docker: one per step).
    fn plain(&self, row: &Row) -> Option<String> {
        let Row { digest, upload, .. } = row;
        let short = digest.short();
        Some(if self.docker {
            match (row.step, upload) {
                (Step::Present, true) => format!("{short}: Layer already exists\n"),
                (Step::Present, false) => format!("{short}: Already exists\n"),
                (Step::Download, _) => format!("{short}: Pulling fs layer\n"),
                (Step::Upload, _) => format!("{short}: Preparing\n"),
                (Step::Done, true) => format!("{short}: Pushed\n"),
                (Step::Done, false) => format!("{short}: Pull complete\n"),
            }
        } else {
            match row.step {
                Step::Present => format!("Copying blob {digest} skipped: already exists\n"),
                Step::Download | Step::Upload => format!("Copying blob {digest}\n"),
                Step::Done => return None,
            }
        })
    }

    fn row(&self, row: &Row, width: usize) -> String {
        let label = if self.docker {
            format!("{}: ", row.digest.short())
        } else {
            format!("Copying blob {} ", row.digest.short())
        };
        let word = match (row.step, self.docker, row.upload) {
            (Step::Present, true, true) => "Layer already exists",
            (Step::Present, true, false) => "Already exists",
            (Step::Present, false, _) => "skipped: already exists",
            (Step::Done, true, true) => "Pushed",
            (Step::Done, true, false) => "Pull complete",
            (Step::Done, false, _) => "done",
            (Step::Download, true, _) => "Downloading ",
            (Step::Upload, true, _) => "Pushing ",
            (Step::Download | Step::Upload, false, _) => "",
        };
        if row.is_over() {
            return format!("{label}{word}");
        }
        let size = match row.total {
            Some(total) => format!("{} / {}", human(row.done), human(total)),
            None => human(row.done),
        };
        let room = width.saturating_sub(label.len() + word.len() + size.len() + 4).min(50);
        if room < 6 {
            return format!("{label}{word}{size}");
        }
        let filled = match row.total {
            Some(total) if total > 0 => (row.done.min(total) as u128 * room as u128 / u128::from(total)) as usize,
            _ => 0,
        };
        let head = if filled < room { ">" } else { "" };
        let (full, empty) = ("=".repeat(filled), " ".repeat(room - filled - head.len()));
        format!("{label}{word}[{full}{head}{empty}] {size}")
    }
}

/// A row must not wrap: the next redraw counts lines.
fn fit(line: &str, width: usize) -> String {
    line.chars().take(width.saturating_sub(1)).collect()
}

fn clean(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn human(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes}B") } else { format!("{value:.1}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(docker: bool) -> Bars {
        let state = Mutex::new(State { rows: Vec::new(), drawn: 0, last: None });
        Bars { docker, quiet: false, place: Place::Error, is_terminal: true, state }
    }

    #[test]
    fn rows_fit_and_speak_the_right_words() {
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let row = |step, done| Row { digest: digest.clone(), step, done, total: Some(4 << 20), upload: false };
        for (docker, step, done, width, want) in [
            (false, Step::Download, 2 << 20, 60, "Copying blob abababababab [=======>       ] 2.0MiB / 4.0MiB"),
            (false, Step::Done, 4 << 20, 60, "Copying blob abababababab done"),
            (true, Step::Download, 1 << 20, 60, "abababababab: Downloading [===>           ] 1.0MiB / 4.0MiB"),
            (true, Step::Present, 0, 60, "abababababab: Already exists"),
            (false, Step::Download, 0, 30, "Copying blob abababababab 0B / 4.0MiB"),
        ] {
            assert_eq!(bars(docker).row(&row(step, done), width), want);
        }
        assert_eq!(human(1536), "1.5KiB");
        assert_eq!(fit("abcdef", 4), "abc");
    }
}
