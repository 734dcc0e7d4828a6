//! The `shipment` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// As of its latest event; `shipment_key` is `<shop key>:<shipment id, else order id>`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipment")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub shipment_key: String,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub order_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub status: Option<String>,
    pub promised_by: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub carrier: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub place: Option<String>,
    pub exception_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    pub new_eta: Option<i64>,
    pub delivered_at: Option<i64>,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
