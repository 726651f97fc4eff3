//! Walks JSON text without checking more of it than where values begin and end.

use memchr::memchr2;

use crate::config::pointer::Raw;

/// Bytes of a string that are looked at one by one.
const SHORT: usize = 16;

/// A place in a message.
pub(super) struct Scanner<'m> {
    bytes: &'m [u8],
    at: usize,
    /// Just behind an opening bracket: no comma is to come.
    entered: bool,
}

impl<'m> Scanner<'m> {
    pub(super) fn new(bytes: &'m [u8]) -> Self {
        Self { bytes, at: 0, entered: false }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, start: usize) -> &'m [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Goes behind an opening bracket.
    pub(super) fn enter(&mut self) {
        self.at += 1;
        self.entered = true;
    }

    /// The next key of a map, with the scanner before its value; `Some(None)` behind the map.
    #[expect(clippy::option_option, reason = "malformed, the end, a key")]
    pub(super) fn next_key(&mut self) -> Option<Option<Raw<'m>>> {
        if !self.another(b'}')? {
            return Some(None);
        }
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.skip_string()?;
        let key = Raw::new(self.since(start));
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(Some(key))
    }

    /// Whether there is another element, with the scanner before it; otherwise it is behind the list.
    pub(super) fn next_element(&mut self) -> Option<bool> {
        self.another(b']')
    }

    fn another(&mut self, end: u8) -> Option<bool> {
        self.skip_space();
        let first = std::mem::take(&mut self.entered);
        let byte = self.peek()?;
        if byte == end {
            self.at += 1;
            return Some(false);
        }
        if !first {
            if byte != b',' {
                return None;
            }
            self.at += 1;
            self.skip_space();
        }
        Some(true)
    }

    /// Goes behind the value that begins here, brackets counted whatever their kind.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' | b'[' => {
                let mut depth = 0_usize;
                loop {
                    match self.peek()? {
                        b'"' => {
                            self.skip_string()?;
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        return Some(());
                    }
                }
            }
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
                {
                    self.at += 1;
                }
                (self.at > start).then_some(())
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.at += 1;
        // Most keys and values end here; for so few bytes a call of the vector search takes longer.
        for _ in 0..SHORT {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => break,
                _ => self.at += 1,
            }
        }
        loop {
            let found = memchr2(b'"', b'\\', self.bytes.get(self.at..)?)?;
            self.at += found + 1;
            if self.bytes[self.at - 1] == b'"' {
                return Some(());
            }
            // Whatever is escaped is no end.
            self.at += 1;
        }
    }
}
