//! Judging a record: what it says, or everything it is refused for, with line, column and the cell itself.

use super::Later;
use super::columns::NOT_REPAIRED;
use super::columns::{Cells, Header};
use super::events::{Dated, Origin, Said};
use super::order::line;
use super::records::Record;
use domain::customer::identity::blocked::{Blocked, names_nobody};
use domain::event::{Context, Reading, parse};
use domain::problem::{Problem, Problems};
use domain::rates::Rates;
use domain::time::Instant;

pub(super) struct Judge {
    pub origin: Origin,
    pub context: Context,
    /// Every rate there is.
    pub rates: Rates,
    /// Every value that people blocked.
    pub blocked: Blocked,
    /// Nothing has happened after it.
    pub clock: Instant,
    pub later: Later,
}

pub(super) enum Judged {
    /// At least one event.
    Said(Vec<domain::event::Said>),
    NoCustomer,
    LeftOut,
}

impl Judge {
    pub fn judge(&self, record: &Record, header: &Header) -> Result<Judged, Vec<Problem>> {
        if let Some(problem) = &record.unreadable {
            return Err(vec![problem.clone()]);
        }
        let cells = record.cells(header).map_err(|problem| vec![problem])?;
        let first = cells.first().expect("a readable record has a row");
        let mut problems = Problems::default();
        if let Some(row) = cells.iter().find(|row| row.get(NOT_REPAIRED).is_some()) {
            let detail =
                "holds the row as it was refused; put its values into their columns and empty this one";
            return Err(vec![row.problem(NOT_REPAIRED, "not_repaired", detail)]);
        }
        let Said::Events(dated) = self.origin.read(&cells, &mut problems) else {
            return problems.or(Judged::NoCustomer);
        };
        if dated.first().and_then(|dated| dated.at).is_some_and(|at| at > self.clock) {
            if self.later == Later::LeaveOut && problems.is_empty() {
                return Ok(Judged::LeftOut);
            }
            problems.push(self.future(first));
        }
        // What happens to it later isn't known yet: a file may name a resolution to come.
        let past = dated.iter().filter(|dated| dated.at.is_none_or(|at| at <= self.clock));
        let mut said = Vec::new();
        for Dated { at, event } in past {
            match parse(event, &self.context) {
                Ok(Reading::Event(mut event)) => {
                    let refused = event.refused.take().map(|part| part.problems).unwrap_or_default();
                    refused.into_iter().for_each(|problem| problems.push(in_cell(&cells, problem)));
                    if !self.names_somebody(&event) {
                        problems.push(in_cell(&cells, names_nobody()));
                    }
                    let at = at.unwrap_or(self.clock);
                    let taken = event.take_over(&self.rates, self.context.base, at, self.context.zone);
                    problems.note(taken.map_err(|problem| in_cell(&cells, problem)));
                    said.push(*event);
                }
                Ok(Reading::Browsing) => {}
                Err(found) => found.into_iter().for_each(|problem| problems.push(in_cell(&cells, problem))),
            }
        }
        problems.or(Judged::Said(said))
    }

    /// A plain id always does.
    fn names_somebody(&self, event: &domain::event::Said) -> bool {
        let plain = event.user_id.as_deref().is_some_and(|id| !id.contains(':'));
        plain || self.blocked.leave_anybody(&event.names(""))
    }

    fn future(&self, row: &Cells<'_>) -> Problem {
        let column = self.origin.kind.dating_column();
        let clock = self.clock.local(self.context.zone).format("%Y-%m-%dT%H:%M:%S");
        let detail = format!(
            "\"{}\" is after the clock, which shows {clock} in {}; correct it, or import it when that has come",
            row.written(column).unwrap_or_default(),
            self.context.zone
        );
        row.problem(column, "future", detail)
    }
}

/// An event's problem as the row's: of an order's line in the row that is the line, with the cell quoted.
fn in_cell(cells: &[Cells<'_>], problem: Problem) -> Problem {
    if let Some(row) = cells.first().filter(|row| row.get("event").is_some()) {
        let whole = row.of_row(problem.code, problem.detail);
        return Problem { at: format!("{}, {}", whole.at, problem.at), ..whole };
    }
    let column = problem.at.rsplit('.').next().unwrap_or_default();
    let refund = cells.first().and_then(|row| row.get("kind")).is_some_and(|kind| kind != "purchase");
    let column = match column {
        "userId" => "customer_id",
        "created_at" => "registered_at",
        "order_id" if refund => "refund_of",
        "refund_id" if refund => "order_id",
        column => column,
    };
    let place = problem.at.split_once("products[").and_then(|(_, rest)| rest.split_once(']')?.0.parse().ok());
    let of_line = place.and_then(|place: usize| cells.iter().filter(|row| line(row).is_some()).nth(place));
    let row = of_line.unwrap_or_else(|| cells.first().expect("a readable record has a row"));
    let of_the_value =
        ["is ", "must ", "has ", "longer "].iter().any(|word| problem.detail.starts_with(word));
    let detail = match row.written(column).filter(|_| of_the_value) {
        Some(cell) => format!("\"{cell}\" {}", problem.detail),
        None => problem.detail,
    };
    match column {
        "" => row.of_row(problem.code, detail),
        column => row.problem(column, problem.code, detail),
    }
}
