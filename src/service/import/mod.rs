//! Files of customers, orders, tickets and touches come in, in any form and under a mapping profile: streamed, slice by slice, each slice one transaction with
//! the cursor in it, so that an interrupted import goes on where it was. The same file twice changes nothing.

mod abandoned;
mod batches;
mod columns;
mod events;
mod inspect;
mod judge;
mod order;
mod profiles;
mod reading;
mod records;
mod reject;
mod run;
mod staffing;
pub(in crate::service) mod table;
mod undo;

pub use abandoned::{Unfinished, end_abandoned, list_unfinished};
pub use batches::{Batch, list_batches};
pub use domain::import::{Kind, Unknown};
pub use events::Dated;
pub use inspect::{Fitting, Inspection, inspect, next_command};
pub use profiles::{Choice, shipped};
pub use reading::file_hash;
pub use run::{feed, run};
pub use staffing::{Codes, shift_documents, staff_documents};
pub use undo::{BatchShown, Kept, Undo, Undone, show as show_batch, undo as undo_batch};

use crate::store::imports::Counts;
use domain::ids::ImportId;
use domain::problem::{Problem, together};
use domain::time::Instant;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Import,
    /// `--dry-run`: everything is read and judged, nothing written.
    DryRun,
}

/// Whether what the file says may start anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Current,
    /// `--history`: taken in after the fact (历史补录): known, never acted on.
    Historical,
}

/// What to do with rows dated after the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// They are refused as `future`.
    Refuse,
    /// They are left for a feed that brings them when their time has come ([`feed`]).
    LeaveOut,
}

/// What is said of a file's form; what isn't is told by its bytes.
#[derive(Debug, Clone, Default)]
pub struct FormSaid {
    /// A label such as `gb18030`.
    pub encoding: Option<String>,
    /// One character, or `comma`, `semicolon`, `tab`.
    pub delimiter: Option<String>,
    pub sheet: Option<String>,
}

/// Whether nobody else works on the book, asked anew before each piece of a file: then pieces are large and leave no
/// room between them. Whoever doesn't know is never alone.
#[derive(Clone)]
pub struct Alone(Arc<dyn Fn() -> bool + Send + Sync>);

impl Alone {
    pub fn while_so(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    fn is_so(&self) -> bool {
        (self.0)()
    }
}

impl Default for Alone {
    fn default() -> Self {
        Self::while_so(|| false)
    }
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Alone").field(&self.is_so()).finish()
    }
}

/// What to import and how.
#[derive(Debug, Clone)]
pub struct Request {
    pub kind: Kind,
    /// CSV or NDJSON, gzip or not; XLSX.
    pub path: PathBuf,
    pub form: FormSaid,
    pub profile: Choice,
    pub mode: Mode,
    pub age: Age,
    pub unknown: Unknown,
    pub later: Later,
    /// Receives each refused row with its reason.
    pub reject: Option<PathBuf>,
    /// Who imports, as the list of imports tells.
    pub actor: Option<String>,
    pub alone: Alone,
}

impl Request {
    /// A plain import of this file.
    pub fn new(kind: Kind, path: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            path: path.into(),
            form: FormSaid::default(),
            profile: Choice::Detect,
            mode: Mode::Import,
            age: Age::Current,
            unknown: Unknown::Refuse,
            later: Later::Refuse,
            reject: None,
            actor: None,
            alone: Alone::default(),
        }
    }

    /// The flags of form and profile, as they would be typed.
    fn said(&self) -> String {
        let FormSaid { encoding, delimiter, sheet } = &self.form;
        let (profile, map) = match &self.profile {
            Choice::Detect => (None, None),
            Choice::Named(name) => (Some(name.clone()), None),
            Choice::Map(path) => (None, Some(path.display().to_string())),
        };
        [
            ("encoding", encoding),
            ("delimiter", delimiter),
            ("sheet", sheet),
            ("profile", &profile),
            ("map", &map),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some(format!(" --{flag} '{}'", value.as_ref()?)))
        .collect()
    }
}

/// Somebody who watches.
pub trait Progress: Send {
    /// Of so many rows …
    fn begin(&mut self, rows: u64);
    /// … so many are done.
    fn advance(&mut self, rows: u64);
}

/// Nobody watches.
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&mut self, _rows: u64) {}
    fn advance(&mut self, _rows: u64) {}
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    pub line: u64,
    /// One word a thing that is wrong, with blanks between them.
    pub code: String,
    /// Line, column, what is wrong and what would help, of everything that is wrong.
    pub reason: String,
}

impl RefusedRow {
    pub(in crate::service) fn new(line: u64, problems: &[Problem]) -> Self {
        let mut codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        codes.dedup();
        Self { line, code: codes.join(" "), reason: together(problems) }
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `None` after a dry run.
    pub import: Option<ImportId>,
    pub kind: Kind,
    /// The file's form as it was told or found: `CSV, GB18030, comma`.
    pub form: String,
    /// The profile it was read by; `None` is the generic one.
    pub profile: Option<String>,
    /// Rows of the file, the header not counted.
    pub rows: u64,
    /// Rows an earlier, interrupted run had done.
    pub resumed_from: u64,
    /// Rows, of the whole import, earlier runs included: their sum is `rows`.
    pub counts: Counts,
    /// The one instant at which all rows count as taken in.
    pub received_at: Instant,
    /// The first few refused rows of this run; the reject file has them all.
    pub refused: Vec<RefusedRow>,
}
