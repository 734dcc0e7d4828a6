//! `[access]`: how much people may look at before somebody asks why.

use super::reader::Reader;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessSettings {
    /// How often one person may have contact points unmasked within an hour.
    pub reveals_per_hour: u32,
    /// Different profiles that one person may view within an hour, beside their own work, before it is told.
    pub profiles_per_hour: u32,
}

impl AccessSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let reveals_per_hour = r.number("access.reveals_per_hour", 1..=100_000);
        let profiles_per_hour = r.number("access.profiles_per_hour", 1..=100_000);
        Some(Self { reveals_per_hour: reveals_per_hour?, profiles_per_hour: profiles_per_hour? })
    }
}
