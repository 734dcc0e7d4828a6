//! The `refill_gap` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Pairs of orders of a product, by how long a piece lasted.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refill_gap")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop_id: i64,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub sku: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub days: i64,
    pub pairs: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
