//! The `refund` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// order_key '' is an unlinked refund; amount_minor null refunds what is left.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub order_key: String,
    #[sea_orm(column_type = "Text")]
    pub ref_key: String,
    pub customer_id: i64,
    pub occurred_at: i64,
    pub amount_minor: Option<i64>,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
