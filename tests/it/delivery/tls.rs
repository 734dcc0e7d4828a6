//! TLS from the first byte and after STARTTLS, against a small blocking server of its own.

use super::built;
use kinkeeper::delivery::smtp::SmtpRelay;
use kinkeeper::delivery::smtp::settings::{SmtpSettings, Trust};
use kinkeeper::delivery::{Channel, Outcome, RelayAdvice, SendError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What the server says to STARTTLS; `None` means TLS from the first byte.
type StartTls = Option<&'static str>;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/tls").join(name)
}

fn server_config() -> Arc<rustls::ServerConfig> {
    let certificate = CertificateDer::from_pem_file(fixture("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// Serves one connection. The thread returns the commands that came under TLS.
fn serve(starttls: StartTls) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        if let Some(answer) = starttls {
            converse(&mut tcp, "220 sink\r\n", "250-sink\r\n250 STARTTLS\r\n", Some(answer));
        }
        let connection = rustls::ServerConnection::new(server_config()).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, tcp);
        let greeting = if starttls.is_some() { "" } else { "220 sink\r\n" };
        converse(&mut tls, greeting, "250-sink\r\n250 AUTH PLAIN\r\n", None)
    });
    (port, thread)
}

fn converse(stream: &mut (impl Read + Write), greeting: &str, ehlo: &str, starttls: StartTls) -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_message = false;
    let mut lines = BufReader::with_capacity(1, stream);
    let say = |lines: &mut BufReader<_>, text: &str| {
        let stream: &mut dyn Write = lines.get_mut();
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_ok()
    };
    let mut talking = say(&mut lines, greeting);
    while talking {
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(n) if n > 0 => {}
            _ => break,
        }
        let line = line.trim_end();
        if in_message {
            in_message = line != ".";
            talking = in_message || say(&mut lines, "250 ok\r\n");
            continue;
        }
        commands.push(line.to_owned());
        talking = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => say(&mut lines, ehlo),
            "STARTTLS" => {
                say(&mut lines, starttls.unwrap_or("502 no\r\n"));
                break;
            }
            "AUTH" => say(&mut lines, "235 ok\r\n"),
            "DATA" => {
                in_message = true;
                say(&mut lines, "354 go\r\n")
            }
            _ => say(&mut lines, "250 ok\r\n"),
        };
    }
    commands
}

async fn send(scheme: &str, host: &str, port: u16, trust: Trust) -> Outcome {
    let mut settings = SmtpSettings::from_url(&format!("{scheme}://care:hunter2@{host}:{port}")).unwrap();
    settings.trust = trust;
    // Dropping the relay closes its connections, which ends the server's thread.
    SmtpRelay::new(settings).unwrap().send(&built("m")).await
}

fn ours() -> Trust {
    Trust::File(fixture("localhost.pem"))
}

fn pauses(outcome: &Outcome) -> bool {
    matches!(outcome, Err(SendError::Transient { relay: RelayAdvice::Pause, .. }))
}

#[tokio::test]
async fn mail_and_login_go_under_tls_both_ways() {
    for (scheme, starttls) in [("smtps", None), ("smtp+starttls", Some("220 go\r\n"))] {
        let (port, server) = serve(starttls);
        send(scheme, "127.0.0.1", port, ours()).await.unwrap_or_else(|e| panic!("{scheme}: {e}"));
        let commands = server.join().unwrap();
        for verb in ["EHLO", "AUTH PLAIN", "MAIL", "RCPT", "DATA"] {
            assert!(commands.iter().any(|c| c.starts_with(verb)), "{scheme}: {verb} in {commands:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_refused() {
    for (scheme, starttls) in [("smtps", None), ("smtp+starttls", Some("220 go\r\n"))] {
        let (port, server) = serve(starttls);
        let outcome = send(scheme, "127.0.0.1", port, Trust::System).await;
        assert!(pauses(&outcome), "{scheme}: {outcome:?}");
        assert_eq!(server.join().unwrap(), Vec::<String>::new(), "{scheme}");
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_said_in_clear() {
    for answer in ["454 not now\r\n", "502 no\r\n"] {
        let (port, server) = serve(Some(answer));
        let outcome = send("smtp+starttls", "127.0.0.1", port, ours()).await;
        assert!(pauses(&outcome), "{answer}: {outcome:?}");
        assert_eq!(server.join().unwrap(), Vec::<String>::new());
    }
    let sink = crate::support::sink::Sink::start().await;
    let outcome = send("smtp+starttls", "127.0.0.1", sink.address().port(), ours()).await;
    assert!(pauses(&outcome), "{outcome:?}");
    assert_eq!(sink.seen(crate::support::sink::At::Auth), 0);
}

/// Answers put behind STARTTLS in clear, by whoever sits in between, must not count as given under TLS.
#[tokio::test]
async fn answers_injected_before_tls_are_not_believed() {
    let (port, server) = serve(Some("220 go\r\n250-sink\r\n250 AUTH PLAIN\r\n"));
    let outcome = send("smtp+starttls", "127.0.0.1", port, ours()).await;
    assert!(pauses(&outcome), "{outcome:?}");
    assert_eq!(server.join().unwrap(), Vec::<String>::new());
}

#[test]
fn a_ca_file_that_cant_be_used_is_named() {
    let mut settings = SmtpSettings::from_url("smtps://mail.example").unwrap();
    settings.trust = Trust::File(PathBuf::from("no/such/ca.pem"));
    let problem = SmtpRelay::new(settings).err().expect("refused");
    assert!(problem.at == "ca_file" && problem.detail.contains("no/such/ca.pem"), "{problem}");
}
