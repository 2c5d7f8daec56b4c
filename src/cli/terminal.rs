//! What a command says, and where: results on standard output, the rest on standard error; for people in colour and
//! tables, for programs as JSON.

use std::io::{IsTerminal as _, Write as _};

use console::{Style, measure_text_width};
use serde::Serialize;

use super::failure::{Exit, Failure};

/// The two ends of this process's standard streams.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    /// Results as JSON.
    pub(super) json: bool,
    /// A person can answer questions here.
    pub(super) interactive: bool,
    /// Bars and cursor movement are seen by a person.
    pub(super) live: bool,
    colour: bool,
}

/// How a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

impl Terminal {
    /// `plain`: no colours, as `NO_COLOR` asks.
    pub(super) fn new(json: bool, plain: bool) -> Self {
        let (input, output, error) =
            (std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            json,
            interactive: input && output && !json,
            live: output && error && !json,
            colour: output && !plain && !json,
        }
    }

    /// One line of the result.
    #[expect(clippy::unused_self, reason = "what is said goes through the terminal")]
    pub(super) fn line(&self, text: &str) {
        // Nobody reads on (`towpath runs list | head`): that is no failure.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// One line beside the result; unseen by programs that read JSON.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            self.line(text);
        }
    }

    /// One line on standard error.
    #[expect(clippy::unused_self, reason = "what is said goes through the terminal")]
    pub(super) fn complain(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// The result: as JSON where that was asked for, otherwise as `plain` says it.
    pub(super) fn result<T: Serialize>(&self, value: &T, plain: impl FnOnce(&Self, &T)) -> Result<(), Failure> {
        if self.json {
            self.line(&serde_json::to_string_pretty(value)?);
        } else {
            plain(self, value);
        }
        Ok(())
    }

    /// Asks a person; `None` when there is nobody to ask, or they are gone (end of input).
    pub(super) fn ask(&self, question: &str) -> Option<String> {
        if !self.interactive {
            return None;
        }
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "{question}").and_then(|()| out.flush());
        drop(out);
        let mut answer = String::new();
        match std::io::stdin().read_line(&mut answer) {
            Ok(1..) => Some(answer.trim().to_owned()),
            _ => None,
        }
    }

    /// A person's yes: Enter counts as one where `default` is true.
    pub(super) fn agrees(&self, question: &str, default: bool) -> Result<(), Failure> {
        let choices = if default { "[Enter = yes, n = no]" } else { "[y = yes, Enter = no]" };
        let refused = |detail: &str| Failure::new(Exit::NotConfirmed, "not_confirmed", detail);
        match self.ask(&format!("{question} {} ", self.dim(choices))).map(|answer| answer.to_lowercase()).as_deref() {
            Some("y" | "yes") => Ok(()),
            Some("") if default => Ok(()),
            Some(_) => Err(refused("Nothing was done.")),
            None => Err(refused("There is nobody here to confirm, so nothing was done.")),
        }
    }

    /// A table; without a head where that is empty.
    pub(super) fn table(&self, aligns: &[Align], head: &[&str], rows: &[Vec<String>]) {
        let head: Vec<String> = head.iter().map(|name| self.dim(name)).collect();
        let lines: Vec<&Vec<String>> = (!head.is_empty()).then_some(&head).into_iter().chain(rows).collect();
        let width = |column: usize| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..aligns.len()).map(width).collect();
        for line in &lines {
            let mut text = String::from(" ");
            for (cell, (align, width)) in line.iter().zip(aligns.iter().zip(&widths)) {
                let space = " ".repeat(width.saturating_sub(measure_text_width(cell)));
                let (left, right) = match align {
                    Align::Left => (cell.as_str(), space.as_str()),
                    Align::Right => (space.as_str(), cell.as_str()),
                };
                text.extend([" ", left, right, " "]);
            }
            self.line(text.trim_end());
        }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.paint(&Style::new().bold(), text)
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.paint(&Style::new().dim(), text)
    }

    pub(super) fn good(&self, text: &str) -> String {
        self.paint(&Style::new().green(), text)
    }

    pub(super) fn warn(&self, text: &str) -> String {
        self.paint(&Style::new().yellow(), text)
    }

    pub(super) fn bad(&self, text: &str) -> String {
        self.paint(&Style::new().red().bold(), text)
    }

    pub(super) fn accent(&self, text: &str) -> String {
        self.paint(&Style::new().cyan(), text)
    }

    fn paint(&self, style: &Style, text: &str) -> String {
        if self.colour { style.clone().force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }
}

/// Text of a user's system, safe to print: what would move the cursor or change the terminal is shown as `�`.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1536` as `1.5 KiB`.
pub(super) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Seconds as people say them.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 90.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.1} min", seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(count), ["0", "12", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
