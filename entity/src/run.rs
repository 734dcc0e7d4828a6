//! The `run` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// A run over the whole book.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub version: i64,
    pub due_at: i64,
    pub as_of: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub cuts: Option<String>,
    pub cursor_id: i64,
    pub looked_at: i64,
    pub changed: i64,
    pub done_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
