//! A token bucket over all connections of one relay, in integers and machine time (tokio's clock).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A millionth of a token is what one microsecond brings at a rate of one a second.
const TOKEN: u64 = 1_000_000;

pub(super) struct TokenBucket {
    rate: NonZeroU32,
    /// A tenth of a second's worth: the most that may go at once.
    capacity: u64,
    level: Mutex<Level>,
}

struct Level {
    micro_tokens: u64,
    at: Instant,
}

impl TokenBucket {
    /// Full at `now`.
    pub(super) fn new(rate: NonZeroU32, now: Instant) -> Self {
        let capacity = u64::from(rate.get() / 10).max(1) * TOKEN;
        let level = Mutex::new(Level { micro_tokens: capacity, at: now });
        Self { rate, capacity, level }
    }

    /// Waits for at least one token and takes up to `at_most`.
    pub(super) async fn take(&self, at_most: usize) -> usize {
        loop {
            match self.try_take(at_most, Instant::now()) {
                Ok(taken) => return taken,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    pub(super) fn give_back(&self, tokens: usize) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let more = u64::try_from(tokens).unwrap_or(u64::MAX).saturating_mul(TOKEN);
        level.micro_tokens = level.micro_tokens.saturating_add(more).min(self.capacity);
    }

    /// How many tokens were taken, or how long until there is one.
    fn try_take(&self, at_most: usize, now: Instant) -> Result<usize, Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = u64::from(self.rate.get());
        // Another task may have looked at the clock later and got the lock earlier.
        let now = now.max(level.at);
        // Only whole microseconds are counted, and `at` moves by no more than was counted.
        let micros = u64::try_from((now - level.at).as_micros()).unwrap_or(u64::MAX);
        level.micro_tokens =
            level.micro_tokens.saturating_add(micros.saturating_mul(rate)).min(self.capacity);
        level.at += Duration::from_micros(micros);

        let there = level.micro_tokens / TOKEN;
        if there == 0 {
            return Err(Duration::from_micros((TOKEN - level.micro_tokens).div_ceil(rate)));
        }
        let taken = usize::try_from(there).unwrap_or(usize::MAX).min(at_most.max(1));
        level.micro_tokens -= u64::try_from(taken).unwrap_or(there) * TOKEN;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate: u32) -> (TokenBucket, Instant) {
        let now = Instant::now();
        (TokenBucket::new(NonZeroU32::new(rate).expect("not zero"), now), now)
    }

    #[test]
    fn a_second_lets_no_more_through_than_its_rate_and_the_burst() {
        for rate in [1, 7, 50, 333, 3_000] {
            let (bucket, began) = bucket(rate);
            let (mut now, mut sent) = (began, 0);
            while now < began + Duration::from_secs(1) {
                match bucket.try_take(16, now) {
                    Ok(taken) => sent += taken,
                    Err(wait) => now += wait,
                }
            }
            let (rate, burst) = (rate as usize, (rate as usize / 10).max(1));
            assert!((rate..=rate + burst).contains(&sent), "{rate}: {sent}");
        }
    }

    #[test]
    fn tokens_given_back_can_be_taken_again_but_never_pile_up() {
        let (bucket, now) = bucket(20);
        assert_eq!(bucket.try_take(16, now), Ok(2));
        bucket.give_back(1_000);
        assert_eq!(bucket.try_take(16, now), Ok(2));
        assert_eq!(bucket.try_take(16, now), Err(Duration::from_millis(50)));
        assert_eq!(bucket.try_take(16, now + Duration::from_secs(3_600)), Ok(2));
        assert_eq!(bucket.try_take(16, now), Err(Duration::from_millis(50)), "time never goes back");
    }
}
