//! Randomness as an argument. Only the root crate's `system` room draws real bytes.

/// What gives random bytes: the operating system's, or a seeded stream in tests and the demo.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);

    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
