//! The `score` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// What runs gave a customer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "score")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub kind: String,
    pub run_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub said: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub settled: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
