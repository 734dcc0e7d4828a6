//! The `coupon_batch` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// outstanding_minor is face reserved or issued and not yet redeemed, expired or revoked; never above budget_minor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coupon_batch")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub key: String,
    pub shop_id: i64,
    pub face_minor: i64,
    pub threshold_minor: i64,
    #[sea_orm(column_type = "Text")]
    pub currency: String,
    pub valid_days: i64,
    pub budget_minor: i64,
    pub outstanding_minor: i64,
    pub maximum: Option<i64>,
    pub created_count: i64,
    #[sea_orm(column_type = "Text")]
    pub document: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
