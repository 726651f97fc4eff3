//! JSON pointers (RFC 6901) looked up in the bytes of a message: all of a step's in one pass, without
//! building a tree and without allocating. What is not pointed at is skipped, not checked.

mod raw;
mod scanner;

pub use raw::Raw;

use crate::config::pointer::scanner::Scanner;

/// Most pointers of one step: those found are bits of one word.
pub const MOST: usize = 128;

/// Why a text is no pointer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a JSON pointer is empty or begins with `/`, with `~0` for `~` and `~1` for `/`")]
pub struct Error;

/// Several pointers as one tree of their tokens. The order in which they were added is their number.
#[derive(Debug, Clone, Default)]
pub struct Pointers {
    /// The whole document is the first; none without pointers.
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: Vec<Child>,
    /// Numbers of the pointers that end here, as bits.
    ends: u128,
}

#[derive(Debug, Clone)]
struct Child {
    token: Box<str>,
    /// The token as a place in a list.
    index: Option<usize>,
    node: usize,
}

impl Pointers {
    /// Adds a pointer.
    ///
    /// # Errors
    /// It is none. At most [`MOST`] can be added; the decoder sees to that.
    pub fn add(&mut self, pointer: &str) -> Result<(), Error> {
        let tokens = tokens(pointer)?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for token in tokens {
            let known = self.nodes[at].children.iter().find(|child| *child.token == *token).map(|child| child.node);
            at = known.unwrap_or_else(|| {
                let node = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[at].children.push(Child { index: list_index(&token), token: token.into(), node });
                node
            });
        }
        self.nodes[at].ends |= 1_u128.checked_shl(self.count as u32).unwrap_or(0);
        self.count += 1;
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Calls `found` with the number of each pointer that leads to a value in `message`, and the value. Of a key that is
    /// there twice the first counts. Ends early when all are found; a message that is no JSON yields what comes
    /// before its fault.
    pub fn scan<'m>(&self, message: &'m [u8], found: &mut dyn FnMut(usize, Raw<'m>)) {
        if self.is_empty() {
            return;
        }
        let all = u128::MAX >> (MOST - self.count.min(MOST));
        let mut walk = Walk { nodes: &self.nodes, scanner: Scanner::new(message), missing: all, found };
        let _early_or_malformed = walk.value(0);
    }
}

/// Ends a scan: everything is found, or what follows is no JSON.
struct Stop;

struct Walk<'p, 'm, 'f> {
    nodes: &'p [Node],
    scanner: Scanner<'m>,
    missing: u128,
    found: &'f mut dyn FnMut(usize, Raw<'m>),
}

impl Walk<'_, '_, '_> {
    /// Walks a value; as deep as the pointers, however deep the message is.
    fn value(&mut self, at: usize) -> Result<(), Stop> {
        let nodes = self.nodes;
        let node = &nodes[at];
        self.scanner.skip_space();
        let start = self.scanner.position();
        match self.scanner.peek() {
            Some(b'{') if !node.children.is_empty() => self.map(node)?,
            Some(b'[') if !node.children.is_empty() => self.list(node)?,
            _ => self.scanner.skip_value().ok_or(Stop)?,
        }
        let mut here = node.ends & self.missing;
        self.missing &= !here;
        while here != 0 {
            (self.found)(here.trailing_zeros() as usize, Raw::new(self.scanner.since(start)));
            here &= here - 1;
        }
        if self.missing == 0 { Err(Stop) } else { Ok(()) }
    }

    fn map(&mut self, node: &Node) -> Result<(), Stop> {
        self.scanner.enter();
        // Pointers mostly stand in the order of the message.
        let mut likely = 0;
        while let Some(key) = self.scanner.next_key().ok_or(Stop)? {
            let after = node.children.get(likely..).unwrap_or_default();
            let before = node.children.get(..likely).unwrap_or_default();
            let place = after.iter().position(|child| key.is_key(&child.token)).map(|place| likely + place);
            match place.or_else(|| before.iter().position(|child| key.is_key(&child.token))) {
                Some(place) => {
                    likely = place + 1;
                    self.value(node.children[place].node)?;
                }
                None => self.scanner.skip_value().ok_or(Stop)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, node: &Node) -> Result<(), Stop> {
        self.scanner.enter();
        let mut index = 0;
        while self.scanner.next_element().ok_or(Stop)? {
            match node.children.iter().find(|child| child.index == Some(index)) {
                Some(child) => self.value(child.node)?,
                None => self.scanner.skip_value().ok_or(Stop)?,
            }
            index += 1;
        }
        Ok(())
    }
}

/// The tokens of a pointer.
pub(crate) fn tokens(pointer: &str) -> Result<Vec<String>, Error> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let rest = pointer.strip_prefix('/').ok_or(Error)?;
    rest.split('/')
        .map(|token| {
            let escaped_well = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            if escaped_well { Ok(token.replace("~1", "/").replace("~0", "~")) } else { Err(Error) }
        })
        .collect()
}

/// RFC 6901, 4: no leading zeros.
fn list_index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    plain.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
