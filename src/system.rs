//! The only place that reads the machine's clock, draws randomness, and knows who and where we are.
//! Everything else is handed what it needs from here.

pub use domain::entropy::Entropy;
use domain::time::{Clock, MachineInstant};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use std::sync::{Mutex, PoisonError};

/// The machine's real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn machine_now(&self) -> MachineInstant {
        #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
        MachineInstant::from_utc(chrono::Utc::now())
    }
}

/// The operating system's randomness, fit for keys and codes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Going on without randomness would make keys guessable, so there is nothing to return.
        SysRng.try_fill_bytes(bytes).expect("the operating system gives randomness");
    }
}

/// The same bytes for the same seed, in the order asked for. Never for keys.
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

/// Bytes that may still be written to the disk on which a folder lies; none where the system doesn't say.
pub fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The name of this machine, for lease holders and logs; `localhost` where none is set.
pub fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = kernel.or_else(|| std::env::var("HOSTNAME").ok()).map(|name| name.trim().to_owned());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// The operating system's user, for the audit's `cli:<user>`.
pub fn user_name() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|user| !user.trim().is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(set).unwrap_or_else(|| "unknown".to_owned())
}

/// Tells this process from every other one that holds leases in the same database.
pub fn instance_name(entropy: &dyn Entropy) -> String {
    format!("{}/{}/{:08x}", host_name(), std::process::id(), entropy.next_u64() >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_and_is_of_this_century() {
        let (first, second) = (SystemClock.machine_now(), SystemClock.machine_now());
        assert!(first <= second && first.to_rfc3339().as_str() > "2026", "{first} {second}");
    }

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let draw = |entropy: &dyn Entropy| [entropy.next_u64(), entropy.next_u64()];
        assert_eq!(draw(&SeededEntropy::new(7)), draw(&SeededEntropy::new(7)));
        assert_ne!(draw(&SeededEntropy::new(7)), draw(&SeededEntropy::new(8)));
        assert_ne!(draw(&SystemEntropy), draw(&SystemEntropy));
    }

    #[test]
    fn two_instances_on_one_machine_have_two_names() {
        assert_ne!(instance_name(&SystemEntropy), instance_name(&SystemEntropy));
        assert!(!user_name().is_empty());
    }
}
