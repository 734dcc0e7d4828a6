//! The `profile_change` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// One row a transaction that wrote profiles or current tags.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profile_change")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub turn: i64,
    #[sea_orm(column_type = "Text")]
    pub customers: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
