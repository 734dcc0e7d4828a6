//! The order between hand-overs and what forbids them. Whoever begins a hand-over passes the gate, whoever commits a
//! suppression, a stop, a pause or an opt-out closes it first: once they have committed, no hand-over begins that
//! hasn't seen it (G6, G20). Taken after the clock and before customers, by everybody, so nobody waits in a circle.

use super::sql::args;
use super::{StoreError, Tx};

const KEY: &str = "send_gate";

/// Waits for whoever is closing it and lets others pass beside; held until the transaction ends. SQLite has one
/// writer, which is order enough.
pub async fn pass(tx: &Tx) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        return Ok(());
    }
    let shared = "SELECT value FROM meta WHERE key = $1 FOR SHARE";
    if tx.one(shared, args![KEY]).await?.is_none() {
        let first = "INSERT INTO meta (key, value) VALUES ($1, '0') ON CONFLICT (key) DO NOTHING";
        tx.exec(first, args![KEY]).await?;
        tx.one(shared, args![KEY]).await?;
    }
    Ok(())
}

/// Waits for those who passed; nobody passes until the transaction ends.
pub async fn close(tx: &Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        super::meta::raise(tx, KEY).await?;
    }
    Ok(())
}
