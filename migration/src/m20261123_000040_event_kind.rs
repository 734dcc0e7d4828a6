//! The index of events by name and instant has their ids, too: what they say is looked up without reading the log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // SQLite's indexes have the ids of rows by themselves.
        if db.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("DROP INDEX event_kind").await?;
            let wider = "CREATE INDEX event_kind ON event (kind, occurred_at, customer_id, effective, received_at, id)";
            db.execute_unprepared(wider).await?;
        }
        Ok(())
    }
}
