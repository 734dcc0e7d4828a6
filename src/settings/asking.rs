//! `[asking]`: what a daemon keeps in memory to answer questions to the whole book while somebody types.

use super::reader::Reader;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskingSettings {
    /// Most memory for columns of the book, in MiB; 0: none are held.
    pub columns_mib: u32,
}

impl AskingSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        Some(Self { columns_mib: r.number("asking.columns_mib", 0..=65_536)? })
    }
}
