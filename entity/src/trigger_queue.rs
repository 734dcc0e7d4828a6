//! The `trigger_queue` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// What starts campaigns: written in the transaction of its cause, emptied by the planner. kind: tag | event. origin_key is what makes the cause once for its campaign kind.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "trigger_queue")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub key: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub from_value: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub to_value: Option<String>,
    pub cause_at: i64,
    #[sea_orm(column_type = "Text")]
    pub origin_key: String,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub due_at: i64,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    pub fence: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub failed: Option<String>,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
