//! The `callback_exclusion` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// A decliner is passed over until the ring rises above ring.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "callback_exclusion")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub callback_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub staff_id: i64,
    pub ring: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
