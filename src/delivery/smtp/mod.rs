//! Mail over SMTP: a relay with a bounded number of connections, each used by one caller at a time.
//!
//! lettre's own pool isn't used: it opens more connections than it is told, and after a cancelled send
//! gives the next message the answer of the last. Here a connection is taken out of its place while
//! anything is awaited on it, so whatever ends early drops it, which closes it.

mod rate;
mod reply;
mod session;
pub mod settings;
mod socket;

use super::message::{BuiltMail, parse_address};
use super::{Channel, Connection, Outcome, SendError};
use async_trait::async_trait;
use domain::problem::Problem;
use lettre::Address;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rate::TokenBucket;
use reply::{Failure, Phase};
use session::Session;
use settings::{Security, SmtpSettings, Trust};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// One relay. Cloning shares its connections.
#[derive(Clone)]
pub struct SmtpRelay {
    shared: Arc<Shared>,
}

struct Shared {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    mail_from: Option<Address>,
    /// One permit a leased connection.
    slots: Arc<Semaphore>,
    /// Open and unused. A connection is only opened when this is empty, so leased and idle ones
    /// together are never more than the slots.
    idle: Mutex<Vec<Session>>,
    bucket: Option<TokenBucket>,
}

/// A leased connection of an [`SmtpRelay`].
pub struct SmtpConnection {
    // Dropped after the body of `drop` has put the session back, which keeps the bound.
    shared: Arc<Shared>,
    session: Option<Session>,
    /// Rate permits in hand.
    permits: usize,
    _slot: OwnedSemaphorePermit,
}

impl SmtpRelay {
    /// Reads the certificates from disk; connects to nothing yet.
    ///
    /// # Errors
    /// The certificates can't be read, or `mail_from` is no address.
    pub fn new(settings: SmtpSettings) -> Result<Self, Problem> {
        let tls = match settings.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => Some(tls_parameters(&settings)?),
        };
        let hello = settings.hello_name.clone().map_or_else(ClientId::default, ClientId::Domain);
        let mail_from = settings.mail_from.as_deref().map(parse_address).transpose().map_err(|why| {
            Problem::new("from", "bad_mail_from", format!("the relay's sender address {why}"))
        })?;
        let slots = Arc::new(Semaphore::new(settings.max_connections.max(1)));
        let bucket = settings.rate_per_second.map(|rate| TokenBucket::new(rate, Instant::now()));
        let idle = Mutex::new(Vec::new());
        Ok(Self { shared: Arc::new(Shared { settings, tls, hello, mail_from, slots, idle, bucket }) })
    }

    /// As [`Channel::lease`], with the concrete type.
    ///
    /// # Errors
    /// `Transient`: no connection could be opened.
    pub async fn lease(&self) -> Result<SmtpConnection, SendError> {
        let slot = Arc::clone(&self.shared.slots).acquire_owned().await.map_err(|_| {
            // The semaphore is closed by `close` alone.
            Failure::Lost("the daemon is shutting down".to_owned()).at(Phase::Connect).into_error()
        })?;
        let session = self.shared.idle().pop();
        let shared = Arc::clone(&self.shared);
        let mut leased = SmtpConnection { shared, session, permits: 0, _slot: slot };
        if let Some(stale) = leased.session.take_if(|s| s.is_stale(&self.shared.settings)) {
            stale.quit().await;
        }
        leased.make_ready().await?;
        Ok(leased)
    }

    /// Says goodbye on idle connections and gives no more leases. Leased ones close when dropped.
    pub async fn close(&self) {
        self.shared.slots.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        futures::future::join_all(idle.into_iter().map(Session::quit)).await;
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SmtpConnection {
    /// Afterwards `session` is there and in order.
    async fn make_ready(&mut self) -> Result<(), SendError> {
        if let Some(mut session) = self.session.take() {
            if !session.is_fresh(&self.shared.settings) {
                session.quit().await;
            } else if session.is_quiet() && session.reset().await.is_ok() {
                self.session = Some(session);
                return Ok(());
            }
        }
        let Shared { settings, tls, hello, .. } = &*self.shared;
        let opened = Session::open(settings, tls.as_ref(), hello).await;
        self.session = Some(opened.map_err(reply::Trouble::into_error)?);
        Ok(())
    }

    async fn wait_for_permits(&mut self, at_most: usize) -> usize {
        let Some(bucket) = &self.shared.bucket else { return at_most };
        if self.permits == 0 {
            self.permits = bucket.take(at_most).await;
        }
        self.permits.min(at_most)
    }
}

#[async_trait]
impl Connection for SmtpConnection {
    async fn ready(&mut self, at_most: usize) -> Result<usize, SendError> {
        let permitted = self.wait_for_permits(at_most).await;
        // After the wait for permits, in which the relay may have hung up.
        self.make_ready().await?;
        Ok(permitted)
    }

    async fn deliver(&mut self, mail: &BuiltMail) -> Outcome {
        self.ready(1).await?;
        self.permits = self.permits.saturating_sub(1);
        let Some(mut session) = self.session.take() else {
            return Err(Failure::Lost("no connection".to_owned()).at(Phase::Connect).into_error());
        };
        let outcome = session.deliver(self.shared.mail_from.as_ref().unwrap_or(&mail.from), mail).await;
        self.session = Some(session).filter(|s| !s.is_broken());
        outcome
    }
}

impl Drop for SmtpConnection {
    fn drop(&mut self) {
        if let Some(bucket) = &self.shared.bucket {
            bucket.give_back(self.permits);
        }
        if let Some(session) = self.session.take()
            && session.is_fresh(&self.shared.settings)
            && !self.shared.slots.is_closed()
        {
            self.shared.idle().push(session);
        }
    }
}

#[async_trait]
impl Channel for SmtpRelay {
    fn name(&self) -> &'static str {
        "email"
    }
    fn connections(&self) -> usize {
        self.shared.settings.max_connections.max(1)
    }
    async fn lease(&self) -> Result<Box<dyn Connection>, SendError> {
        Ok(Box::new(SmtpRelay::lease(self).await?))
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, Problem> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Trust::File(path) = &settings.trust {
        let unusable = |why: String| {
            let detail = format!("{} can't be used as certificates in PEM form: {why}", path.display());
            Problem::new("ca_file", "bad_ca_file", detail)
        };
        let pem = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
        let certificates = Certificate::from_pem(&pem).map_err(|e| unusable(e.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificates);
    }
    builder.build().map_err(|e| Problem::new("url", "tls_unavailable", format!("TLS can't be set up: {e}")))
}
