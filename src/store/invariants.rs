//! The promises as SQL, run on an open book: each file of `/invariants` gives one row per violation. What is
//! promised stands there, not here.

use super::{Db, StoreError};

/// Whether a daemon may be at work on the book that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// Leases and hand-overs may be under way.
    Busy,
    /// None works and all leases are over.
    AtRest,
}

macro_rules! invariants {
    ($($name:literal),+ $(,)?) => {
        /// Name and statement of each.
        pub const ALL: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../invariants/", $name, ".sql")))),+];
    };
}

invariants![
    "at_rest_no_lease",
    "at_rest_no_sending",
    "g10_one_holder",
    "g11_vip_level",
    "g12_tag_history",
    "g19_go_live",
    "g1_event_keys",
    "g4_one_hand_over",
    "g5_every_step_ends",
    "g6_no_hand_over_after_refusal",
    "g7_caps",
    "g8_coupons",
    "g9_callbacks",
    "touchpoint_states",
];

/// Every violation found, as `file: what, where`.
pub async fn broken(db: &Db, workers: Workers) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for (name, sql) in ALL {
        if name.starts_with("at_rest_") && workers == Workers::Busy {
            continue;
        }
        for row in db.all(sql.trim().trim_end_matches(';'), vec![]).await? {
            found.push(format!("{name}: {}, {}", row.text("what")?, row.text("ref")?));
        }
    }
    Ok(found)
}
