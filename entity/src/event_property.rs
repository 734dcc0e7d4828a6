//! The `event_property` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_property")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    pub base: i64,
    pub element: i64,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    pub number: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub sku: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub own_sku: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub shop: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
