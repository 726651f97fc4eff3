//! Colours of the terminal, when they are asked for.

/// Whether to colour, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    color: bool,
}

impl Style {
    /// Colours only if `color`.
    #[must_use]
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    fn paint(self, codes: &str, text: &str) -> String {
        if self.color { format!("\x1b[{codes}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Titles.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What went well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What did not.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What may be wrong.
    #[must_use]
    pub fn doubtful(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Measured values.
    #[must_use]
    pub fn value(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// Values of second rank.
    #[must_use]
    pub fn faint_value(self, text: &str) -> String {
        self.paint("2;36", text)
    }

    /// Leaders and marks that only guide the eye.
    #[must_use]
    pub fn faint(self, text: &str) -> String {
        self.paint("2;37", text)
    }
}
