//! The secret that the agents of a fleet share.

use subtle::ConstantTimeEq as _;

/// Fewer characters can be guessed.
const SHORTEST: usize = 16;

/// See the module. Shown by nothing.
#[derive(Clone)]
pub struct Token(Box<str>);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too short to be a secret.
    #[error(
        "the fleet's token has {0} characters; it needs at least {SHORTEST}, for example from `openssl rand -hex 16`"
    )]
    Short(usize),
    /// It could not be sent in a header.
    #[error("the fleet's token has characters other than printable ASCII; make one with `openssl rand -hex 16`")]
    Unprintable,
}

impl Token {
    /// Takes a secret; white space around it, such as a file's last line break, is no part of it.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() < SHORTEST {
            return Err(Error::Short(text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Unprintable);
        }
        Ok(Self(text.into()))
    }

    /// The value of `Authorization`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a value of `Authorization` carries it; takes as long for a wrong one as for a right one.
    #[must_use]
    pub fn is_in(&self, header: &[u8]) -> bool {
        self.header().as_bytes().ct_eq(header).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_opens() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        assert!(token.is_in(b"Bearer 0123456789abcdef"));
        for wrong in
            ["Bearer 0123456789abcdeg", "Bearer 0123456789abcde", "0123456789abcdef", "", "bearer 0123456789abcdef"]
        {
            assert!(!token.is_in(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn what_can_be_guessed_or_not_sent_is_refused() {
        assert_eq!(Token::new("short\n").unwrap_err(), Error::Short(5));
        assert_eq!(Token::new("0123456789abcdef ghi").unwrap_err(), Error::Unprintable);
        assert!(!format!("{:?}", Token::new("0123456789abcdef").unwrap()).contains("0123"));
    }
}
