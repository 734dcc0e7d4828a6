//! The `housekeeping` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// A day's housekeeping.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "housekeeping")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub day: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub step: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub done: String,
    pub begun_at: i64,
    pub finished_at: Option<i64>,
    pub cursor_id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
