//! The history as the API reads it.

use std::sync::Arc;

use crate::{
    agent::{
        api::archive::{Archive, ArchiveError, HistoryQuery},
        daemon::{
            desk::HistoryPage,
            history::{ReadError, Reader},
        },
    },
    outputs::record::RunRecord,
};

impl Archive for Reader {
    fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, ArchiveError> {
        Ok(Reader::page(self, query.limit, query.before.as_deref(), query.profile.as_deref()))
    }

    fn record(&self, id: &str) -> Result<Option<Arc<RunRecord>>, ArchiveError> {
        match Reader::record(self, id) {
            Ok(record) => Ok(Some(Arc::new(record))),
            Err(ReadError::Unknown(_) | ReadError::NotFinished(_) | ReadError::NoRecord(_)) => Ok(None),
            Err(error @ ReadError::Damaged { .. }) => Err(ArchiveError(error.to_string())),
        }
    }
}
