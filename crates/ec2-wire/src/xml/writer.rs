//! XML text. Only what the answers of AWS need: elements and text, no attributes but the root's namespace.

/// A document being written.
#[derive(Default)]
pub struct Writer {
    text: String,
}

/// Where an element's content began; [`Writer::close`] wants it back.
#[must_use]
pub struct Open(usize);

impl Writer {
    /// A document with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { text }
    }

    /// A document whose beginning was taken already.
    pub fn continued() -> Self {
        Self::default()
    }

    /// The same with room for this many bytes.
    pub fn continued_with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// XML as it is.
    pub fn raw(&mut self, xml: &str) {
        self.text.push_str(xml);
    }

    /// The start of an element.
    pub fn open(&mut self, name: &str) -> Open {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        Open(self.text.len())
    }

    /// The start of an element in a namespace of its own.
    pub fn open_root(&mut self, name: &str, namespace: &str) -> Open {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push_str(" xmlns=\"");
        self.text.push_str(namespace);
        self.text.push_str("\">");
        Open(self.text.len())
    }

    /// The end of an element; one without content becomes `<name/>`.
    pub fn close(&mut self, name: &str, open: Open) {
        if self.text.len() == open.0 {
            self.text.pop();
            self.text.push_str("/>");
            return;
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Escaped text. A character that XML 1.0 cannot hold at all becomes U+FFFD.
    pub fn text(&mut self, text: &str) {
        // Nearly all text is plain, and looking at bytes is much faster than at characters.
        if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.text.push_str(text);
            return;
        }
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| is_special(*c)) {
            self.text.push_str(&rest[..at]);
            match found {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                // A bare one would be read as a line feed.
                '\r' => self.text.push_str("&#xD;"),
                _ => self.text.push(char::REPLACEMENT_CHARACTER),
            }
            rest = &rest[at + found.len_utf8()..];
        }
        self.text.push_str(rest);
    }

    /// An element that holds this text.
    pub fn element(&mut self, name: &str, text: &str) {
        self.text.reserve(2 * name.len() + text.len() + "<></>".len());
        let open = self.open(name);
        self.text(text);
        self.close(name, open);
    }

    /// An element that holds what is displayed, which must need no escape.
    pub fn plain_element(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write as _;
        let open = self.open(name);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
        self.close(name, open);
    }

    /// The document.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The document as it travels.
    pub fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

/// Whether a byte begins or continues a character that stands for itself. U+FFFE and U+FFFF begin with 0xEF.
fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'&') & (byte != b'<') & (byte != b'>') & (byte != 0xef)
}

/// Whether the character needs an escape, or is outside what XML 1.0 calls a `Char`.
fn is_special(c: char) -> bool {
    match c {
        '&' | '<' | '>' | '\u{fffe}' | '\u{ffff}' => true,
        '\t' | '\n' => false,
        c => c < ' ',
    }
}
