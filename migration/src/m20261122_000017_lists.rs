//! Lists of values that never identify, and consents that come in signed batches.

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
-- Values that never identify anybody, beside those that no book takes for somebody's. list: the key of the document
-- that says so. kind: external | phone | email; value as normalised, an external id with its platform, `noreply@` for
-- that mailbox of every domain. Nothing could write the table before.
DROP TABLE blocked_identifier;
CREATE TABLE blocked_identifier (
  {id},
  list TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (list, kind, value)
);
CREATE INDEX blocked_identifier_value ON blocked_identifier (value);

-- Consents that somebody answers for with their name. file_hash: SHA-256 of the file, lower-case hex. signed_on: the
-- local date of the signature. lines: how many consents it brought. revoked_*: taken back as a whole.
CREATE TABLE consent_batch (
  {id},
  file_name TEXT NOT NULL,
  file_hash TEXT NOT NULL,
  signed_by TEXT NOT NULL,
  signed_on TEXT NOT NULL,
  evidence TEXT NOT NULL,
  lines BIGINT NOT NULL,
  actor TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT,
  revoked_by TEXT,
  revoke_reason TEXT
);
-- A file counts once, until it is taken back.
CREATE UNIQUE INDEX consent_batch_file ON consent_batch (file_hash) WHERE revoked_at IS NULL;

-- batch_id: the batch that said it. text_version: of the text that was agreed to. revokes: the line that this one takes
-- back; such a line says nothing of its own.
ALTER TABLE consent ADD COLUMN batch_id BIGINT REFERENCES consent_batch (id);
ALTER TABLE consent ADD COLUMN text_version TEXT;
ALTER TABLE consent ADD COLUMN revokes BIGINT REFERENCES consent (id);
CREATE INDEX consent_of_batch ON consent (batch_id) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX consent_revokes ON consent (revokes) WHERE revokes IS NOT NULL;
";
