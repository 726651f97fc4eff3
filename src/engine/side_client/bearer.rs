//! A token that proves who asks. A secret: it is in no `Debug` text and in no message.

use std::fmt;

use crate::config::{profile::Header, template::Template};

/// A character that no header may carry, or a space within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token with a space or a character that is not printable ASCII")]
pub struct BearerError;

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(String);

impl Bearer {
    /// Takes a token, without the space around it that files end with; none if there is nothing else.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn new(text: &str) -> Result<Option<Self>, BearerError> {
        let token = text.trim();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BearerError);
        }
        Ok((!token.is_empty()).then(|| Self(token.to_owned())))
    }

    /// As it is sent.
    #[must_use]
    pub fn header(&self) -> Header {
        Header { name: "Authorization".to_owned(), value: Template::literal(&format!("Bearer {}", self.0)) }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bearer(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_as_it_is_and_told_to_nobody() {
        let token = Bearer::new("s3cret\n").unwrap().unwrap();
        assert_eq!(token.header().value.source(), "Bearer s3cret");
        assert!(!format!("{token:?} {:?}", token.header()).contains("s3cret"));
        assert_eq!(Bearer::new(" \n"), Ok(None));
        for bad in ["s3cret s3cret", "s3cret\r\nX: y", "s3crét"] {
            let error = Bearer::new(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr"));
        }
    }
}
