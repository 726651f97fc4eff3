//! Sizes as people type them: `1MiB`, `64KiB`, `1MB`, or a bare number of bytes.

/// Why a text is not a size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not a whole number with a unit.
    #[error("`{0}` is not a size in bytes")]
    Malformed(String),
    /// More than 64 bits hold.
    #[error("size `{0}` is too large")]
    TooLarge(String),
}

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a whole number of bytes with an optional unit.
///
/// # Errors
/// Says what is wrong with the text; see [`enum@Error`].
pub fn parse(text: &str) -> Result<u64, Error> {
    let trimmed = text.trim();
    let malformed = || Error::Malformed(trimmed.to_owned());
    let digits = trimmed.find(|char: char| !char.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(malformed)?;
    if number.is_empty() {
        return Err(malformed());
    }
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale));
    bytes.ok_or_else(|| Error::TooLarge(trimmed.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_binary_and_decimal_units() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("1KiB", 1024), ("64 KiB", 65_536), ("1MiB", 1 << 20), ("1MB", 1_000_000)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for text in ["", "MiB", "-1", "1.5MiB", "1mib", "1 parsec"] {
            assert_eq!(parse(text), Err(Error::Malformed(text.into())), "{text}");
        }
        assert_eq!(parse("99999999999GiB"), Err(Error::TooLarge("99999999999GiB".into())));
    }
}
