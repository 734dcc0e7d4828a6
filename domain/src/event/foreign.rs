//! Amounts said in another currency: taken over into the base currency once, at the rate of the local date on
//! which it happened, and never converted again.

use super::{Detail, Fact, Said};
use crate::money::Currency;
use crate::problem::Problem;
use crate::rates::{Rate, Rates};
use crate::time::Instant;
use chrono_tz::Tz;

/// An event's amount as its sender said it, and the rate it was taken over at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub currency: Currency,
    /// In that currency's minor units.
    pub minor: i64,
    pub rate: Rate,
}

impl Said {
    /// The day whose rate an event's amounts need, with their currency; `None` where they are in the base
    /// currency, or were taken over already. `zone` is the shop's.
    pub fn rate_needed(&self, occurred_at: Instant, zone: Tz) -> Option<(Currency, chrono::NaiveDate)> {
        self.currency.filter(|_| self.foreign.is_none()).map(|code| (code, occurred_at.local_date(zone)))
    }

    /// Turns all amounts into the base currency: the event's own, and its lines' prices each for itself.
    /// Without a rate of that day nothing is changed.
    pub fn take_over(
        &mut self,
        rates: &Rates,
        base: Currency,
        occurred_at: Instant,
        zone: Tz,
    ) -> Result<(), Problem> {
        let Some((from, day)) = self.rate_needed(occurred_at, zone) else { return Ok(()) };
        let rate = rates.find(from, day).ok_or_else(|| {
            let detail = format!(
                "there is no rate from {from} to the shop's {base} on {day}; declare it (kind: rates) with \
                 `kinkeeper apply`, then bring this again, or send amounts in {base}"
            );
            Problem::new("properties.currency", "no_rate", detail)
        })?;
        let taken = |minor: i64| {
            rate.convert(minor, from, base).ok_or_else(|| {
                let detail = format!("is too large an amount of {from} in {base} at {rate}");
                Problem::new("properties.total", "amount_too_large", detail)
            })
        };
        let (mut fact, mut detail) = (self.fact.clone(), self.detail.clone());
        let mut said = None;
        let mut take = |amount: &mut i64| {
            said = Some(*amount);
            taken(*amount).map(|minor| *amount = minor)
        };
        match (&mut fact, &mut detail) {
            (Fact::OrderCompleted { total_minor, .. } | Fact::OrderUpdated { total_minor, .. }, _) => {
                take(total_minor)?;
            }
            (Fact::OrderRefunded { amount_minor: Some(minor), .. }, _) => take(minor)?,
            (_, Some(Detail::Ticket(patch))) => {
                if let Some(minor) = &mut patch.amount_minor {
                    take(minor)?;
                }
            }
            _ => {}
        }
        if let Some(Detail::Order(order)) = &mut detail {
            for price in order.lines.iter_mut().flatten().filter_map(|line| line.price_minor.as_mut()) {
                *price = taken(*price)?;
            }
        }
        if let (
            Fact::TicketOpened(ticket) | Fact::TicketUpdated(ticket) | Fact::TicketEscalated(ticket),
            Some(Detail::Ticket(patch)),
        ) = (&mut fact, &detail)
        {
            ticket.amount_minor = patch.amount_minor;
        }
        self.foreign = said.map(|minor| Foreign { currency: from, minor, rate });
        (self.fact, self.detail) = (fact, detail);
        Ok(())
    }
}
