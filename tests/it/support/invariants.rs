//! The promises as SQL that the oracle wrote, run on an open book: each file of `tests/oracle/invariants`
//! gives one row per violation. What is promised stands there, not here.

use sea_orm::{ConnectionTrait, Statement};

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
        const INVARIANTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../oracle/invariants/", $name, ".sql")))),+];
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
pub async fn broken(db: &impl ConnectionTrait, workers: Workers) -> Vec<String> {
    let mut found = Vec::new();
    for (name, sql) in INVARIANTS {
        if name.starts_with("at_rest_") && workers == Workers::Busy {
            continue;
        }
        let statement = Statement::from_string(db.get_database_backend(), sql.trim().trim_end_matches(';'));
        let rows = db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{name}.sql: {e}"));
        found.extend(rows.iter().map(|row| {
            let text = |column| row.try_get::<String>("", column).expect("an invariant gives texts");
            format!("{name}: {}, {}", text("what"), text("ref"))
        }));
    }
    found
}

#[test]
fn no_invariant_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/invariants");
    for file in std::fs::read_dir(folder).expect("the oracle's folder") {
        let name = file.expect("a file").file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".sql") {
            assert!(INVARIANTS.iter().any(|(known, _)| *known == name), "{name}.sql is never run");
        }
    }
}
