//! The `product_was` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// What was known of a product before.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product_was")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop_id: i64,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub sku: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub what: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub until_epoch: i64,
    pub days_milli: Option<i64>,
    pub sensitive: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
