//! Room for the reads of all connections of a worker: a connection that waits has none of its own.

use std::{cell::RefCell, rc::Rc};

/// Bytes of one read.
const SIZE: usize = 64 * 1024;

/// One worker's room for reads.
#[derive(Debug, Clone)]
pub struct Scratch(pub(super) Rc<RefCell<Box<[u8]>>>);

impl Default for Scratch {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(vec![0; SIZE].into())))
    }
}
