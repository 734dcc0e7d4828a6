//! The `profile` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The fold of the facts as of kept_at. Instants and sums; days since are never stored.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    pub kept_at: i64,
    pub spend_365_minor: i64,
    pub spend_ever_minor: i64,
    pub orders_365: i64,
    pub orders_ever: i64,
    pub order_days: i64,
    pub first_order_at: Option<i64>,
    pub last_order_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub last_order_key: Option<String>,
    pub tickets: i64,
    pub complaints_90: i64,
    pub complaints_365: i64,
    pub open_complaints: i64,
    pub account_kind: String,
    pub many_orders_30: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
