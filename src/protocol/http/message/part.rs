//! What a request is put together from: made once, or rendered for each request.

use bytes::{Bytes, BytesMut};

use crate::{
    config::{
        profile::http::Piece,
        template::{Template, Values},
    },
    protocol::failure::request::RequestError,
};

/// Made once, or for each request.
#[derive(Debug, Clone)]
pub(super) enum Part<T> {
    Constant(T),
    Template(Template),
}

impl<T> Part<T> {
    pub(super) fn new(template: &Template, make: impl FnOnce(&str) -> T) -> Self {
        match template.constant() {
            Some(text) => Self::Constant(make(text)),
            None => Self::Template(template.clone()),
        }
    }

    pub(super) fn constant(&self) -> Option<&T> {
        match self {
            Self::Constant(constant) => Some(constant),
            Self::Template(_) => None,
        }
    }
}

/// A body, put together once or for each request.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Constant(Bytes),
    Rendered(Vec<Piece>),
}

impl Content {
    pub(super) fn new(pieces: &[Piece]) -> Self {
        if pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.constant().is_none())) {
            return Self::Rendered(pieces.to_vec());
        }
        // One file is shared by all workers, as it was read.
        if let [Piece::Bytes(bytes)] = pieces {
            return Self::Constant(Bytes::from_owner(bytes.clone()));
        }
        let mut body = BytesMut::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => body.extend_from_slice(text.constant().unwrap_or_default().as_bytes()),
                Piece::Bytes(bytes) => body.extend_from_slice(bytes),
            }
        }
        Self::Constant(body.freeze())
    }

    pub(super) fn constant(&self) -> Option<&Bytes> {
        match self {
            Self::Constant(body) => Some(body),
            Self::Rendered(_) => None,
        }
    }
}

impl Piece {
    pub(super) fn append(&self, values: &Values, out: &mut BytesMut) -> Result<(), RequestError> {
        match self {
            Self::Text(template) => template.render(values, out)?,
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        Ok(())
    }
}
