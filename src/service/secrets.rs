//! The book's secret key and what is derived from it. One key file; one derived key a purpose, so that no
//! value made for one purpose can be used for another. Nothing here is ever printed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use domain::entropy::Entropy;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::io::Write;
use std::path::Path;
use subtle::ConstantTimeEq;

/// What a derived key is for. The names are part of what is stored: changing one orphans old values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Suppression list and touchpoints: contact points that survive erasure as hashes.
    Contact,
    /// Looking a coupon code up without storing it.
    CouponHash,
    /// Sealing a coupon code.
    CouponSeal,
    /// Links in `/u/…`.
    Unsubscribe,
    /// Telling this key file from another one.
    Check,
    /// Telling a request under an `Idempotency-Key` from another one.
    Request,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Contact => b"kinkeeper contact v1",
            Self::CouponHash => b"kinkeeper coupon hash v1",
            Self::CouponSeal => b"kinkeeper coupon seal v1",
            Self::Unsubscribe => b"kinkeeper unsubscribe v1",
            Self::Check => b"kinkeeper check v1",
            Self::Request => b"kinkeeper request v1",
        }
    }
}

#[derive(Clone)]
pub struct Secrets {
    master: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// Why a key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error(
        "{path}: not a key file: it must hold 32 bytes in base64. Restore it from the backup; a new one would orphan coupon codes, opt-out links and suppressions"
    )]
    Malformed { path: String },
}

impl Secrets {
    pub fn from_bytes(master: [u8; 32]) -> Self {
        Self { master }
    }

    /// Reads the key file; where there is none, makes one that only its owner can read.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.display().to_string(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                Self::parse(&text).ok_or_else(|| KeyFileError::Malformed { path: path.display().to_string() })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(io)?;
                }
                let mut master = [0; 32];
                entropy.fill(&mut master);
                create_private(path, &format!("{}\n", URL_SAFE_NO_PAD.encode(master))).map_err(io)?;
                // Two daemons may start at once: whoever created the file, both read what it holds.
                let text = std::fs::read_to_string(path).map_err(io)?;
                Self::parse(&text).ok_or_else(|| KeyFileError::Malformed { path: path.display().to_string() })
            }
            Err(e) => Err(io(e)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
        Some(Self { master: bytes.try_into().ok()? })
    }

    fn key(&self, purpose: Purpose) -> [u8; 32] {
        mac(&self.master, purpose.label())
    }

    /// A keyed hash, base64url: the same input gives the same hash within one book and no other.
    pub fn hash(&self, purpose: Purpose, value: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.key(purpose), value.as_bytes()))
    }

    /// What tells this key file from any other, and nothing else about it.
    pub fn check(&self) -> String {
        self.hash(Purpose::Check, "key file")
    }

    /// The hash under which a contact point stands in suppressions and touchpoints. `value` is normalised already.
    pub fn contact_hash(&self, channel: &str, value: &str) -> String {
        self.hash(Purpose::Contact, &format!("{channel}\0{value}"))
    }

    /// Seals `clear` so that it opens only under the same `context` (such as the row it belongs to).
    pub fn seal(&self, purpose: Purpose, context: &str, clear: &str, entropy: &dyn Entropy) -> String {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce);
        let cipher = ChaCha20Poly1305::new(Key::from_slice(&self.key(purpose)));
        let payload = chacha20poly1305::aead::Payload { msg: clear.as_bytes(), aad: context.as_bytes() };
        let sealed = cipher.encrypt(Nonce::from_slice(&nonce), payload).expect("a short text can be sealed");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Secrets::seal`] made; `None` if it was made by another key, for another context, or altered.
    pub fn open(&self, purpose: Purpose, context: &str, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, body) = bytes.split_at_checked(12)?;
        let cipher = ChaCha20Poly1305::new(Key::from_slice(&self.key(purpose)));
        let payload = chacha20poly1305::aead::Payload { msg: body, aad: context.as_bytes() };
        String::from_utf8(cipher.decrypt(Nonce::from_slice(nonce), payload).ok()?).ok()
    }

    /// A public token for `subject` (an id, never personal data): the subject and its signature.
    pub fn token(&self, purpose: Purpose, subject: i64) -> String {
        let body = subject.to_be_bytes();
        let signature = mac(&self.key(purpose), &body);
        URL_SAFE_NO_PAD.encode([&body[..], &signature[..16]].concat())
    }

    /// The subject of a token made for `purpose`; `None` for anything else.
    pub fn read_token(&self, purpose: Purpose, token: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, signature) = bytes.split_at_checked(8)?;
        let expected = mac(&self.key(purpose), body);
        let same: bool = expected[..16].ct_eq(signature).into();
        same.then(|| i64::from_be_bytes(body.try_into().expect("split at eight bytes")))
    }
}

fn mac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn create_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".key-{}", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A link, not a rename: it fails where another daemon was first, and never overwrites its key.
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicU8);
    impl Entropy for Count {
        fn fill(&self, bytes: &mut [u8]) {
            for b in bytes {
                *b = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    fn count() -> Count {
        Count(0.into())
    }

    #[test]
    fn a_token_is_good_for_its_purpose_and_subject_alone() {
        let secrets = Secrets::from_bytes([7; 32]);
        let token = secrets.token(Purpose::Unsubscribe, 42);
        assert_eq!(secrets.read_token(Purpose::Unsubscribe, &token), Some(42));
        assert_eq!(secrets.read_token(Purpose::Contact, &token), None);
        assert_eq!(Secrets::from_bytes([8; 32]).read_token(Purpose::Unsubscribe, &token), None);
        for n in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[n] = if altered[n] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(secrets.read_token(Purpose::Unsubscribe, &altered), None, "{altered}");
        }
        assert_eq!(secrets.read_token(Purpose::Unsubscribe, ""), None);
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let secrets = Secrets::from_bytes([7; 32]);
        let sealed = secrets.seal(Purpose::CouponSeal, "coupon 1", "ABCDEFGHJKM", &count());
        assert_eq!(secrets.open(Purpose::CouponSeal, "coupon 1", &sealed).as_deref(), Some("ABCDEFGHJKM"));
        assert_eq!(secrets.open(Purpose::CouponSeal, "coupon 2", &sealed), None);
        assert_eq!(secrets.open(Purpose::CouponHash, "coupon 1", &sealed), None);
        assert!(!sealed.contains("ABCDEFGHJKM"));
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/key");
        let first = Secrets::load_or_create(&path, &count()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Secrets::load_or_create(&path, &count()).unwrap();
        assert_eq!(first.token(Purpose::Unsubscribe, 1), second.token(Purpose::Unsubscribe, 1));
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(Secrets::load_or_create(&path, &count()), Err(KeyFileError::Malformed { .. })));
    }
}
