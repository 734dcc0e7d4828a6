//! The `retention_person` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Somebody who is to be forgotten, or was kept by a veto.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_person")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    pub listed_at: i64,
    pub due_at: i64,
    pub vetoed_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub vetoed_by: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub veto_reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
