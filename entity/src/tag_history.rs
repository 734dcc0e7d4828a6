//! The `tag_history` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The ledger of what the daemon decided; its fold equals tag_current. cause: event | time | rule | merge | rebuild | manual.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_history")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub key: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub from_value: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub to_value: Option<String>,
    pub since: i64,
    pub as_of: i64,
    pub recorded_at: i64,
    #[sea_orm(column_type = "Text")]
    pub cause: String,
    pub historical: i64,
    pub rule_version: i64,
    #[sea_orm(column_type = "Text")]
    pub evidence: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
