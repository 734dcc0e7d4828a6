//! The `merge_candidate` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Two customers that may be one; first_id < second_id. state: open | merged.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "merge_candidate")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub first_id: i64,
    pub second_id: i64,
    #[sea_orm(column_type = "Text")]
    pub by_kind: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub seen_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
