//! The `customer_due` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// due_at is the earliest instant at which anything about the customer can change without a new fact. fact_rev rises with every new fact; the keeper stores its result only if it is still what it read.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_due")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    pub due_at: i64,
    pub fact_rev: i64,
    pub rule_epoch: i64,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    pub fence: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub failed: Option<String>,
    pub regrouped: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
