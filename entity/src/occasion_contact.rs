//! The `occasion_contact` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// One occasion reaches one contact point once, however many customers share it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "occasion_contact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub campaign_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub occasion_key: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub step: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    #[sea_orm(column_type = "Text")]
    pub contact_hash: String,
    pub touchpoint_id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
