//! Coupons (券): the life of one, what a batch may spend, and until when one is good. Codes are `code`, the
//! declared batch is `batch`. Who owns a code, and that it has one owner, is held by the store's keys.

pub mod batch;
pub mod code;

use crate::names::stable_names;
use crate::time::{Instant, add_days};
use chrono::NaiveDate;
use chrono_tz::Tz;

stable_names! {
    /// Where one coupon stands.
    CouponState {
        /// Taken for a touch that isn't handed over yet.
        Reserved = "reserved",
        /// The customer has it, or may have it (the touch is unknown).
        Issued = "issued",
        Redeemed = "redeemed",
        Expired = "expired",
        Revoked = "revoked",
        /// Given back unused: its code never reached the customer.
        Released = "released",
    }
}

/// What happens to a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CouponEvent {
    /// Handed over, also when the answer is lost.
    Issue,
    /// Its touch ended before the hand-over.
    Release,
    /// The message that carried the code came back, so nobody read it. Not for coupons put into the
    /// customer's account: those stay issued.
    Bounce,
    Redeem,
    /// Its validity ended.
    Expire,
    /// Taken back by a person.
    Revoke,
    /// The order it was used on was refunded; possible once.
    GiveBack {
        earlier: u32,
    },
}

/// A change that isn't in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} isn't possible for a coupon that is {from}")]
pub struct TransitionError {
    pub from: CouponState,
    pub event: CouponEvent,
}

impl CouponState {
    /// The state after `event`.
    pub fn apply(self, event: CouponEvent) -> Result<Self, TransitionError> {
        use CouponEvent as E;
        match (self, event) {
            (Self::Reserved, E::Issue) => Ok(Self::Issued),
            (Self::Reserved, E::Release) | (Self::Issued, E::Bounce) => Ok(Self::Released),
            (Self::Issued, E::Redeem) => Ok(Self::Redeemed),
            (Self::Issued, E::Expire) => Ok(Self::Expired),
            (Self::Issued, E::Revoke) => Ok(Self::Revoked),
            (Self::Redeemed, E::GiveBack { earlier: 0 }) => Ok(Self::Issued),
            (from, event) => Err(TransitionError { from, event }),
        }
    }

    /// Whether its face counts as outstanding (未核销金额), against the batch's budget: promised and not yet
    /// used, ended or given back.
    pub const fn is_outstanding(self) -> bool {
        matches!(self, Self::Reserved | Self::Issued)
    }
}

/// What a batch may have outstanding and has already, in minor units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// None is unset: nothing may be issued.
    pub limit_minor: Option<i64>,
    /// Face values of the coupons reserved or issued.
    pub outstanding_minor: i64,
}

impl Budget {
    /// What is free; none where no budget is set. Below 0 if it was lowered under what is outstanding.
    pub fn left_minor(self) -> Option<i64> {
        self.limit_minor.map(|limit| limit.saturating_sub(self.outstanding_minor))
    }

    /// How many more coupons of this face fit.
    pub fn fits(self, face_minor: i64) -> u64 {
        match self.left_minor() {
            Some(left) if face_minor > 0 => u64::try_from(left / face_minor).unwrap_or(0),
            Some(left) if left >= 0 => u64::MAX,
            _ => 0,
        }
    }
}

/// When a coupon may be used: `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: Instant,
    pub until: Instant,
}

impl Validity {
    /// `days` calendar days from the local date of `issued_at`, the last one to its end, so that the date
    /// printed in a message is true as people read it.
    pub fn starting(issued_at: Instant, days: u32, zone: Tz) -> Self {
        let last = add_days(issued_at.local_date(zone), i64::from(days));
        Self { from: issued_at, until: Instant::first_of(add_days(last, 1), zone) }
    }

    /// The last local date on which it may be used.
    pub fn expires_on(self, zone: Tz) -> NaiveDate {
        Instant::from_micros(self.until.micros().saturating_sub(1)).local_date(zone)
    }

    pub fn holds_at(self, now: Instant) -> bool {
        self.from <= now && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use proptest::prelude::*;

    const EVENTS: [CouponEvent; 8] = [
        CouponEvent::Issue,
        CouponEvent::Release,
        CouponEvent::Bounce,
        CouponEvent::Redeem,
        CouponEvent::Expire,
        CouponEvent::Revoke,
        CouponEvent::GiveBack { earlier: 0 },
        CouponEvent::GiveBack { earlier: 1 },
    ];

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in CouponState::ALL {
            for event in EVENTS {
                if let Ok(to) = state.apply(event) {
                    table.push_str(&format!("{state} {event:?} {to}\n"));
                }
            }
        }
        assert_eq!(
            table,
            "reserved Issue issued\nreserved Release released\nissued Bounce released\nissued Redeem redeemed\n\
             issued Expire expired\nissued Revoke revoked\nredeemed GiveBack { earlier: 0 } issued\n"
        );
    }

    #[test]
    fn the_budget_is_filled_exactly() {
        let budget = |limit_minor, outstanding_minor| Budget { limit_minor, outstanding_minor };
        assert_eq!(budget(Some(400_000), 395_000).fits(5_000), 1);
        assert_eq!(budget(Some(400_000), 395_001).fits(5_000), 0);
        assert_eq!(budget(Some(400_000), 0).fits(5_000), 80);
        assert_eq!(budget(Some(100), 200).fits(5_000), 0);
        assert_eq!(budget(None, 0).fits(5_000), 0, "unset is none");
        assert_eq!(budget(Some(0), 0).fits(0), u64::MAX);
    }

    #[test]
    fn the_printed_date_is_the_last_good_one() {
        let zone = chrono_tz::Europe::London;
        let issued = Instant::parse("2011-12-08 14:03", zone).expect("instant");
        let v = Validity::starting(issued, 30, zone);
        assert_eq!(v.expires_on(zone).to_string(), "2012-01-07");
        assert!(v.holds_at(issued) && !v.holds_at(issued - Span::micros(1)));
        assert!(v.holds_at(v.until - Span::micros(1)) && !v.holds_at(v.until));
        assert_eq!(v.until, Instant::parse("2012-01-08", zone).expect("instant"));
    }

    proptest! {
        #[test]
        fn what_fits_never_passes_the_limit(limit in 0i64..1_000_000, bound in 0i64..1_200_000, face in 1i64..10_000) {
            let budget = Budget { limit_minor: Some(limit), outstanding_minor: bound };
            let n = i64::try_from(budget.fits(face)).expect("small");
            prop_assert!(n == 0 || bound + n * face <= limit);
            prop_assert!(bound + (n + 1) * face > limit);
        }
    }
}
