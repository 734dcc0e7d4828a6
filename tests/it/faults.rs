//! Faults: daemons, imports and databases that die while facts come in. What was answered is in the book once, and the
//! book is what its log says (G1, G2, G16).
//!
//! The programs under test are real binaries. Seeds are printed; the variables named at each test widen and repeat a
//! run. Which instants are hit depends on the machine all the same. docs/reliability.md tells how to run more.

mod clients;
mod files;
mod kept;
mod killed;
mod restart;
mod three;
mod verdict;

use domain::entropy::Entropy;
use std::time::Duration;

/// Up to so many milliseconds, drawn by the microsecond.
fn pause(entropy: &dyn Entropy, milliseconds: u64) -> Duration {
    Duration::from_micros(entropy.next_u64() % (milliseconds * 1_000))
}

/// Lets that much time pass, on a thread of its own: the clients keep the runtime busy.
async fn wait(pause: Duration) {
    tokio::task::spawn_blocking(move || std::thread::sleep(pause)).await.expect("it wakes");
}
