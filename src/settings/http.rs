//! `[http]`: where the daemon listens, and how it is reached from outside.

use super::reader::Reader;
use std::net::SocketAddr;

#[derive(Debug, Clone)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    /// Without a slash at its end; never empty.
    pub public_url: String,
    /// A proxy in front does TLS.
    pub behind_proxy: bool,
    /// Requests with facts a write key may send a second.
    pub ingest_rate: u32,
    /// And at once.
    pub ingest_burst: u32,
}

impl HttpSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let listen = r.parsed("http.listen", |text| {
            text.parse::<SocketAddr>().map_err(|_| {
                format!("\"{text}\" is no address with port such as 127.0.0.1:8347 or [::1]:8347")
            })
        });
        let public_url = r.parsed("http.public_url", web_address);
        let behind_proxy = r.switch("http.behind_proxy");
        let ingest_rate = r.number("http.ingest_rate", 1..=100_000);
        let ingest_burst = r.number("http.ingest_burst", 1..=1_000_000);
        let (listen, behind_proxy) = (listen?, behind_proxy?);
        if !listen.ip().is_loopback() && !behind_proxy {
            r.problem(
                "http.listen",
                "open_without_tls",
                format!(
                    "{listen} can be reached from other machines, where keys would travel unencrypted; listen on \
                     127.0.0.1, or put a proxy that does TLS in front and set http.behind_proxy = true"
                ),
            );
        }
        let public_url = public_url?;
        let public_url = if public_url.is_empty() { format!("http://{listen}") } else { public_url };
        Some(Self {
            listen,
            public_url,
            behind_proxy,
            ingest_rate: ingest_rate?,
            ingest_burst: ingest_burst?,
        })
    }
}

fn web_address(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let sound =
        |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "@?#<>\"".contains(c));
    if text.is_empty() || host.is_some_and(sound) {
        return Ok(text.to_owned());
    }
    Err(format!("\"{text}\" is no web address such as https://care.example.com"))
}
