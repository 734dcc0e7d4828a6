//! The house itself: what kind of book this is, its clock, who may come in, what was done.

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
-- One row a fact about the book: clock_kind (real | virtual), go_live_at, rule_epoch, change_seq, machine_high_water.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

-- The virtual clock: at most one row, moved forward by a conditional update on fence.
CREATE TABLE clock (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  now_at BIGINT NOT NULL,
  fence BIGINT NOT NULL
);

-- Emergency stops. scope: all | channel:NAME | campaign:KEY. In force while resumed_at is null.
CREATE TABLE stop (
  {id},
  scope TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  stopped_at BIGINT NOT NULL,
  resumed_at BIGINT,
  resumed_by TEXT
);
CREATE UNIQUE INDEX stop_in_force ON stop (scope) WHERE resumed_at IS NULL;

CREATE TABLE shop (
  {id},
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  zone TEXT NOT NULL,
  currency TEXT NOT NULL,
  locale TEXT NOT NULL,
  id_namespace TEXT NOT NULL,
  sender_name TEXT NOT NULL,
  sender_address TEXT NOT NULL,
  single_zone BIGINT NOT NULL
);

-- Where facts come from. kind: api | import | kinkeeper.
CREATE TABLE source (
  {id},
  key TEXT NOT NULL UNIQUE,
  shop_id BIGINT NOT NULL REFERENCES shop (id),
  kind TEXT NOT NULL
);

-- Keys look like kk_<public_id>_<secret>; only the SHA-256 of the secret is kept.
CREATE TABLE api_key (
  {id},
  public_id TEXT NOT NULL UNIQUE,
  secret_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  source_id BIGINT REFERENCES source (id),
  staff_id BIGINT,
  label TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
);

CREATE TABLE audit (
  {id},
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
);
{append_only audit};

-- The answer first given to (api key, Idempotency-Key).
CREATE TABLE idempotency (
  {id},
  scope TEXT NOT NULL,
  idem_key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  status BIGINT NOT NULL,
  answer TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (scope, idem_key)
);
";
