//! The `touchpoint` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// One planned contact. send_at is the earliest instant its campaign wants it out; not_before is when it is looked at next. local_date is the customer's day it is planned for (YYYY-MM-DD). state: planned | deferred | queued | sending | sent | delivered | bounced | skipped | expired | failed | unknown | control.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "touchpoint")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    pub enrollment_id: i64,
    pub campaign_id: i64,
    pub step: i64,
    #[sea_orm(column_type = "Text")]
    pub channel: String,
    #[sea_orm(column_type = "Text")]
    pub purpose: String,
    pub priority: i64,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    pub send_at: i64,
    pub not_before: i64,
    pub expires_at: i64,
    #[sea_orm(column_type = "Text")]
    pub local_date: String,
    #[sea_orm(column_type = "Text")]
    pub template_key: String,
    pub coupon_batch_id: Option<i64>,
    pub coupon_id: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub message_id: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub contact_hash: Option<String>,
    pub attempts: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    pub created_at: i64,
    pub handed_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    pub fence: i64,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
