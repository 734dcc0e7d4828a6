//! What keeps others off a book while this process works on it: a file beside SQLite's, a session's lock on PostgreSQL.

use super::{App, cannot};
use crate::service::ServiceError;
use crate::service::import::Alone;
use crate::settings::DatabaseSettings;
use crate::store::lock::{self, Hold};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

/// How often a daemon looks whether the database still knows that it is at work.
const LOCK_WATCH: Duration = Duration::from_millis(250);
/// How often it is said again that the database is away.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Who only asks whether anybody works on a SQLite book ([`App::alone`]) holds its file for less than this, and not so often in a row.
const MOMENT: Duration = Duration::from_millis(2);
const TRIES: u32 = 5;

/// Beside the SQLite file, locked by whoever works on it.
pub fn lock_file(database: &DatabaseSettings) -> Option<PathBuf> {
    database.sqlite_file().map(|file| PathBuf::from(format!("{file}.lock")))
}

/// Keeps a second daemon off the same SQLite file. The lock lasts as long as what this gives.
pub fn lock_workers(database: &DatabaseSettings) -> Result<Option<File>, ServiceError> {
    let Some(path) = lock_file(database) else { return Ok(None) };
    let file = File::create(&path).map_err(|e| cannot("database.url", &path, &e))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(MOMENT),
            Err(TryLockError::Error(e)) => return Err(cannot("database.url", &path, &e)),
        }
    }
    Err(ServiceError::Conflict(format!(
        "another kinkeeper works on {}; stop it first, or use PostgreSQL, which several may share",
        database.shown()
    )))
}

/// What keeps others off a book, for as long as this lives.
#[derive(Debug)]
pub struct BookLock {
    _file: Option<File>,
    session: Option<lock::Held>,
}

impl App {
    /// Keeps whoever wants the book alone off it, and on SQLite other daemons too.
    pub async fn lock_workers(&self) -> Result<BookLock, ServiceError> {
        self.hold(Hold::Shared).await
    }

    /// Keeps every daemon off the book.
    pub async fn lock_alone(&self) -> Result<BookLock, ServiceError> {
        self.hold(Hold::Alone).await
    }

    /// Whether no daemon is at work on the book, to be asked again and again. On PostgreSQL, where nobody waits for another
    /// because it writes, what was so at first stands.
    pub async fn alone(&self) -> Result<Alone, ServiceError> {
        let Some(path) = lock_file(&self.settings.database) else {
            let held = lock::is_held(self.book.store.reader()).await?;
            return Ok(Alone::while_so(move || !held));
        };
        Ok(Alone::while_so(move || match File::options().append(true).open(&path) {
            // Held for no longer than this asks.
            Ok(file) => file.try_lock().is_ok(),
            Err(e) => e.kind() == ErrorKind::NotFound,
        }))
    }

    async fn hold(&self, how: Hold) -> Result<BookLock, ServiceError> {
        let database = &self.settings.database;
        if database.sqlite_file().is_some() {
            return Ok(BookLock { _file: lock_workers(database)?, session: None });
        }
        let session = lock::hold(database.url.expose(), how).await?;
        let refused = || {
            let what = match how {
                Hold::Shared => "is being rebuilt or migrated; start again when that is done",
                Hold::Alone => "has a daemon at work on it; stop all of them first",
            };
            ServiceError::Conflict(format!("{} {what}", database.shown()))
        };
        Ok(BookLock { _file: None, session: Some(session.ok_or_else(refused)?) })
    }

    /// Holds the daemon's lock. A PostgreSQL that restarts forgets it: then it is taken again, and this ends, with the
    /// reason, where that can't be done any more.
    pub(super) async fn keep_lock(&self, mut lock: BookLock) -> ServiceError {
        let mut looks = tokio::time::interval(LOCK_WATCH);
        let mut told: Option<tokio::time::Instant> = None;
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(session) = &mut lock.session else { return std::future::pending().await };
            if session.is_held().await {
                continue;
            }
            match self.take_lock_again().await {
                Ok(again) => {
                    tracing::info!("the database is back; this daemon holds the book's lock again");
                    (lock, told) = (again, None);
                }
                Err(ServiceError::Unavailable { detail, .. }) => {
                    let again = told.is_none_or(|at| at.elapsed() >= TELL_AGAIN);
                    if again {
                        told = Some(tokio::time::Instant::now());
                        tracing::warn!(%detail, "the database is away, and with it the book's lock; tried again");
                    }
                }
                Err(ServiceError::Conflict(detail)) => {
                    let why = format!("while the database was away somebody else took the book: {detail}");
                    return ServiceError::Conflict(why);
                }
                Err(other) => return other,
            }
        }
    }

    async fn take_lock_again(&self) -> Result<BookLock, ServiceError> {
        let lock = self.lock_workers().await?;
        self.book.store.refuse_newer_schema().await?;
        Ok(lock)
    }
}
