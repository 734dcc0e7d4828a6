//! The `stop` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Emergency stops. scope: all | channel:NAME | campaign:KEY. In force while resumed_at is null.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stop")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub scope: String,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    pub stopped_at: i64,
    pub resumed_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub resumed_by: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
