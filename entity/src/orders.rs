//! The `orders` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// paid_at null: named by a refund, update or cancellation, and not paid as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub order_key: String,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    pub paid_at: Option<i64>,
    pub cancelled_at: Option<i64>,
    pub total_minor: i64,
    pub refunded_minor: i64,
    #[sea_orm(column_type = "Text")]
    pub currency: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub coupon_code_hash: Option<String>,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
    pub placed_at: Option<i64>,
    pub pay_by: Option<i64>,
    pub lines_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lines_id: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub foreign_currency: Option<String>,
    pub foreign_minor: Option<i64>,
    pub rate: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
