//! Segments: customers that a rule, or people, put together. What one is, and how it is named among tags: it is kept
//! exactly as a tag that is there or not, so evaluation, walk and history are [`crate::tag`]'s.

mod document;
mod schema;
#[cfg(test)]
mod schema_tests;

pub(crate) use document::read;
pub use schema::schema;

use crate::names::stable_names;
use crate::tag::Names;

stable_names! {
    /// How a segment's members are known.
    Keep {
        /// By its rule, kept with each fact and as time passes.
        Live = "live",
        /// By its rule, whenever somebody asks.
        OnDemand = "on_demand",
        /// By hand alone.
        List = "list",
    }
}

/// What a segment has beside what a tag has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub keep: Keep,
    pub description: Option<Names>,
}

stable_names! {
    /// What people say of one customer and a segment, as the value of a `Tag Added` under its [`node_key`].
    Hand {
        /// A member, whatever the rule says.
        Pinned = "pinned",
        /// No member, whatever the rule says.
        Banned = "banned",
    }
}

/// What keeps segments apart from tags, whose keys have no colon.
const PREFIX: &str = "segment:";

/// What a segment is called where tags and segments stand side by side: in the catalogue, in facts by hand, in current
/// values and in the history.
pub fn node_key(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// The segment that is called so among tags; `None` of a tag.
pub fn key_of(node: &str) -> Option<&str> {
    node.strip_prefix(PREFIX)
}

/// The same for people: `segment loyal`, `tag vip`.
pub(crate) fn spoken(node: &str) -> String {
    key_of(node).map_or_else(|| format!("tag {node}"), |key| format!("segment {key}"))
}
