//! `[retention]`: for how many days things are kept.

use super::reader::Reader;

/// Days of 86,400 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// What refused events said, once they are decided.
    pub quarantine_days: u32,
    /// Mails kept as files.
    pub mails_days: u32,
    /// Raw payloads and message bodies.
    pub raw_days: u32,
    pub access_log_days: u32,
    pub idempotency_days: u32,
    /// People without order, contact or consent; 0: for good.
    pub people_days: u32,
    /// How long they stand on the list before they are forgotten.
    pub veto_days: u32,
}

const LONGEST: u32 = 36_500;

impl RetentionSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let mut days = |name: &str| r.number(&format!("retention.{name}_days"), 1..=LONGEST);
        let quarantine_days = days("quarantine");
        let mails_days = days("mails");
        let raw_days = days("raw");
        let access_log_days = days("access_log");
        let idempotency_days = days("idempotency");
        let veto_days = days("veto");
        let people_days = r.number("retention.people_days", 0..=LONGEST);
        Some(Self {
            quarantine_days: quarantine_days?,
            mails_days: mails_days?,
            raw_days: raw_days?,
            access_log_days: access_log_days?,
            idempotency_days: idempotency_days?,
            people_days: people_days?,
            veto_days: veto_days?,
        })
    }
}
