//! One connection to a relay: opening it, and one transaction at a time on it, each phase with its own
//! time-out. lettre formats commands and parses answers; which answer ends a phase is decided here.

use super::reply::{Failure, Phase, State, Trouble, provider_ref, reply_text};
use super::settings::{Security, SmtpSettings, Timeouts};
use super::socket::{Pace, Socket, with_tls};
use crate::delivery::message::BuiltMail;
use crate::delivery::{Delivered, Outcome};
use futures::FutureExt;
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

type LettreResult<T> = Result<T, lettre::transport::smtp::Error>;

/// Nobody waits longer than this for a goodbye.
const QUIT_WAIT: Duration = Duration::from_secs(2);

pub(super) struct Session {
    conn: AsyncSmtpConnection,
    timeouts: Timeouts,
    state: State,
    delivered: u32,
    used_at: Instant,
}

impl Session {
    /// Connects, greets, changes to TLS and logs in, as the settings ask.
    pub(super) async fn open(
        settings: &SmtpSettings,
        tls: Option<&TlsParameters>,
        hello: &ClientId,
    ) -> Result<Self, Trouble> {
        let waits = &settings.timeouts;
        let connecting = TcpStream::connect((settings.host.as_str(), settings.port));
        let tcp = timeout(waits.connect, connecting)
            .await
            .map_err(|_| Failure::TimedOut(waits.connect).at(Phase::Connect))?
            .map_err(|e| Failure::Lost(e.to_string()).at(Phase::Connect))?;
        // lettre's reading of EHLO answers panics on some of them; a relay must not end our task.
        let conn = AssertUnwindSafe(Self::hand_shake(tcp, settings, tls, hello))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Failure::Lost("the answer can't be read".into()).at(Phase::Hello)))?;
        let (timeouts, used_at) = (waits.clone(), Instant::now());
        Ok(Self { conn, timeouts, state: State::Clean, delivered: 0, used_at })
    }

    async fn hand_shake(
        tcp: TcpStream,
        settings: &SmtpSettings,
        tls: Option<&TlsParameters>,
        hello: &ClientId,
    ) -> Result<AsyncSmtpConnection, Trouble> {
        let wait = settings.timeouts.hello;
        let pace = match settings.security {
            Security::Plain => Pace::Clear,
            Security::StartTls => Pace::ClearUntilTls,
            Security::Tls => Pace::Tls,
        };
        let socket = Socket::new(tcp, pace).map_err(|e| Failure::Lost(e.to_string()).at(Phase::Connect))?;
        let stream: Box<dyn AsyncTokioStream> = match (settings.security, tls) {
            (Security::Tls, Some(tls)) => within(Phase::Tls, wait, with_tls(socket, tls.clone())).await?,
            _ => Box::new(socket),
        };
        let mut conn =
            within(Phase::Hello, wait, AsyncSmtpConnection::connect_with_transport(stream, hello)).await?;
        if let (Security::StartTls, Some(tls)) = (settings.security, tls) {
            if !conn.can_starttls() {
                return Err(Failure::NotOffered("STARTTLS").at(Phase::Tls));
            }
            within(Phase::Tls, wait, conn.starttls(tls.clone(), hello)).await?;
        }
        if let Some(login) = &settings.login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if conn.server_info().get_auth_mechanism(&mechanisms).is_none() {
                return Err(Failure::NotOffered("AUTH PLAIN or LOGIN").at(Phase::Auth));
            }
            let credentials = Credentials::new(login.user.clone(), login.password.expose().to_owned());
            let response = within(Phase::Auth, wait, conn.auth(&mechanisms, &credentials)).await?;
            if !response.has_code(235) {
                return Err(Failure::out_of_order(&response).at(Phase::Auth));
            }
        }
        Ok(conn)
    }

    /// True when another message may go over this connection.
    pub(super) fn is_fresh(&self, settings: &SmtpSettings) -> bool {
        !self.is_broken() && self.delivered < settings.max_messages_per_connection.max(1)
    }

    /// True when it lay unused for so long that the relay may be about to hang up.
    pub(super) fn is_stale(&self, settings: &SmtpSettings) -> bool {
        self.used_at.elapsed() > settings.idle_for
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// True when the relay has said nothing since its last answer: neither a goodbye, nor an answer to
    /// something never asked, which would be taken for the next command's.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.overheard().is_none()
    }

    fn overheard(&mut self) -> Option<Failure> {
        match self.conn.read_response().now_or_never()? {
            Ok(response) => Some(Failure::out_of_order(&response)),
            Err(error) => Some(Failure::from_lettre(&error)),
        }
    }

    /// Brings the connection back in order after a refusal.
    pub(super) async fn reset(&mut self) -> Result<(), Trouble> {
        if self.state == State::NeedsReset {
            let wait = self.timeouts.mail;
            self.command(Phase::Reset, wait, Rset, &[250]).await?;
            self.state = State::Clean;
        }
        Ok(())
    }

    /// Says goodbye and closes.
    pub(super) async fn quit(mut self) {
        if !self.is_broken() {
            // The answer changes nothing: the connection closes either way.
            let _ = timeout(QUIT_WAIT, self.conn.command(Quit)).await;
        }
    }

    /// Hands one message over, with `from` as its envelope sender. Whatever ends this early leaves the connection marked as broken.
    pub(super) async fn deliver(&mut self, from: &Address, mail: &BuiltMail) -> Outcome {
        self.state = State::Broken;
        let result = self.transact(from, mail).await;
        self.used_at = Instant::now();
        match result {
            Ok(response) => {
                self.state = State::Clean;
                self.delivered += 1;
                let reply = reply_text(&response);
                Ok(Delivered { provider_ref: provider_ref(&reply), reply })
            }
            Err(trouble) => {
                self.state = trouble.state_after();
                Err(trouble.into_error())
            }
        }
    }

    async fn transact(&mut self, from: &Address, mail: &BuiltMail) -> Result<Response, Trouble> {
        let parameters = self.mail_parameters(from, mail)?;
        let (from_wait, to_wait, data_wait) = (self.timeouts.mail, self.timeouts.rcpt, self.timeouts.data);
        let from = Mail::new(Some(from.clone()), parameters);
        self.command(Phase::Mail, from_wait, from, &[250]).await?;
        let to = Rcpt::new(mail.to.clone(), vec![]);
        self.command(Phase::Rcpt, to_wait, to, &[250, 251]).await?;
        self.command(Phase::Data, data_wait, Data, &[354]).await?;
        // An answer sent ahead of the message would pass for the answer to it.
        if let Some(failure) = self.overheard() {
            return Err(failure.at(Phase::Data));
        }
        self.message(&mail.raw).await
    }

    /// Addresses beyond ASCII need SMTPUTF8 (RFC 6531); no other relay could carry them on.
    fn mail_parameters(&self, from: &Address, mail: &BuiltMail) -> Result<Vec<MailParameter>, Trouble> {
        let info = self.conn.server_info();
        let mut parameters = vec![];
        if [from, &mail.to].into_iter().any(|a| !<Address as AsRef<str>>::as_ref(a).is_ascii()) {
            if !info.supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure::NotOffered("SMTPUTF8, which this address needs").at(Phase::Rcpt));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !mail.raw.is_ascii() && info.supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    async fn command(
        &mut self,
        phase: Phase,
        wait: Duration,
        command: impl Display,
        expected: &[u16],
    ) -> Result<(), Trouble> {
        let response = within(phase, wait, self.conn.command(command)).await?;
        if expected.iter().any(|code| response.has_code(*code)) {
            Ok(())
        } else {
            Err(Failure::out_of_order(&response).at(phase))
        }
    }

    /// Writes the message and its dot and reads the answer. lettre asks for the next part of the message
    /// right before it writes the dot, which tells the two phases apart.
    async fn message(&mut self, raw: &[u8]) -> Result<Response, Trouble> {
        let dot_begun = OnceLock::new();
        let no_more = std::iter::from_fn(|| {
            dot_begun.get_or_init(Instant::now);
            None
        });
        let mut sending = pin!(self.conn.message_iter(std::iter::once(raw).chain(no_more)));
        let mut wait = self.timeouts.body;
        let mut alarm = pin!(sleep(wait));
        let ended = poll_fn(|cx| {
            if let Poll::Ready(result) = sending.as_mut().poll(cx) {
                return Poll::Ready(Ok(result));
            }
            if let Some(at) = dot_begun.get() {
                wait = self.timeouts.after_dot;
                if alarm.deadline() != *at + wait {
                    alarm.as_mut().reset(*at + wait);
                }
            }
            alarm.as_mut().poll(cx).map(|()| Err(Failure::TimedOut(wait)))
        })
        .await;
        let phase = if dot_begun.get().is_some() { Phase::AfterDot } else { Phase::Body };
        let response = ended
            .and_then(|result| result.map_err(|error| Failure::from_lettre(&error)))
            .map_err(|failure| failure.at(phase))?;
        // lettre takes any 2xx and 3xx for a success.
        if response.has_code(250) { Ok(response) } else { Err(Failure::out_of_order(&response).at(phase)) }
    }
}

async fn within<T>(
    phase: Phase,
    wait: Duration,
    work: impl Future<Output = LettreResult<T>>,
) -> Result<T, Trouble> {
    match timeout(wait, work).await {
        Err(_) => Err(Failure::TimedOut(wait).at(phase)),
        Ok(result) => result.map_err(|error| Failure::from_lettre(&error).at(phase)),
    }
}
