//! The `event_personal` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Personal values of an event (JSON), apart from the log.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_personal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
