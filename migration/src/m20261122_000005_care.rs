//! Care: campaigns, who entered them, each planned contact, and the coupons.

use crate::ddl;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, SCHEMA).await
    }
}

const SCHEMA: &str = r"
-- state: draft | in_review | approved | running | paused | done. trigger_kind: occasion | tag | event | manual;
-- trigger_key is the tag's key or the event's name, so that ingest and keeper know what somebody listens to.
CREATE TABLE campaign (
  {id},
  key TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  trigger_kind TEXT NOT NULL,
  trigger_key TEXT NOT NULL,
  state_reason TEXT,
  purpose TEXT NOT NULL,
  priority BIGINT NOT NULL,
  current_version_id BIGINT,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  running_since BIGINT
);

CREATE TABLE campaign_version (
  {id},
  campaign_id BIGINT NOT NULL REFERENCES campaign (id),
  version BIGINT NOT NULL,
  document TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  approved_by TEXT,
  approved_at BIGINT,
  UNIQUE (campaign_id, version)
);

CREATE TABLE template (
  {id},
  key TEXT NOT NULL,
  locale TEXT NOT NULL,
  version BIGINT NOT NULL,
  document TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (key, locale, version)
);

-- A slot of a schedule is its nominal local date-time and zone ('*': every customer's own), never the UTC instant.
-- state: scheduled (waits for due_at) | open (being planned page by page up to frozen_max_id) | done | missed.
CREATE TABLE occurrence (
  {id},
  campaign_id BIGINT NOT NULL REFERENCES campaign (id),
  campaign_version_id BIGINT NOT NULL,
  slot TEXT NOT NULL,
  zone TEXT NOT NULL,
  occasion_key TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  cursor_customer_id BIGINT NOT NULL,
  frozen_max_id BIGINT NOT NULL,
  leased_until BIGINT,
  lease_owner TEXT,
  fence BIGINT NOT NULL,
  UNIQUE (campaign_id, slot, zone)
);
CREATE INDEX occurrence_due ON occurrence (state, due_at);
CREATE INDEX occurrence_leased ON occurrence (leased_until) WHERE leased_until IS NOT NULL;

-- state: active | done | exited | expired | merged | failed. wake_at is when the next step is due.
CREATE TABLE enrollment (
  {id},
  campaign_id BIGINT NOT NULL REFERENCES campaign (id),
  campaign_version_id BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  occasion_key TEXT NOT NULL,
  arm TEXT NOT NULL,
  cause_at BIGINT NOT NULL,
  entered_at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  payload TEXT NOT NULL,
  wake_at BIGINT NOT NULL,
  ended_at BIGINT,
  leased_until BIGINT,
  lease_owner TEXT,
  fence BIGINT NOT NULL,
  UNIQUE (campaign_id, customer_id, occasion_key)
);
CREATE INDEX enrollment_wake ON enrollment (state, wake_at);
CREATE INDEX enrollment_leased ON enrollment (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX enrollment_customer ON enrollment (customer_id);

-- One planned contact. send_at is the earliest instant its campaign wants it out; not_before is when it is looked at
-- next. local_date is the customer's day it is planned for (YYYY-MM-DD).
-- state: planned | deferred | queued | sending | sent | delivered | bounced | skipped | expired | failed | unknown | control.
CREATE TABLE touchpoint (
  {id},
  customer_id BIGINT NOT NULL,
  enrollment_id BIGINT NOT NULL,
  campaign_id BIGINT NOT NULL,
  step BIGINT NOT NULL,
  channel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  priority BIGINT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  send_at BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  local_date TEXT NOT NULL,
  template_key TEXT NOT NULL,
  coupon_batch_id BIGINT,
  coupon_id BIGINT,
  message_id TEXT NOT NULL,
  contact_hash TEXT,
  attempts BIGINT NOT NULL,
  detail TEXT,
  created_at BIGINT NOT NULL,
  handed_at BIGINT,
  ended_at BIGINT,
  leased_until BIGINT,
  lease_owner TEXT,
  fence BIGINT NOT NULL,
  UNIQUE (customer_id, enrollment_id, step, channel)
);
CREATE INDEX touchpoint_due ON touchpoint (state, not_before);
CREATE INDEX touchpoint_leased ON touchpoint (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX touchpoint_enrollment ON touchpoint (enrollment_id);
CREATE INDEX touchpoint_customer_campaign ON touchpoint (customer_id, campaign_id);
CREATE INDEX touchpoint_held ON touchpoint (reason, not_before) WHERE state = 'deferred';
CREATE INDEX touchpoint_coupon ON touchpoint (coupon_id) WHERE coupon_id IS NOT NULL;

-- The day's winner: one marketing touch a customer and local day, the highest priority.
CREATE TABLE contact_day (
  customer_id BIGINT NOT NULL,
  local_date TEXT NOT NULL,
  touchpoint_id BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  PRIMARY KEY (customer_id, local_date)
);
CREATE INDEX contact_day_touchpoint ON contact_day (touchpoint_id);

-- One row a counted contact, written in the hand-over transaction. Frequency caps read it.
CREATE TABLE contact_ledger (
  {id},
  customer_id BIGINT NOT NULL,
  touchpoint_id BIGINT UNIQUE,
  channel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  local_date TEXT NOT NULL,
  counted_at BIGINT NOT NULL
);
CREATE INDEX contact_ledger_customer ON contact_ledger (customer_id, counted_at);

-- One occasion reaches one contact point once, however many customers share it.
CREATE TABLE occasion_contact (
  campaign_id BIGINT NOT NULL,
  occasion_key TEXT NOT NULL,
  step BIGINT NOT NULL,
  contact_hash TEXT NOT NULL,
  touchpoint_id BIGINT NOT NULL,
  PRIMARY KEY (campaign_id, occasion_key, step, contact_hash)
);
CREATE INDEX occasion_contact_touchpoint ON occasion_contact (touchpoint_id);

-- outstanding_minor is face reserved or issued and not yet redeemed, expired or revoked; never above budget_minor.
CREATE TABLE coupon_batch (
  {id},
  key TEXT NOT NULL UNIQUE,
  shop_id BIGINT NOT NULL REFERENCES shop (id),
  face_minor BIGINT NOT NULL,
  threshold_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  valid_days BIGINT NOT NULL,
  budget_minor BIGINT NOT NULL,
  outstanding_minor BIGINT NOT NULL,
  maximum BIGINT,
  created_count BIGINT NOT NULL,
  document TEXT NOT NULL,
  CHECK (outstanding_minor >= 0)
);

-- code_hash is keyed; sealed is the AEAD-sealed code; state: reserved | issued | redeemed | expired | revoked | released.
CREATE TABLE coupon (
  {id},
  batch_id BIGINT NOT NULL REFERENCES coupon_batch (id),
  customer_id BIGINT NOT NULL,
  source_ref TEXT NOT NULL,
  code_hash TEXT NOT NULL UNIQUE,
  sealed TEXT NOT NULL,
  last4 TEXT NOT NULL,
  face_minor BIGINT NOT NULL,
  state TEXT NOT NULL,
  reserved_at BIGINT NOT NULL,
  issued_at BIGINT,
  expires_at BIGINT,
  redeemed_at BIGINT,
  redeemed_order_key TEXT,
  UNIQUE (batch_id, customer_id, source_ref)
);
CREATE INDEX coupon_state ON coupon (batch_id, state);
";
