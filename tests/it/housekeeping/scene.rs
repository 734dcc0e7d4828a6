//! A book whose clock is put forward by hand, and its housekeeper. No assertion about the product lives here.

use crate::support::book::House;
use domain::time::Instant;
use kinkeeper::app::App;
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, Statement, Value};

pub const NOW: &str = "clock=2026-09-25T10:00:00+08:00";
/// Pages of five rows.
pub const BATCH: &str = "workers.housekeeper_batch=5";

/// Where [`NOW`] puts the clock.
pub fn now() -> Instant {
    Instant::parse("2026-09-25T10:00:00+08:00", chrono_tz::UTC).expect("an instant")
}

pub async fn exec(app: &App, sql: &str, args: Vec<Value>) -> u64 {
    let backend = app.book.store.reader().get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, args);
    let unit = app.book.store.write(Lane::People, move |tx| {
        Box::pin(async move { Ok::<_, StoreError>(tx.execute_raw(statement).await?.rows_affected()) })
    });
    unit.await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

pub async fn put_clock(app: &App, at: Instant) {
    exec(app, "UPDATE clock SET now_at = $1 WHERE now_at <= $1", vec![at.micros().into()]).await;
}

/// Puts the clock there and lets everybody do what is due; gives what the housekeeper did.
pub async fn work_off(app: &App, at: Instant) -> u64 {
    put_clock(app, at).await;
    app.engine().drain_all().await.expect("drained")["housekeeper"]
}

/// What the housekeeper told of each day, oldest first.
pub async fn audited(house: &House) -> Vec<serde_json::Value> {
    let sql = "SELECT detail FROM audit WHERE action = 'retention.applied' ORDER BY id";
    let lines = house.lines(sql).await;
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
