//! `[database]`: which database, and how hard it may be used.

use super::reader::Reader;
use super::secret::Secret;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    pub kind: DatabaseKind,
    /// May hold a password; for people there is [`DatabaseSettings::shown`].
    pub url: Secret,
    pub people_connections: u32,
    pub worker_connections: u32,
    pub statement_timeout_seconds: u32,
    pub lock_timeout_seconds: u32,
}

impl DatabaseSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let url = r.text_or_file("database.url");
        let kind = match url.as_deref().map(kind_of) {
            Some(Err(detail)) => {
                r.problem("database.url", "invalid", detail);
                None
            }
            Some(Ok(kind)) => Some(kind),
            None => None,
        };
        let people_connections = r.number("database.people_connections", 1..=500);
        let worker_connections = r.number("database.worker_connections", 1..=500);
        let statement_timeout_seconds = r.number("database.statement_timeout_seconds", 1..=3_600);
        let lock_timeout_seconds = r.number("database.lock_timeout_seconds", 1..=600);
        Some(Self {
            kind: kind?,
            url: Secret::new(url?),
            people_connections: people_connections?,
            worker_connections: worker_connections?,
            statement_timeout_seconds: statement_timeout_seconds?,
            lock_timeout_seconds: lock_timeout_seconds?,
        })
    }

    /// The URL without its password and parameters, for logs and reports.
    pub fn shown(&self) -> String {
        let url = self.url.expose();
        let url = url.split('?').next().unwrap_or_default();
        match (url.split_once("://"), self.kind) {
            (Some((scheme, rest)), DatabaseKind::Postgres) => {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("{scheme}://{host}")
            }
            _ => url.to_owned(),
        }
    }

    /// The file of a SQLite database.
    pub fn sqlite_file(&self) -> Option<&str> {
        let file = self.url.expose().strip_prefix("sqlite://")?;
        file.split('?').next()
    }
}

fn kind_of(url: &str) -> Result<DatabaseKind, String> {
    let remedy = "write sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME";
    match url.split_once("://") {
        Some(("sqlite", file)) if !file.is_empty() && !file.starts_with('?') => Ok(DatabaseKind::Sqlite),
        Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => Ok(DatabaseKind::Postgres),
        // The rest of the text may hold a password, so only the scheme is shown.
        Some((scheme, _)) => Err(format!("{scheme}:// is no database this program knows; {remedy}")),
        None => Err(format!("this is no URL; {remedy}")),
    }
}
