//! An import from its first row to its last, and the same files as a feed.

use super::events::{Dated, Origin, Said};
use super::records::{Record, Records};
use super::reject::{Begin, RejectFile, is_same_file};
use super::rows::{Broken, file_hash};
use super::{Age, Kind, Later, Mode, Progress, RefusedRow, Report, Request, Unknown};
use crate::service::ServiceError;
use crate::service::ingest::{self, Origin as Source, Slice, Stamp};
use crate::store::imports::{self, Counts, Import, NewImport};
use crate::store::shops::ShopRow;
use crate::store::wakes::{self, Due};
use crate::store::{Lane, Store, clock, meta, shops, sources};
use domain::event::{Context, Reading, parse};
use domain::problem::Problem;
use domain::time::Instant;
use std::path::Path;

/// Records taken in by one transaction.
const SLICE: usize = 1_000;
/// Refused rows a report shows.
const SHOWN: usize = 10;

/// Imports a file. Rows that can't be taken in are refused one by one; a header or file that can't be read
/// refuses all of it, before anything is written. `shop_key` names the shop whose file it is.
pub async fn run(
    store: &Store,
    shop_key: &str,
    request: &Request,
    progress: &mut dyn Progress,
) -> Result<Report, ServiceError> {
    if request.reject.as_ref().is_some_and(|reject| is_same_file(reject, &request.path)) {
        let detail = "is the file to import; name another one for the refused rows";
        return Err(ServiceError::invalid("--reject", "same_file", detail));
    }
    let shop = find_shop(store, shop_key).await?;
    let cannot = |e: Broken| cannot_read(&request.path, e);
    let records = Records::open(request.kind, &request.path, request.unknown).map_err(cannot)?;
    let file_hash = file_hash(&request.path).map_err(|e| cannot(Broken::Io(e)))?;
    let import = match request.mode {
        Mode::DryRun => None,
        Mode::Import => Some(begin(store, request, &shop, &file_hash).await?),
    };
    let clock = match &import {
        Some((import, _)) => import.received_at,
        None => store.business_now().await?,
    };
    let origin =
        Origin { kind: request.kind, shop_key: shop.shop.key.clone(), zone: shop.shop.zone, file_hash };
    let resumed_from = import.as_ref().map_or(0, |(import, _)| import.cursor_row.unsigned_abs());
    let starting = if resumed_from == 0 { Begin::Anew } else { Begin::Append };
    let reject = RejectFile::open(request.reject.as_deref(), &records.header.names, starting)
        .map_err(|e| reject_error(request, &e))?;
    progress.begin(records.total());
    let context = Context { zone: shop.shop.zone, currency: shop.shop.currency };
    let mut running = Running {
        request,
        judge: Judge { origin, context, clock, later: request.later },
        records,
        reject,
        counts: import.as_ref().map(|(import, _)| import.counts).unwrap_or_default(),
        cursor: resumed_from,
        left_out: 0,
        refused: Vec::new(),
    };
    running.slices(store, import.as_ref(), progress).await?;
    if let Some((import, _)) = &import {
        finish(store, import).await?;
    }
    Ok(Report {
        import: import.map(|(import, _)| import.id),
        kind: request.kind,
        rows: running.records.total(),
        resumed_from,
        counts: running.counts,
        left_out: running.left_out,
        received_at: clock,
        refused: running.refused,
    })
}

/// The events of a file that happen after `after`, in the order in which they do: what a recorded feed
/// brings as time passes. Rows that can't be read are errors here: recorded files are whole.
pub async fn feed(
    store: &Store,
    shop_key: &str,
    kind: Kind,
    path: &Path,
    after: Instant,
) -> Result<Vec<(Instant, serde_json::Value)>, ServiceError> {
    let shop = find_shop(store, shop_key).await?;
    let cannot = |e: Broken| cannot_read(path, e);
    let mut records = Records::open(kind, path, Unknown::Refuse).map_err(cannot)?;
    let file_hash = file_hash(path).map_err(|e| cannot(Broken::Io(e)))?;
    let origin = Origin { kind, shop_key: shop.shop.key.clone(), zone: shop.shop.zone, file_hash };
    let mut events = Vec::new();
    while let Some(record) = records.next().map_err(cannot)? {
        if let Some((_, problem)) = record.unreadable {
            return Err(ServiceError::Invalid(vec![problem]));
        }
        let said = record.cells(&records.header).and_then(|cells| origin.read(&cells));
        if let Said::Events(dated) = said.map_err(|problem| ServiceError::Invalid(vec![problem]))? {
            events.extend(
                dated
                    .into_iter()
                    .filter_map(|Dated { at, event }| Some((at.filter(|at| *at > after)?, event))),
            );
        }
    }
    events.sort_by_key(|(at, _)| *at);
    Ok(events)
}

async fn find_shop(store: &Store, shop_key: &str) -> Result<ShopRow, ServiceError> {
    let found = shops::find(store.reader(), shop_key).await?;
    found.ok_or_else(|| ServiceError::NotFound(format!("the shop {shop_key}")))
}

fn cannot_read(path: &Path, error: Broken) -> ServiceError {
    let path = path.display().to_string();
    match error {
        Broken::Io(e) => ServiceError::invalid(path, "cannot_read", e.to_string()),
        Broken::File(problems) => ServiceError::Invalid(
            problems.into_iter().map(|p| Problem { at: format!("{path}, {}", p.at), ..p }).collect(),
        ),
    }
}

fn reject_error(request: &Request, error: &std::io::Error) -> ServiceError {
    let path = request.reject.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    ServiceError::invalid(path, "cannot_write", format!("the reject file can't be written: {error}"))
}

/// Finds the interrupted import of this very file, or begins one: now is when all its rows are received.
async fn begin(
    store: &Store,
    request: &Request,
    shop: &ShopRow,
    file_hash: &str,
) -> Result<(Import, Source), ServiceError> {
    let (kind, machine) = (store.clock_kind(), store.machine_now().await?);
    let name = request.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (what, historical) = (request.kind.as_str(), request.age == Age::Historical);
    let (file_hash, shop_id) = (file_hash.to_owned(), shop.id);
    let source_key = format!("import:{}", shop.shop.key);
    let import: Import = store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let source = sources::ensure(tx, &source_key, shop_id, sources::kind::IMPORT).await?;
                if let Some(known) = imports::find_unfinished(tx, what, &file_hash, source).await? {
                    return Ok(known);
                }
                let received_at = clock::business_now(tx, kind, machine).await?;
                let new =
                    NewImport { kind: what, file_name: name, file_hash, source, historical, received_at };
                imports::begin(tx, new).await
            })
        })
        .await
        .map_err(|e: crate::store::StoreError| ServiceError::from(e))?;
    if import.historical != historical {
        let detail =
            "this file's import was interrupted; go on with it as it was begun, with or without --history";
        return Err(ServiceError::Conflict(detail.to_owned()));
    }
    let source = Source::find(store, import.source).await?;
    Ok((import, source))
}

async fn finish(store: &Store, import: &Import) -> Result<(), ServiceError> {
    let (id, source, received_at) = (import.id, import.source, import.received_at);
    store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                wakes::import_ended(tx, source, received_at).await?;
                imports::finish(tx, id, received_at).await?;
                meta::raise_change_seq(tx).await
            })
        })
        .await
        .map_err(|e: crate::store::StoreError| ServiceError::from(e))
}

/// Judges records: what they say, or why they are refused.
struct Judge {
    origin: Origin,
    context: Context,
    clock: Instant,
    later: Later,
}

enum Judged {
    Said(Vec<domain::event::Said>),
    NoCustomer,
    LeftOut,
}

impl Judge {
    fn judge(&self, record: &Record, header: &super::columns::Header) -> Result<Judged, Problem> {
        if let Some((_, problem)) = &record.unreadable {
            return Err(problem.clone());
        }
        let cells = record.cells(header)?;
        let first = cells.first().expect("a readable record has a row");
        let Said::Events(dated) = self.origin.read(&cells)? else { return Ok(Judged::NoCustomer) };
        if let Some(at) = dated[0].at.filter(|at| *at > self.clock) {
            return match self.later {
                Later::LeaveOut => Ok(Judged::LeftOut),
                Later::Refuse => {
                    let column = self.origin.kind.dating_column();
                    let detail = format!("{at} is after the clock, which shows {}", self.clock);
                    Err(first.problem(column, "future", detail))
                }
            };
        }
        // What happens to it later isn't known yet: a file may name a resolution to come.
        let past = dated.into_iter().filter(|dated| dated.at.is_none_or(|at| at <= self.clock));
        let mut said = Vec::new();
        for dated in past {
            match parse(&dated.event, &self.context) {
                Ok(Reading::Event(event)) => said.push(*event),
                Ok(Reading::Browsing) => {}
                Err(problem) => {
                    let column = problem.at.rsplit('.').next().unwrap_or_default();
                    let column = if column == "userId" { "customer_id" } else { column };
                    return Err(first.problem(column, problem.code, problem.detail));
                }
            }
        }
        Ok(Judged::Said(said))
    }
}

impl Kind {
    /// The column that says when a row happened.
    fn dating_column(self) -> &'static str {
        match self {
            Self::Customers => "registered_at",
            Self::Orders => "paid_at",
            Self::Tickets => "opened_at",
        }
    }
}

/// An import under way.
struct Running<'a> {
    request: &'a Request,
    judge: Judge,
    records: Records,
    reject: RejectFile,
    counts: Counts,
    cursor: u64,
    left_out: u64,
    refused: Vec<RefusedRow>,
}

impl Running<'_> {
    async fn slices(
        &mut self,
        store: &Store,
        import: Option<&(Import, Source)>,
        progress: &mut dyn Progress,
    ) -> Result<(), ServiceError> {
        loop {
            let (said, mut counts, row) = self.slice()?;
            if row == self.cursor {
                return Ok(());
            }
            self.reject.flush().map_err(|e| reject_error(self.request, &e))?;
            match import {
                None => counts.accepted = said.len() as i64,
                Some((import, source)) => {
                    let slice = Slice::of(source.clone(), import.historical, Due::AfterImport, said);
                    counts = take_in(store, import, slice, counts, (self.cursor, row)).await?;
                }
            }
            self.counts.accepted += counts.accepted;
            self.counts.duplicate += counts.duplicate;
            self.counts.rejected += counts.rejected;
            self.counts.without_customer += counts.without_customer;
            self.cursor = row;
            progress.advance(row);
        }
    }

    /// Reads the next slice: what it says, what was refused or counted, and up to which row.
    fn slice(&mut self) -> Result<(Vec<domain::event::Said>, Counts, u64), ServiceError> {
        let (mut said, mut counts, mut row) = (Vec::with_capacity(SLICE), Counts::default(), self.cursor);
        let mut taken = 0;
        while taken < SLICE {
            let next = self.records.next().map_err(|e| cannot_read(&self.request.path, e))?;
            let Some(record) = next else { break };
            if record.row <= self.cursor {
                continue;
            }
            (row, taken) = (record.row, taken + 1);
            match self.judge.judge(&record, &self.records.header) {
                Ok(Judged::Said(events)) => said.extend(events),
                Ok(Judged::NoCustomer) => counts.without_customer += record.lines.len() as i64,
                Ok(Judged::LeftOut) => self.left_out += record.lines.len() as u64,
                Err(problem) => {
                    counts.rejected += record.lines.len().max(1) as i64;
                    self.reject.write(&record, &problem).map_err(|e| reject_error(self.request, &e))?;
                    if self.refused.len() < SHOWN {
                        let line = record.unreadable.as_ref().map(|(line, _)| *line);
                        let line = line.or(record.lines.first().map(|(line, _)| *line)).unwrap_or_default();
                        self.refused.push(RefusedRow {
                            line,
                            code: problem.code,
                            reason: problem.to_string(),
                        });
                    }
                }
            }
        }
        Ok((said, counts, row))
    }
}

/// One slice in one transaction, the cursor with it.
async fn take_in(
    store: &Store,
    import: &Import,
    slice: Slice,
    counts: Counts,
    (from, to): (u64, u64),
) -> Result<Counts, ServiceError> {
    let stamp = Stamp::of(store).await?;
    let (id, received_at) = (import.id, import.received_at);
    store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                let receipt = ingest::take_in(tx, &slice, received_at, stamp).await?;
                let counts = Counts {
                    accepted: receipt.accepted as i64,
                    duplicate: receipt.duplicate as i64,
                    ..counts
                };
                imports::advance(tx, id, from as i64, to as i64, counts).await?;
                Ok(counts)
            })
        })
        .await
        .map_err(|e: crate::store::StoreError| ServiceError::from(e))
}
