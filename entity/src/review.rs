//! The `review` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// `rating_milli` in thousandths of stars, of 5,000.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "review")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub review_key: String,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub order_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub product_id: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub sku: Option<String>,
    pub rating_milli: Option<i64>,
    pub reviewed_at: i64,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
