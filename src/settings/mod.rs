//! What an operator may set, read and validated once at start: one file a section.
//!
//! `config/default.toml` is the reference and the lowest layer; a key that isn't in it doesn't exist.
//! Nothing here opens a database, a socket or a clock.

mod access;
mod asking;
mod database;
mod hooks;
mod http;
mod layers;
mod log;
mod mail;
mod reader;
mod retention;
mod runs;
mod secret;
mod shop;
mod show;
mod workers;

#[cfg(test)]
mod tests;

pub use access::AccessSettings;
pub use asking::AskingSettings;
pub use database::{DatabaseKind, DatabaseSettings};
pub use hooks::{HookSettings, YouzanSettings};
pub use http::HttpSettings;
pub use layers::{DEFAULTS, Sources};
pub use log::{LogFormat, LogSettings};
pub use mail::{MailChannel, MailSettings, Relay, RelayUrl, Tls};
pub use retention::RetentionSettings;
pub use runs::RunSettings;
pub use secret::Secret;
pub use shop::ShopSettings;
pub use show::{InForce, in_force};
pub use workers::WorkerSettings;

use chrono_tz::Tz;
use domain::problem::Problem;
use domain::time::Instant;
use reader::Reader;
use std::path::PathBuf;

/// All settings, valid together.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data_dir: PathBuf,
    /// `None`: the real clock.
    pub clock: Option<VirtualClock>,
    pub shop: ShopSettings,
    pub database: DatabaseSettings,
    pub http: HttpSettings,
    pub hooks: HookSettings,
    pub mail: MailSettings,
    pub secrets: SecretSettings,
    /// Where refusals are put down outside the database.
    pub refusals_log: PathBuf,
    /// Where copies of a SQLite book go before its schema is changed.
    pub backup_dir: PathBuf,
    pub workers: WorkerSettings,
    pub access: AccessSettings,
    pub asking: AskingSettings,
    pub retention: RetentionSettings,
    pub runs: RunSettings,
    pub log: LogSettings,
    /// Combinations that work but are seldom meant; to be logged at start.
    pub warnings: Vec<Problem>,
}

/// A clock that stands where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VirtualClock {
    pub at: Instant,
    /// Business seconds in a machine second at most; `None`: as fast as the work allows.
    pub speed: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct SecretSettings {
    /// The key file; made on first use.
    pub key_file: PathBuf,
}

impl Settings {
    /// Reads all layers. The error holds every problem of every layer.
    pub fn load(sources: &Sources) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(layers::merge(sources)?);
        let settings = Self::read(&mut reader);
        match (settings, reader.into_problems()) {
            (Some(settings), problems) if problems.is_empty() => Ok(settings),
            (_, problems) => Err(problems),
        }
    }

    fn read(r: &mut Reader) -> Option<Self> {
        let data_dir = r.path("data_dir");
        let shop = ShopSettings::read(r);
        let clock = read_clock(r, shop.as_ref().map_or(Tz::UTC, |s| s.timezone));
        let database = DatabaseSettings::read(r);
        let http = HttpSettings::read(r);
        let hooks = HookSettings::read(r);
        let mail = MailSettings::read(r, shop.as_ref().map_or("", |s| &s.sender_address));
        let secrets = r.path("secrets.key_file").map(|key_file| SecretSettings { key_file });
        let refusals_log = r.path("backup.refusals_log");
        let backup_dir = r.path("backup.dir");
        let workers = WorkerSettings::read(r);
        let access = AccessSettings::read(r);
        let asking = AskingSettings::read(r);
        let retention = RetentionSettings::read(r);
        let runs = RunSettings::read(r);
        let log = LogSettings::read(r);
        let mut settings = Self {
            data_dir: data_dir?,
            clock: clock?,
            shop: shop?,
            database: database?,
            http: http?,
            hooks: hooks?,
            mail: mail?,
            secrets: secrets?,
            refusals_log: refusals_log?,
            backup_dir: backup_dir?,
            workers: workers?,
            access: access?,
            asking: asking?,
            retention: retention?,
            runs: runs?,
            log: log?,
            warnings: Vec::new(),
        };
        settings.check_together(r);
        Some(settings)
    }

    /// What no section can see alone.
    fn check_together(&mut self, r: &mut Reader) {
        let mut warn = |at: &str, code, detail: String| self.warnings.push(Problem::new(at, code, detail));
        if self.mail.channel == MailChannel::Smtp {
            for (i, relay) in self.mail.relays.iter().enumerate() {
                let at = format!("mail.relays[{i}].url");
                if self.clock.is_some() && !relay.url.is_loopback() {
                    r.problem(
                        &at,
                        "real_channel_on_virtual_clock",
                        "a virtual clock must not reach real people; use mail.channel = \"file\" or a relay on loopback",
                    );
                } else if relay.url.tls == Tls::None && !relay.url.is_loopback() {
                    let detail = "mails and any password go to this relay unencrypted; write smtps:// or smtp+starttls://";
                    warn(&at, "unencrypted_relay", detail.to_owned());
                }
            }
            if self.shop.sender_address.ends_with(".invalid") {
                r.problem(
                    "shop.sender_address",
                    "placeholder",
                    "mails need an address of yours to come from; set shop.sender_address",
                );
            }
        }
        if self.http.behind_proxy && self.http.public_url.starts_with("http://") {
            let detail = format!(
                "opt-out links will begin with {}; behind a proxy that does TLS set the https:// address customers use",
                self.http.public_url
            );
            warn("http.public_url", "plain_public_url", detail);
        }
        if self.workers.poll_seconds >= self.workers.lease_seconds {
            let detail = "longer than workers.lease_seconds: work of a killed daemon waits for the next look";
            warn("workers.poll_seconds", "slow_poll", detail.to_owned());
        }
    }
}

fn read_clock(r: &mut Reader, zone: Tz) -> Option<Option<VirtualClock>> {
    r.parsed("clock", |text| {
        if text.is_empty() {
            return Ok(None);
        }
        let (at, speed) = match text.split_once(',') {
            Some((at, speed)) => (at, Some(speed)),
            None => (text, None),
        };
        let at = Instant::parse(at.trim(), zone)
            .ok_or_else(|| format!("\"{at}\" is no instant; write it like 2026-09-25T09:55:00+08:00"))?;
        let speed = match speed.map(str::trim) {
            None => None,
            Some(text) => Some(
                text.strip_prefix('x')
                    .and_then(|n| n.parse().ok())
                    .filter(|n| *n > 0)
                    .ok_or_else(|| format!("\"{text}\" is no speed; write it like x600"))?,
            ),
        };
        Ok(Some(VirtualClock { at, speed }))
    })
}
