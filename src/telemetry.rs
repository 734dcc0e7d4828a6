//! Log lines: one subscriber for the process, on stderr, since stdout belongs to what a command prints.
//!
//! A line reads alone, carries fields (`customer.id`, `campaign.key`), and never holds a phone, an address,
//! a name or a code. What a library logs below `warn` is left out unless the filter asks for it: some log
//! statements with their values.

use crate::settings::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Libraries that would otherwise tell of data at `info` or below.
const QUIET: [&str; 5] = ["sqlx", "sea_orm", "sea_orm_migration", "lettre", "tokio_cron_scheduler"];

/// Installs the subscriber. A second call in one process changes nothing, so tests may call it freely.
pub fn init(settings: &LogSettings) {
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter(&settings.filter)).with_writer(std::io::stderr);
    // The only failure is that a subscriber is already there, which is what is wanted.
    let _ = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).try_init(),
    };
}

/// The operator's filter with the quiet libraries before it: what it says of one of them wins.
fn filter(text: &str) -> EnvFilter {
    let quiet = QUIET.iter().map(|name| format!("{name}=warn,")).collect::<String>();
    EnvFilter::try_new(format!("{quiet}{text}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_quiet_unless_asked_for() {
        let quiet = filter("info").to_string();
        assert!(quiet.contains("sqlx=warn") && quiet.contains("info"), "{quiet}");
        let asked = filter("info,sqlx=debug").to_string();
        assert!(asked.contains("sqlx=debug") && !asked.contains("sqlx=warn"), "{asked}");
    }
}
