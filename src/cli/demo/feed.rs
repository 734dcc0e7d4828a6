//! The recorded month as a feed: each event arrives at its instant, through the same call as HTTP.

use crate::service::ingest::{Batch, accept};
use crate::service::{Book, ServiceError};
use crate::worker::Feed;
use domain::ids::SourceId;
use domain::time::Instant;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

pub struct Recorded {
    book: Arc<Book>,
    source: SourceId,
    left: VecDeque<(Instant, Value)>,
    /// Events taken in by this run.
    pub accepted: u64,
}

impl Recorded {
    /// What is before `from` was delivered already: the clock doesn't step past what isn't.
    pub fn new(book: Arc<Book>, source: SourceId, events: Vec<(Instant, Value)>, from: Instant) -> Self {
        Self { book, source, left: events.into_iter().filter(|(at, _)| *at >= from).collect(), accepted: 0 }
    }
}

#[async_trait::async_trait]
impl Feed for Recorded {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        Ok(self.left.front().map(|(at, _)| *at))
    }

    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError> {
        let due = self.left.iter().take_while(|(at, _)| *at <= now).count();
        if due == 0 {
            return Ok(0);
        }
        let events = self.left.iter().take(due).map(|(_, event)| event.clone()).collect();
        let batch = Batch { source: self.source, received_at: None, historical: false, events };
        let receipt = accept(&self.book.store, batch).await?;
        if let Some(refused) = receipt.rejected.first() {
            return Err(ServiceError::Internal(format!(
                "the shipped book has an event that is refused: {}",
                refused.detail
            )));
        }
        self.accepted += receipt.accepted as u64;
        self.left.drain(..due);
        Ok(due as u64)
    }
}

/// Several feeds as one.
pub struct Together<'f>(pub Vec<&'f mut dyn Feed>);

#[async_trait::async_trait]
impl Feed for Together<'_> {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        let mut earliest: Option<Instant> = None;
        for feed in &mut self.0 {
            if let Some(at) = feed.next_at().await? {
                earliest = Some(earliest.map_or(at, |e| e.min(at)));
            }
        }
        Ok(earliest)
    }

    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError> {
        let mut delivered = 0;
        for feed in &mut self.0 {
            delivered += feed.deliver(now).await?;
        }
        Ok(delivered)
    }
}
