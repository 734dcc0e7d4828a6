//! How often one write key may send: a token bucket a key, in integers and machine time that is handed in.
//! Whose key it is was settled before; nothing here waits.

use domain::time::{Clock, MachineInstant};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests a second, and at once.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

/// One bucket a key. There are no more of them than keys that were let in.
pub struct Limiter {
    rate: Rate,
    clock: Arc<dyn Clock + Send + Sync>,
    /// When each bucket will be full again, in nanoseconds.
    full_at: Mutex<HashMap<String, i128>>,
}

const SECOND: i128 = 1_000_000_000;

impl Limiter {
    pub fn new(rate: Rate, clock: Arc<dyn Clock + Send + Sync>) -> Self {
        Self { rate, clock, full_at: Mutex::default() }
    }

    /// Takes one token of `key`, or says how many whole seconds to wait for one, at least one.
    pub fn take(&self, key: &str) -> Result<(), u64> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.entry(key.to_owned()).or_insert(0);
        take(self.rate, full_at, self.clock.machine_now())
    }
}

fn take(rate: Rate, full_at: &mut i128, now: MachineInstant) -> Result<(), u64> {
    let now = i128::from(now.micros()) * 1_000;
    let token = SECOND / i128::from(rate.per_second.get());
    let whole = token * i128::from(rate.burst.get());
    // A clock that was put back leaves instants no bucket could have come to: such a bucket starts anew.
    let missing = (*full_at - now).max(0);
    let missing = if missing > whole { 0 } else { missing };
    let short = missing + token - whole;
    if short > 0 {
        return Err(u64::try_from((short + SECOND - 1) / SECOND).unwrap_or(u64::MAX));
    }
    *full_at = now + missing + token;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        let some = |n| NonZeroU32::new(n).expect("not zero");
        Rate { per_second: some(per_second), burst: some(burst) }
    }

    /// How many get through of those that ask each `step` microseconds from `from` up to `until`.
    fn passed(rate: Rate, full_at: &mut i128, from: i64, until: i64, step: usize) -> usize {
        (from..until)
            .step_by(step)
            .filter(|at| take(rate, full_at, MachineInstant::from_micros(*at)).is_ok())
            .count()
    }

    #[test]
    fn the_burst_goes_at_once_and_the_rate_from_then_on() {
        for (per_second, burst) in [(1, 1), (3, 5), (250, 500), (1_000, 2_000)] {
            let (rate, mut full_at) = (rate(per_second, burst), 0);
            let start = 1_795_305_600_000_000;
            let at_once = passed(rate, &mut full_at, start, start + 10_000_000, 100);
            let allowed = (burst + per_second * 10) as usize;
            assert!((allowed - 1..=allowed + 1).contains(&at_once), "{per_second} {burst}: {at_once}");
        }
    }

    #[test]
    fn whoever_is_refused_is_told_when_there_is_a_token() {
        let (rate, mut full_at) = (rate(1, 2), 0);
        let mut at =
            |seconds: i64| take(rate, &mut full_at, MachineInstant::from_micros(seconds * 1_000_000));
        assert_eq!([at(100), at(100), at(100), at(101), at(101)], [Ok(()), Ok(()), Err(1), Ok(()), Err(1)]);
        assert_eq!(
            [at(500), at(500), at(500)],
            [Ok(()), Ok(()), Err(1)],
            "no more than the burst is saved up"
        );
        assert_eq!(at(5), Ok(()), "a clock that was put back refuses nobody for hours");
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        struct Still;
        impl Clock for Still {
            fn machine_now(&self) -> MachineInstant {
                MachineInstant::from_micros(7)
            }
        }
        let limiter = Limiter::new(rate(1, 1), Arc::new(Still));
        assert_eq!([limiter.take("a"), limiter.take("a"), limiter.take("b")], [Ok(()), Err(1), Ok(())]);
    }
}
