//! The `consent` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Append-only ledger; the latest by (occurred_at, id) counts. state: granted | denied.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub channel: String,
    #[sea_orm(column_type = "Text")]
    pub purpose: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub source: String,
    #[sea_orm(column_type = "Text")]
    pub evidence: String,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub origin_customer_id: Option<i64>,
    pub batch_id: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub text_version: Option<String>,
    pub revokes: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
