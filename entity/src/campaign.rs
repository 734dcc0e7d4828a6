//! The `campaign` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// state: draft | in_review | approved | running | paused | done. trigger_kind: occasion | tag | event | manual; trigger_key is the tag's key or the event's name, so that ingest and keeper know what somebody listens to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub key: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub trigger_kind: String,
    #[sea_orm(column_type = "Text")]
    pub trigger_key: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub state_reason: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub purpose: String,
    pub priority: i64,
    pub current_version_id: Option<i64>,
    pub created_at: i64,
    pub changed_at: i64,
    pub running_since: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
