//! People: staff, their shifts, the calendars they work by, and the callbacks.

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
-- level: junior | senior | supervisor | manager. skills: JSON array. state: active | disabled.
CREATE TABLE staff (
  {id},
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  email TEXT,
  role TEXT NOT NULL,
  level TEXT NOT NULL,
  team TEXT,
  skills TEXT NOT NULL,
  capacity_held BIGINT NOT NULL,
  calls_per_day BIGINT NOT NULL,
  state TEXT NOT NULL
);

CREATE TABLE shift (
  {id},
  staff_id BIGINT NOT NULL REFERENCES staff (id),
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  UNIQUE (staff_id, starts_at)
);
CREATE INDEX shift_span ON shift (starts_at, ends_at);

-- Keys: working_days (promises in working days) and service_hours (business minutes). document: JSON.
CREATE TABLE calendar (
  {id},
  key TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  changed_at BIGINT NOT NULL
);

-- state: scheduled | ready | assigned | in_progress | completed | exhausted | cancelled | expired.
-- severe: 1 when VIP or S1-S2. required_level: never below senior for a VIP. skills, optional_skills: JSON arrays.
-- script: key of the talking points. band and rank_at are stored as last decided. lease_until is business time
-- here: an agent's lease runs in business minutes. ready_since opens the ring episode. breached_at: since when it
-- is past its active due time; null again once a new slot moves that on. fence rises whenever a holder comes or goes.
CREATE TABLE callback (
  {id},
  customer_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  required_level TEXT NOT NULL,
  skills TEXT NOT NULL,
  optional_skills TEXT NOT NULL,
  script TEXT,
  team TEXT,
  owner_staff_id BIGINT,
  last_staff_id BIGINT,
  vip BIGINT NOT NULL,
  severe BIGINT NOT NULL,
  complaint BIGINT NOT NULL,
  churn_risk BIGINT NOT NULL,
  chased BIGINT NOT NULL,
  courtesy BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  reach_due_at BIGINT NOT NULL,
  active_due_at BIGINT NOT NULL,
  band BIGINT NOT NULL,
  rank_at BIGINT NOT NULL,
  ready_since BIGINT,
  ring BIGINT NOT NULL,
  next_ring_at BIGINT,
  breached_at BIGINT,
  attempts BIGINT NOT NULL,
  attempt_day TEXT,
  attempt_day_count BIGINT NOT NULL,
  staff_id BIGINT,
  lease_until BIGINT,
  fence BIGINT NOT NULL,
  wake_at BIGINT,
  result TEXT,
  ended_at BIGINT
);
CREATE INDEX callback_queue ON callback (state, band, rank_at, created_at, id);
CREATE INDEX callback_senior_queue ON callback (state, band, severe, rank_at, created_at, id);
CREATE INDEX callback_wake ON callback (wake_at);
CREATE INDEX callback_staff ON callback (staff_id, state);
CREATE INDEX callback_customer ON callback (customer_id);
-- A second reason joins the open one.
CREATE UNIQUE INDEX callback_open ON callback (customer_id, kind)
  WHERE state IN ('scheduled', 'ready', 'assigned', 'in_progress');

-- A second reason for an open callback joins it; each reason is counted once.
CREATE TABLE callback_origin (
  origin_key TEXT PRIMARY KEY,
  callback_id BIGINT NOT NULL REFERENCES callback (id)
);

CREATE TABLE callback_log (
  {id},
  callback_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  event TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX callback_log_callback ON callback_log (callback_id);
{append_only callback_log};

-- A decliner is passed over until the ring rises above ring.
CREATE TABLE callback_exclusion (
  callback_id BIGINT NOT NULL,
  staff_id BIGINT NOT NULL,
  ring BIGINT NOT NULL,
  PRIMARY KEY (callback_id, staff_id)
);

-- Told to whom it may concern, each level once a callback. cause: breach | dissatisfied.
CREATE TABLE callback_escalation (
  callback_id BIGINT NOT NULL,
  level BIGINT NOT NULL,
  cause TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (callback_id, level)
);

-- The row locked while an agent pulls: capacity is checked and reserved under it.
CREATE TABLE agent_load (
  staff_id BIGINT PRIMARY KEY REFERENCES staff (id),
  held BIGINT NOT NULL,
  calls_on TEXT NOT NULL,
  calls BIGINT NOT NULL,
  CHECK (held >= 0)
);
";
