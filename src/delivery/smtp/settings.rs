//! How to reach one relay and how long to wait for it. Plain values; `crate::settings` reads the URL, this
//! adds what a hand-over needs of it. No connection is made here.

use crate::settings::{Relay, RelayUrl, Secret, Tls};
use domain::problem::Problem;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// One relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub login: Option<Login>,
    /// The address for MAIL FROM, where bounces go; each mail's own sender when absent.
    pub mail_from: Option<String>,
    /// The name given with EHLO; the machine's own when absent.
    pub hello_name: Option<String>,
    /// Connections open at a time, at least 1.
    pub max_connections: usize,
    /// Messages on one connection before it is closed politely and replaced, at least 1.
    pub max_messages_per_connection: u32,
    /// Connections that lay idle for longer aren't used again.
    pub idle_for: Duration,
    /// Messages a second over all connections; no limit when absent.
    pub rate_per_second: Option<NonZeroU32>,
    pub timeouts: Timeouts,
    pub trust: Trust,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In clear: for a relay on this machine and for sandboxes.
    Plain,
    /// Begins in clear and must change to TLS before anything else is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The authorities the system trusts.
    System,
    /// Only those of this PEM file.
    File(PathBuf),
}

/// User and password; neither shows in Debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// The longest wait for each phase, RFC 5321 §4.5.3.2 or shorter where nothing is lost by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up and TCP connection.
    pub connect: Duration,
    /// Greeting and EHLO; the same again for TLS and for AUTH.
    pub hello: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    /// The answer to DATA.
    pub data: Duration,
    /// Writing the message.
    pub body: Duration,
    /// The answer to the final dot: too short a wait here makes mails `unknown`.
    pub after_dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            hello: Duration::from_secs(30),
            mail: Duration::from_secs(60),
            rcpt: Duration::from_secs(60),
            data: Duration::from_secs(60),
            body: Duration::from_secs(180),
            after_dot: Duration::from_secs(600),
        }
    }
}

impl SmtpSettings {
    /// Reads `smtp://host:port` (in clear), `smtp+starttls://…` or `smtps://…`, each with an optional
    /// `user:password@`; everything else gets its default.
    ///
    /// # Errors
    /// A problem at `url` that never repeats the login.
    pub fn from_url(url: &str) -> Result<Self, Problem> {
        Self::from_parsed(&RelayUrl::parse(url).map_err(problem)?)
    }

    /// What `mail.relays` says of one relay.
    ///
    /// # Errors
    /// As [`Self::from_url`].
    pub fn from_relay(relay: &Relay) -> Result<Self, Problem> {
        let mut settings = Self::from_parsed(&relay.url)?;
        settings.mail_from = Some(relay.from.clone());
        settings.rate_per_second = NonZeroU32::new(relay.rate);
        settings.max_connections = usize::try_from(relay.connections).unwrap_or(usize::MAX);
        Ok(settings)
    }

    fn from_parsed(url: &RelayUrl) -> Result<Self, Problem> {
        let security = match url.tls {
            Tls::None => Security::Plain,
            Tls::StartTls => Security::StartTls,
            Tls::Wrapped => Security::Tls,
        };
        let name_like = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if !url.host.bytes().all(name_like) && url.host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(problem(
                "the host is neither a name nor an address; write names beyond ASCII as xn--…".to_owned(),
            ));
        }
        if url.port == 0 {
            return Err(problem("the port must be a number from 1 to 65535".to_owned()));
        }
        if let Some((user, password)) = &url.login {
            if user.is_empty() || password.expose().is_empty() {
                return Err(problem("user or password is empty; give both or leave out both".to_owned()));
            }
            if security == Security::Plain && !url.is_loopback() {
                return Err(problem(
                    "user and password would travel in clear; write smtp+starttls:// or smtps://".to_owned(),
                ));
            }
        }
        Ok(Self {
            host: url.host.clone(),
            port: url.port,
            security,
            login: url.login.clone().map(|(user, password)| Login { user, password }),
            mail_from: None,
            hello_name: None,
            max_connections: 4,
            max_messages_per_connection: 1_000,
            idle_for: Duration::from_secs(30),
            rate_per_second: None,
            timeouts: Timeouts::default(),
            trust: Trust::System,
        })
    }
}

fn problem(detail: String) -> Problem {
    Problem::new("url", "bad_smtp_url", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_everything_needed_to_connect() {
        let plain = SmtpSettings::from_url("smtp://127.0.0.1:2525").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.security), ("127.0.0.1", 2525, Security::Plain));
        assert_eq!(plain.login, None);

        let tls = SmtpSettings::from_url("smtps://care%40shop:p%3A%2F%40%E4%BD%A0@mail.example/").unwrap();
        let login = Login { user: "care@shop".into(), password: Secret::new("p:/@你") };
        assert_eq!((tls.port, tls.security, tls.login), (465, Security::Tls, Some(login)));

        let six = SmtpSettings::from_url("smtp+starttls://[2001:db8::1]").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("2001:db8::1", 587));
        assert!(SmtpSettings::from_url("smtp://u:p@[::1]:25").is_ok(), "loopback may be in clear");
    }

    #[test]
    fn wrong_urls_are_refused_without_repeating_a_password() {
        for wrong in [
            "",
            "mail.example:25",
            "http://mail.example",
            "smtp://",
            "smtp://u:hunter2@mail.example:25",
            "smtps://hunter2@mail.example",
            "smtps://u:@mail.example",
            "smtps://:hunter2@mail.example",
            "smtps://u:hunter2%4@mail.example",
            "smtps://u:hunter2%zz@mail.example",
            "smtps://u:hunter2%ff@mail.example",
            "smtps://u:hunter2@mail;example",
            "smtps://u:hunter2@mail.example\0",
            "smtps://u:hunter2@mail.example:0",
            "smtps://u:hunter2@mail.example:70000",
            "smtps://u:hunter2@mail.example/path",
            "smtps://u:hunter2@mail .example",
            "smtps://u:hunter2@[::1",
            "smtp://mail.example\r\nQUIT",
        ] {
            let problem = SmtpSettings::from_url(wrong).expect_err(wrong);
            assert_eq!((problem.at.as_str(), problem.code), ("url", "bad_smtp_url"), "{wrong}");
            assert!(!problem.detail.contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn a_relay_of_the_settings_keeps_its_limits() {
        let relay = Relay {
            url: RelayUrl::parse("smtp://localhost:2525").unwrap(),
            from: "bounces@shop.example".into(),
            rate: 14,
            connections: 3,
        };
        let settings = SmtpSettings::from_relay(&relay).unwrap();
        assert_eq!((settings.rate_per_second, settings.max_connections), (NonZeroU32::new(14), 3));
        assert_eq!(settings.mail_from.as_deref(), Some("bounces@shop.example"));
    }

    #[test]
    fn debug_output_hides_the_login() {
        let settings = SmtpSettings::from_url("smtps://user:hunter2@mail.example").unwrap();
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("user\""), "{shown}");
    }
}
