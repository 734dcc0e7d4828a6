//! The `coupon` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// code_hash is keyed; sealed is the AEAD-sealed code; state: reserved | issued | redeemed | expired | revoked | released.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coupon")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub batch_id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub source_ref: String,
    #[sea_orm(column_type = "Text")]
    pub code_hash: String,
    #[sea_orm(column_type = "Text")]
    pub sealed: String,
    #[sea_orm(column_type = "Text")]
    pub last4: String,
    pub face_minor: i64,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub reserved_at: i64,
    pub issued_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub redeemed_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub redeemed_order_key: Option<String>,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
