//! The `rate` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// What one unit of a currency is worth in the base currency on a local date, in 1e-12.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub currency: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub on_date: String,
    pub rate: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
