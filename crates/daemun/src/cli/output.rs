//! How commands show what they found.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// The form of what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    // For people. (A doc comment would become help in one language only; so below.)
    Text,
    // For programs.
    Json,
}

/// Prints a line; a reader that has gone away, such as `head`, is no error.
pub fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _reader_gone = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
}

/// Prints a value as indented JSON.
///
/// # Errors
/// If the value has a form that JSON has not.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Rows under headings, columns as wide as their widest cell. A wide letter, such as Korean ones, counts as two.
pub fn table(headings: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(headings.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    std::iter::once(headings).chain(rows.iter().map(Vec::as_slice)).map(|row| padded(row, &widths)).collect()
}

fn padded(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
    }
    line.trim_end().to_owned()
}

/// A text in lines of at most `width` columns, broken between words.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| !line.is_empty() && line.width() + 1 + word.width() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// A word as the shell reads it back as one word.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_letters_too() {
        let rows = [vec!["대문".to_owned(), "1".to_owned()], vec!["gate".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["a".to_owned(), "b".to_owned()], &rows), ["a     b", "대문  1", "gate  2"]);
    }

    #[test]
    fn texts_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("대문 대문", 8), ["대문", "대문"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(shell_word("i-0a:b/c"), "i-0a:b/c");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }
}
