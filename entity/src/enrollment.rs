//! The `enrollment` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// state: active | done | exited | expired. wake_at is when the next step is due.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub campaign_id: i64,
    pub campaign_version_id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub occasion_key: String,
    #[sea_orm(column_type = "Text")]
    pub arm: String,
    pub cause_at: i64,
    pub entered_at: i64,
    pub step: i64,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub wake_at: i64,
    pub ended_at: Option<i64>,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    pub fence: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
