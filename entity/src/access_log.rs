//! The `access_log` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Who looked at whom. act: viewed | searched | listed | revealed | exported.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_log")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub at: i64,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    #[sea_orm(column_type = "Text")]
    pub act: String,
    pub customer_id: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub detail: String,
    pub own_work: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
