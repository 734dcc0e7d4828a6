//! The `occurrence` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// A slot of a schedule is its nominal local date-time and zone ('*': every customer's own), never the UTC instant. state: scheduled (waits for due_at) | open (being planned page by page up to frozen_max_id) | done | missed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "occurrence")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub campaign_id: i64,
    pub campaign_version_id: i64,
    #[sea_orm(column_type = "Text")]
    pub slot: String,
    #[sea_orm(column_type = "Text")]
    pub zone: String,
    #[sea_orm(column_type = "Text")]
    pub occasion_key: String,
    pub due_at: i64,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    pub cursor_customer_id: i64,
    pub frozen_max_id: i64,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    pub fence: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
