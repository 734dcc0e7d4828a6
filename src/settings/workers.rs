//! `[workers]`: how long work is held and how much of it is taken at a time.

use super::reader::Reader;
use domain::time::Span;

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Machine time for which a claim is held.
    pub lease_seconds: u32,
    pub poll_seconds: u32,
    pub keeper_batch: u32,
    pub planner_batch: u32,
    pub journeys_batch: u32,
    pub dispatcher_batch: u32,
    pub router_batch: u32,
    pub housekeeper_batch: u32,
    pub modeler_batch: u32,
    pub indexer_batch: u32,
}

impl WorkerSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let lease_seconds = r.number("workers.lease_seconds", 1..=3_600);
        let poll_seconds = r.number("workers.poll_seconds", 1..=3_600);
        // A claim binds one parameter a row; SQLite takes 32,766.
        let mut batch = |name: &str| r.number(&format!("workers.{name}_batch"), 1..=5_000);
        let keeper_batch = batch("keeper");
        let planner_batch = batch("planner");
        let journeys_batch = batch("journeys");
        let dispatcher_batch = batch("dispatcher");
        let router_batch = batch("router");
        let housekeeper_batch = batch("housekeeper");
        let modeler_batch = batch("modeler");
        let indexer_batch = batch("indexer");
        Some(Self {
            lease_seconds: lease_seconds?,
            poll_seconds: poll_seconds?,
            keeper_batch: keeper_batch?,
            planner_batch: planner_batch?,
            journeys_batch: journeys_batch?,
            dispatcher_batch: dispatcher_batch?,
            router_batch: router_batch?,
            housekeeper_batch: housekeeper_batch?,
            modeler_batch: modeler_batch?,
            indexer_batch: indexer_batch?,
        })
    }

    pub fn lease(&self) -> Span {
        Span::seconds(i64::from(self.lease_seconds))
    }
}
