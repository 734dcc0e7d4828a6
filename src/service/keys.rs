//! API keys: making one. The secret is shown once, to whoever made it, and never stored.

use super::staff::{self, StaffRow};
use super::{Book, ServiceError};
use crate::store::keys::{self, KeyRow};
use crate::store::{audit, meta, shops, sources};
use domain::problem::nearest;
use domain::time::Instant;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// What a key may be for.
pub const ROLES: [&str; 6] = ["ingest", "agent", "supervisor", "marketer", "analyst", "admin"];

/// What to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub role: String,
    /// Key or name of the member of staff it acts for.
    pub staff: Option<String>,
    pub label: Option<String>,
    /// Where facts sent with it belong; made if there is none.
    pub source: Option<String>,
}

/// A key as shown once.
#[derive(Clone, Serialize, ToSchema)]
pub struct MadeKey {
    /// By which it is listed and revoked.
    pub id: String,
    /// `kk_<public id>_<secret>`
    pub key: String,
    pub role: String,
    pub staff: Option<String>,
    pub source: Option<String>,
    pub label: String,
}

/// A key as lists show it: everything but its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// What stands between `kk_` and the secret.
    pub id: String,
    pub role: String,
    /// The member of staff it acts for.
    pub staff: Option<String>,
    /// Where facts sent with it belong.
    pub source: Option<String>,
    pub label: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Instant>,
}

/// All keys there are or were, oldest first.
pub async fn list(book: &Book) -> Result<Vec<KeyView>, ServiceError> {
    let view = |(key, staff, source): (KeyRow, Option<String>, Option<String>)| KeyView {
        id: key.public_id,
        role: key.role,
        staff,
        source,
        label: key.label,
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    };
    Ok(keys::list(book.store.reader()).await?.into_iter().map(view).collect())
}

/// Takes a key out of force at once. `named` is its public id, or the key as written: its secret isn't looked at.
pub async fn revoke(book: &Book, named: &str, actor: &str) -> Result<(), ServiceError> {
    let id = named.strip_prefix("kk_").unwrap_or(named);
    let id = id.split('_').next().unwrap_or(id).to_owned();
    if keys::find(book.store.reader(), &id).await?.is_none() {
        return Err(ServiceError::NotFound(format!("a key with the id {id}")));
    }
    let actor = actor.to_owned();
    book.write(move |tx, at| {
        Box::pin(async move {
            if !keys::revoke(tx, &id, at).await? {
                return Err(ServiceError::Conflict(format!("the key {id} is revoked already")));
            }
            let (action, subject) = ("key.revoked".to_owned(), format!("key:{id}"));
            audit::record(tx, audit::Entry { at, actor, action, subject, detail: json!({}) }).await?;
            Ok(meta::raise_change_seq(tx).await?)
        })
    })
    .await
}

/// SHA-256, lower-case hex: what is kept of a secret.
pub fn secret_hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a key.
pub async fn create(book: &Book, new: NewKey, actor: &str) -> Result<MadeKey, ServiceError> {
    if !ROLES.contains(&new.role.as_str()) {
        let hint = match nearest(&new.role, ROLES) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", ROLES.join(", ")),
        };
        return Err(ServiceError::invalid(
            "--role",
            "unknown_role",
            format!("{} isn't a role; {hint}", new.role),
        ));
    }
    let member = match (&new.staff, new.role.as_str()) {
        (Some(named), _) => Some(find_staff(book, named).await?),
        (None, "agent" | "supervisor") => {
            let detail = format!(
                "a key of role {} acts for somebody; add --staff NAME (`kinkeeper staff list` shows who there is)",
                new.role
            );
            return Err(ServiceError::invalid("--staff", "missing", detail));
        }
        (None, _) => None,
    };
    let source = match (&new.source, new.role.as_str()) {
        (Some(_), role) if role != "ingest" => {
            return Err(ServiceError::invalid("--source", "not_for_role", "only ingest keys have a source"));
        }
        (given, "ingest") => Some(given.clone().unwrap_or_else(|| "api".to_owned())),
        _ => None,
    };
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    book.entropy.fill(&mut id);
    book.entropy.fill(&mut secret);
    let (id, secret) = (hex(&id), hex(&secret));
    let made = MadeKey {
        id: id.clone(),
        key: format!("kk_{id}_{secret}"),
        role: new.role,
        staff: member.as_ref().map(|row| row.staff.key.clone()),
        source,
        label: new.label.unwrap_or_default(),
    };
    store(book, made, secret_hash(&secret), member.as_ref(), actor).await
}

async fn find_staff(book: &Book, named: &str) -> Result<StaffRow, ServiceError> {
    let by_name = staff::list(book).await?.into_iter().filter(|row| row.staff.name == named);
    let mut by_name = by_name.collect::<Vec<_>>();
    let key = match by_name.len() {
        1 => by_name.remove(0).staff.key,
        _ => named.to_owned(),
    };
    staff::active(book, &key).await
}

async fn store(
    book: &Book,
    made: MadeKey,
    secret_hash: String,
    member: Option<&StaffRow>,
    actor: &str,
) -> Result<MadeKey, ServiceError> {
    let (shop_key, actor) = (book.shop_key.clone(), actor.to_owned());
    let staff_id = member.map(|row| row.id);
    book.write(move |tx, at| {
        Box::pin(async move {
            let source_id = match &made.source {
                None => None,
                Some(key) => {
                    let shop = shops::find(tx, &shop_key).await?;
                    let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("the shop {shop_key}")))?;
                    Some(sources::ensure(tx, key, shop.id, sources::kind::API).await?)
                }
            };
            let row = KeyRow {
                public_id: made.id.clone(),
                secret_hash,
                role: made.role.clone(),
                source_id,
                staff_id,
                label: made.label.clone(),
                created_at: at,
                expires_at: None,
                revoked_at: None,
            };
            keys::insert(tx, row).await?;
            let entry = audit::Entry {
                at,
                actor,
                action: "key.created".to_owned(),
                subject: format!("key:{}", made.id),
                detail: json!({ "role": made.role, "staff": made.staff, "source": made.source }),
            };
            audit::record(tx, entry).await?;
            meta::raise_change_seq(tx).await?;
            Ok(made)
        })
    })
    .await
}
