//! Who is at the door: an API key becomes a principal, or it doesn't. Which route takes whom is the doors'.

use super::keys::secret_hash;
use super::{Book, ServiceError};
use crate::store::keys::{self, Holder, StaffState};
pub use domain::access::Role;
use domain::ids::{SourceId, StaffId};
use domain::time::Instant;
use subtle::ConstantTimeEq;

/// Whoever acts by a key that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The key's public id; never the secret.
    pub key: String,
    pub role: Role,
    /// The member of staff who acts by it.
    pub staff: Option<StaffId>,
    /// Their key.
    pub staff_key: Option<String>,
    /// Where facts sent by it belong.
    pub source: Option<SourceId>,
}

impl Principal {
    /// As the audit log names them: a member of staff by their key, else the API key.
    pub fn actor(&self) -> String {
        self.staff_key.clone().unwrap_or_else(|| format!("key:{}", self.key))
    }
}

/// Why a key opens nothing. Whoever doesn't know the secret learns only [`Refused::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It isn't written like a key.
    Malformed,
    /// No such key, or another secret.
    Unknown,
    Revoked,
    Expired,
    /// The member of staff who acts by it is disabled.
    Disabled,
}

impl Refused {
    /// What is wrong and what would help.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "an API key looks like kk_<id>_<secret>; `kinkeeper key create` makes one",
            Self::Unknown => "this key opens nothing here; `kinkeeper key create` makes one",
            Self::Revoked => "this key was revoked; ask an admin for another",
            Self::Expired => "this key has expired; ask an admin for another",
            Self::Disabled => "the member of staff this key acts for is disabled; ask a supervisor",
        }
    }
}

/// The public id and the secret of a key as written.
pub fn parts(written: &str) -> Option<(&str, &str)> {
    let (id, secret) = written.strip_prefix("kk_")?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

/// Who acts by the key as written (`kk_<id>_<secret>`), by the book's clock.
pub async fn authenticate(book: &Book, written: &str) -> Result<Result<Principal, Refused>, ServiceError> {
    let Some((id, secret)) = parts(written) else { return Ok(Err(Refused::Malformed)) };
    let holder = keys::find_holder(book.store.reader(), id).await?;
    // An unknown id costs the same comparison as a wrong secret.
    let kept = holder.as_ref().map_or("", |holder| holder.key.secret_hash.as_str());
    let same: bool = secret_hash(secret).as_bytes().ct_eq(padded(kept).as_bytes()).into();
    let Some(holder) = holder.filter(|_| same) else { return Ok(Err(Refused::Unknown)) };
    judge(holder, book.now().await?)
}

fn judge(holder: Holder, now: Instant) -> Result<Result<Principal, Refused>, ServiceError> {
    let Holder { key, staff } = holder;
    if key.revoked_at.is_some_and(|at| at <= now) {
        return Ok(Err(Refused::Revoked));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Ok(Err(Refused::Expired));
    }
    if key.staff_id.is_some() && !staff.as_ref().is_some_and(|(_, state)| *state == StaffState::Active) {
        return Ok(Err(Refused::Disabled));
    }
    let role = Role::parse(&key.role).ok_or_else(|| {
        ServiceError::Internal(format!("api_key.role of {}: \"{}\" is no role", key.public_id, key.role))
    })?;
    Ok(Ok(Principal {
        key: key.public_id,
        role,
        staff: key.staff_id,
        staff_key: staff.map(|(name, _)| name),
        source: key.source_id,
    }))
}

/// As long as any hash, so that comparing takes the same time.
fn padded(kept: &str) -> String {
    format!("{kept:0<64}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::KeyRow;

    const NOW: Instant = Instant::from_micros(1_000);

    fn holder(change: impl FnOnce(&mut Holder)) -> Holder {
        let key = KeyRow {
            public_id: "7f".to_owned(),
            secret_hash: secret_hash("s"),
            role: "agent".to_owned(),
            source_id: None,
            staff_id: Some(StaffId(3)),
            label: String::new(),
            created_at: Instant::from_micros(0),
            expires_at: None,
            revoked_at: None,
        };
        let mut holder = Holder { key, staff: Some(("lin".to_owned(), StaffState::Active)) };
        change(&mut holder);
        holder
    }

    #[test]
    fn a_key_is_in_force_until_the_instant_it_ends() {
        let until = |at| holder(move |h| h.key.expires_at = Some(Instant::from_micros(at)));
        assert_eq!(judge(until(1_001), NOW).unwrap().unwrap().actor(), "lin");
        assert_eq!(judge(until(1_000), NOW).unwrap(), Err(Refused::Expired));
        let revoked = holder(|h| h.key.revoked_at = Some(NOW));
        assert_eq!(judge(revoked, NOW).unwrap(), Err(Refused::Revoked));
    }

    #[test]
    fn nobody_acts_for_staff_who_are_disabled_or_gone() {
        for staff in [Some(("lin".to_owned(), StaffState::Disabled)), None] {
            assert_eq!(judge(holder(|h| h.staff = staff), NOW).unwrap(), Err(Refused::Disabled));
        }
        let unbound = holder(|h| {
            h.key.staff_id = None;
            h.staff = None;
        });
        assert_eq!(judge(unbound, NOW).unwrap().unwrap().actor(), "key:7f");
    }

    #[test]
    fn a_role_nobody_knows_opens_nothing() {
        assert!(judge(holder(|h| h.key.role = "root".to_owned()), NOW).is_err());
    }

    #[test]
    fn keys_are_read_as_they_are_made() {
        assert_eq!(parts("kk_7f_ab_c"), Some(("7f", "ab_c")));
        for bad in ["", "kk_", "kk_7f", "kk_7f_", "kk__x", "7f_ab", "KK_7f_ab"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
