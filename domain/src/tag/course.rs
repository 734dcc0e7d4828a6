//! What becomes of a customer's tags if no new fact comes, as far as anything does: kept beside their numbers, so that
//! whoever shows them needs no facts.

use super::evaluate::TagState;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The future of one customer's tags by key, as of when they were last kept. A tag of which there is nothing to say, and one
/// that no published document defines, isn't there.
pub type Courses = BTreeMap<String, Course>;

/// What is known of one tag's future.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Course {
    /// When it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// What it changes to then; `None`: it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Until then people took away what its rule gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_until: Option<Instant>,
}

/// What these states say of the future.
pub fn courses(states: &[TagState]) -> Courses {
    let course = |state: &TagState| {
        let until = state.evidence.get("suppressed_until");
        Course {
            at: state.next_flip,
            value: state.next_value.clone(),
            suppressed_until: until.and_then(|at| serde_json::from_value(at.clone()).ok()),
        }
    };
    let told = states.iter().map(|state| (state.key.clone(), course(state)));
    told.filter(|(_, course)| *course != Course::default()).collect()
}
