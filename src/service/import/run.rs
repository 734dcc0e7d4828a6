//! An import from its first row to its last, and the same files as a feed.

use super::events::{Dated, Origin, Said};
use super::judge::{Judge, Judged};
use super::profiles::Choice;
use super::reading::{Broken, How, Objects, file_hash};
use super::records::{Reading, Record, Records};
use super::reject::{RejectFile, is_same_file, try_out};
use super::{Age, FormSaid, Kind, Mode, Progress, RefusedRow, Report, Request, Unknown, end_abandoned};
use crate::service::ServiceError;
use crate::service::ingest::{self, Origin as Source, Slice, Stamp};
use crate::store::imports::{self, Counts, Import, NewImport};
use crate::store::shops::ShopRow;
use crate::store::wakes::{self, Due};
use crate::store::{Lane, Store, StoreError, blocked, clock, facts, meta, rates, shops, sources};
use domain::event::{Context, Speaker};
use domain::import::Around;
use domain::problem::{Problem, Problems, together};
use domain::time::{Instant, Span};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Records taken in by one transaction while others may wait for it.
const SLICE: usize = 1_000;
/// While nobody does: pages of the indexes are written once for all rows that touch them.
const SLICE_ALONE: usize = 10_000;
/// Refused rows a report shows.
const SHOWN: usize = 10;
/// How long after its last piece an import counts as under way.
const LEASE: Span = Span::seconds(30);

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
    let FormSaid { encoding, delimiter, sheet } = request.form.clone();
    let reading = Reading {
        kind: request.kind,
        path: &request.path,
        how: How { encoding, delimiter, sheet, hint: None, objects: objects_of(request.kind) },
        choice: &request.profile,
        unknown: request.unknown,
        around: around(&shop),
    };
    let records = Records::open(&reading).map_err(cannot)?;
    let file_hash = file_hash(&request.path).map_err(|e| cannot(Broken::Io(e)))?;
    if let Some(path) = &request.reject {
        try_out(path).map_err(|e| reject_error(request, &e))?;
    }
    match request.mode {
        Mode::DryRun => whole(store, request, records, &shop, file_hash, None, progress).await,
        Mode::Import => {
            let begun = begin(store, request, &shop, &file_hash).await?;
            end_abandoned(store).await?;
            let done = whole(store, request, records, &shop, file_hash, Some(&begun), progress).await;
            done.map_err(broken_off)
        }
    }
}

/// Reads the file from where it was left to its end.
async fn whole(
    store: &Store,
    request: &Request,
    records: Records,
    shop: &ShopRow,
    file_hash: String,
    import: Option<&(Import, Source)>,
    progress: &mut dyn Progress,
) -> Result<Report, ServiceError> {
    let clock = match import {
        Some((import, _)) => import.received_at,
        None => store.business_now().await?,
    };
    let (base, shop) = (shop.base, &shop.shop);
    let origin = Origin {
        kind: request.kind,
        shop_key: shop.key.clone(),
        currency: shop.currency,
        zone: shop.zone,
        file_hash,
    };
    let resumed_from = import.map_or(0, |(import, _)| import.cursor_row.unsigned_abs());
    let reject = RejectFile::open(request.reject.as_deref(), &records.header)
        .map_err(|e| reject_error(request, &e))?;
    progress.begin(records.total());
    let context = Context {
        zone: shop.zone,
        currency: shop.currency,
        base,
        clock: Some(clock),
        speaker: Speaker::Sender,
    };
    let mut running = Running {
        request,
        judge: Judge {
            origin,
            context,
            rates: rates::all(store.reader()).await?,
            blocked: blocked::all(store.reader()).await?,
            clock,
            later: request.later,
        },
        records,
        reject,
        counts: import.map(|(import, _)| import.counts).unwrap_or_default(),
        read_to: resumed_from,
        refused: Vec::new(),
    };
    running.pieces(store, import, progress).await?;
    if let Some((import, _)) = import {
        finish(store, import).await?;
    }
    Ok(Report {
        import: import.map(|(import, _)| import.id),
        kind: request.kind,
        form: running.records.header.form.stated(),
        profile: running.records.header.profile.clone(),
        rows: running.records.total(),
        resumed_from,
        counts: running.counts,
        received_at: clock,
        refused: running.refused,
    })
}

/// The source of what files say of a shop.
fn source_key(shop_key: &str) -> String {
    format!("import:{shop_key}")
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
    let (how, unknown) = (How::default(), Unknown::Refuse);
    let reading = Reading { kind, path, how, choice: &Choice::Detect, unknown, around: around(&shop) };
    let mut records = Records::open(&reading).map_err(cannot)?;
    let file_hash = file_hash(path).map_err(|e| cannot(Broken::Io(e)))?;
    let origin = Origin {
        kind,
        shop_key: shop.shop.key.clone(),
        currency: shop.shop.currency,
        zone: shop.shop.zone,
        file_hash,
    };
    let mut events = Vec::new();
    while let Some(record) = records.next().map_err(cannot)? {
        if let Some(problem) = record.unreadable {
            return Err(ServiceError::Invalid(vec![problem]));
        }
        let mut problems = Problems::default();
        let said = record
            .cells(&records.header)
            .map(|cells| origin.read(&cells, &mut problems))
            .map_err(|problem| ServiceError::Invalid(vec![problem]))?;
        if let Said::Events(dated) = problems.or(said).map_err(ServiceError::Invalid)? {
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

/// Events keep their nesting; every other kind is plain columns.
fn objects_of(kind: Kind) -> Objects {
    if kind == Kind::Events { Objects::Events } else { Objects::Rows }
}

fn around(shop: &ShopRow) -> Around {
    Around { zone: shop.shop.zone, currency: shop.shop.currency }
}

pub(super) async fn find_shop(store: &Store, shop_key: &str) -> Result<ShopRow, ServiceError> {
    let found = shops::find(store.reader(), shop_key).await?;
    found.ok_or_else(|| ServiceError::NotFound(format!("the shop {shop_key}")))
}

pub(super) fn cannot_read(path: &Path, error: Broken) -> ServiceError {
    let path = path.display().to_string();
    match error {
        Broken::Io(e) => ServiceError::invalid(path, "cannot_read", e.to_string()),
        Broken::File(problems) => ServiceError::Invalid(
            // What was said on the command line stands for itself.
            problems
                .into_iter()
                .map(|p| {
                    if p.at.starts_with("--") { p } else { Problem { at: format!("{path}, {}", p.at), ..p } }
                })
                .collect(),
        ),
    }
}

fn reject_error(request: &Request, error: &std::io::Error) -> ServiceError {
    let path = request.reject.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    ServiceError::invalid(path, "cannot_write", format!("the reject file can't be written: {error}"))
}

/// What keeps a file from being read to its end doesn't undo what was taken in before.
fn broken_off(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Invalid(problems) => ServiceError::Unavailable {
            retry_after: Duration::from_secs(1),
            detail: format!(
                "{}; what was taken in before stays, and the same command goes on behind it",
                together(&problems)
            ),
        },
        other => other,
    }
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
    let source_key = source_key(&shop.shop.key);
    let (actor, said) = (request.actor.clone(), request.said());
    let import: Import = store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let source = sources::ensure(tx, &source_key, shop_id, sources::kind::IMPORT).await?;
                if let Some(known) = imports::find_unfinished(tx, what, &file_hash, source).await? {
                    imports::hold(tx, known.id, known.cursor_row, machine + LEASE).await?;
                    return Ok(known);
                }
                let received_at = clock::business_now(tx, kind, machine).await?;
                let new = NewImport {
                    kind: what,
                    file_name: name,
                    file_hash,
                    source,
                    historical,
                    received_at,
                    leased_until: machine + LEASE,
                    actor,
                    said,
                };
                imports::begin(tx, new).await
            })
        })
        .await
        .map_err(|e: StoreError| ServiceError::from(e))?;
    if import.historical != historical {
        let detail =
            "this file's import was interrupted; go on with it as it was begun, with or without --history";
        return Err(ServiceError::Conflict(detail.to_owned()));
    }
    if import.cursor_row > 0 && import.said != request.said() {
        let begun =
            if import.said.is_empty() { "without flags of form or profile" } else { import.said.trim() };
        let detail = format!("this file's import was interrupted; go on with it as it was begun: {begun}");
        return Err(ServiceError::Conflict(detail));
    }
    let source = Source::find(store, import.source).await?;
    Ok((import, source))
}

async fn finish(store: &Store, import: &Import) -> Result<(), ServiceError> {
    let (id, source, received_at) = (import.id, import.source, import.received_at);
    store
        .write(Lane::Work, move |tx| {
            Box::pin(async move {
                imports::finish(tx, id, received_at).await?;
                wakes::import_ended(tx, source, received_at).await?;
                meta::raise_change_seq(tx).await
            })
        })
        .await
        .map_err(|e: StoreError| ServiceError::from(e))
}

/// An import under way.
struct Running<'a> {
    request: &'a Request,
    judge: Judge,
    records: Records,
    reject: RejectFile,
    counts: Counts,
    /// Up to which row pieces were read; what is taken in may be one piece behind.
    read_to: u64,
    refused: Vec<RefusedRow>,
}

impl Running<'_> {
    async fn pieces(
        &mut self,
        store: &Store,
        import: Option<&(Import, Source)>,
        progress: &mut dyn Progress,
    ) -> Result<(), ServiceError> {
        let mut next = self.piece();
        while let Some(piece) = next? {
            let to = piece.to;
            let counts = match import {
                None => {
                    let source = source_key(&self.judge.origin.shop_key);
                    let fresh = would_be_new(store, &source, piece.said).await?;
                    next = self.piece();
                    known_or_new(piece.counts, &piece.shares, &fresh)
                }
                Some((import, source)) => {
                    let alone = self.request.alone.is_so();
                    let taking = take_in(store.clone(), import.clone(), source.clone(), piece);
                    if alone {
                        // One piece is read while the one before is written.
                        let taking = tokio::spawn(taking);
                        next = self.piece();
                        taking.await.map_err(|e| StoreError::Panicked(e.to_string()))??
                    } else {
                        // Between two pieces there is room for whoever waits.
                        let taken = taking.await?;
                        next = self.piece();
                        taken
                    }
                }
            };
            self.counts = self.counts.plus(counts);
            progress.advance(to);
        }
        Ok(())
    }

    /// Reads the next piece of the file; `None` at its end.
    fn piece(&mut self) -> Result<Option<Piece>, ServiceError> {
        let size = if self.request.alone.is_so() { SLICE_ALONE } else { SLICE };
        let mut piece = Piece {
            said: Vec::with_capacity(size),
            counts: Counts::default(),
            shares: Vec::with_capacity(size),
            from: self.read_to,
            to: self.read_to,
        };
        let mut taken = 0;
        while taken < size {
            let next = self.records.next().map_err(|e| cannot_read(&self.request.path, e))?;
            let Some(record) = next else { break };
            if record.row <= piece.from {
                self.refuse_again(&record)?;
                continue;
            }
            (piece.to, taken) = (record.row, taken + 1);
            let rows = record.rows();
            match self.judge.judge(&record, &self.records.header) {
                Ok(Judged::Said(events)) => {
                    let begin = piece.said.len();
                    piece.said.extend(events);
                    piece.shares.push(Share { rows, events: begin..piece.said.len() });
                }
                Ok(Judged::NoCustomer) => piece.counts.without_customer += rows,
                Ok(Judged::LeftOut) => piece.counts.left_out += rows,
                Err(problems) => {
                    piece.counts.rejected += rows;
                    self.refuse(&record, &problems)?;
                }
            }
        }
        self.reject.flush().map_err(|e| reject_error(self.request, &e))?;
        self.read_to = piece.to;
        Ok((taken > 0).then_some(piece))
    }

    /// Writes a row down that an earlier, interrupted run refused. What that run left in the reject file may end in
    /// the midst of a row, or hold rows of the piece that was lost with it.
    fn refuse_again(&mut self, record: &Record) -> Result<(), ServiceError> {
        if !self.reject.is_asked_for() {
            return Ok(());
        }
        let Err(problems) = self.judge.judge(record, &self.records.header) else { return Ok(()) };
        let refused = RefusedRow::new(record.first_line(), &problems);
        self.reject.write(record, &refused).map_err(|e| reject_error(self.request, &e))
    }

    fn refuse(&mut self, record: &Record, problems: &[Problem]) -> Result<(), ServiceError> {
        let refused = RefusedRow::new(record.first_line(), problems);
        self.reject.write(record, &refused).map_err(|e| reject_error(self.request, &e))?;
        if self.refused.len() < SHOWN {
            self.refused.push(refused);
        }
        Ok(())
    }
}

/// Places of what an import would take in.
async fn would_be_new(
    store: &Store,
    source_key: &str,
    said: Vec<domain::event::Said>,
) -> Result<BTreeSet<usize>, ServiceError> {
    let ids: Vec<String> = said.into_iter().map(|said| said.message_id.unwrap_or_default()).collect();
    let mut known = facts::known_messages(store.reader(), source_key, ids.clone()).await?;
    Ok(ids.into_iter().enumerate().filter(|(_, id)| known.insert(id.clone())).map(|(n, _)| n).collect())
}

/// What one transaction takes in.
struct Piece {
    said: Vec<domain::event::Said>,
    /// Of the rows that say nothing.
    counts: Counts,
    shares: Vec<Share>,
    /// Behind which row it begins.
    from: u64,
    /// Up to which row.
    to: u64,
}

/// Rows of one record, and their events' places in the piece: a row may say several things at once.
struct Share {
    rows: i64,
    events: Range<usize>,
}

/// Adds rows to the counts: taken in if anything they say is new, else known.
fn known_or_new(mut counts: Counts, shares: &[Share], fresh: &BTreeSet<usize>) -> Counts {
    for Share { rows, events } in shares {
        let new = fresh.range(events.clone()).next().is_some();
        *(if new { &mut counts.accepted } else { &mut counts.duplicate }) += rows;
    }
    counts
}

/// One piece in one transaction, the cursor with it.
async fn take_in(store: Store, import: Import, source: Source, piece: Piece) -> Result<Counts, ServiceError> {
    let stamp = Stamp::of(&store).await?;
    let Piece { said, counts, shares, from, to } = piece;
    let slice = Slice::of(source, &import, Due::AfterImport, said);
    let (id, received_at) = (import.id, import.received_at);
    // What somebody else was in the way of isn't the file's fault: it must not end the import.
    let slice = Arc::new((slice, shares));
    store
        .write_again(Lane::Work, move |tx| {
            let slice = slice.clone();
            Box::pin(async move {
                let (slice, shares) = &*slice;
                // First, since whoever ends an abandoned import holds its row before its customers' too.
                imports::hold(tx, id, from as i64, stamp.machine + LEASE).await?;
                let taken = ingest::take_in(tx, slice, received_at, stamp).await?;
                let counts = known_or_new(counts, shares, &taken.fresh);
                imports::advance(tx, id, (from as i64, to as i64), counts, taken.events).await?;
                Ok(counts)
            })
        })
        .await
        .map_err(|e: StoreError| ServiceError::from(e))
}
