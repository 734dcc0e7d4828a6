//! `[log]`: how log lines look and which are written.

use super::reader::Reader;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone)]
pub struct LogSettings {
    pub format: LogFormat,
    /// In `tracing`'s filter syntax, known to parse.
    pub filter: String,
}

impl LogSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let format = r.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let filter = r.parsed("log.filter", |text| match EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(e) => {
                Err(format!("\"{text}\" is no log filter ({e}); write info, or info,kinkeeper::worker=debug"))
            }
        });
        Some(Self { format: format?, filter: filter? })
    }
}
