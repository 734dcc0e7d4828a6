//! The promises as SQL, run on an open book of a test.

use kinkeeper::store::invariants;
pub use kinkeeper::store::invariants::Workers;
use sea_orm::{ConnectionTrait, Statement};

/// Every violation found, as `file: what, where`; on any connection, so that a test may look from outside.
pub async fn broken(db: &impl ConnectionTrait, workers: Workers) -> Vec<String> {
    let mut found = Vec::new();
    for (name, sql) in invariants::ALL {
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
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("invariants");
    for file in std::fs::read_dir(folder).expect("the folder") {
        let name = file.expect("a file").file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".sql") {
            assert!(invariants::ALL.iter().any(|(known, _)| *known == name), "{name}.sql is never run");
        }
    }
}
