//! Who is meant: a customer by one of the things they are known by. A contact point that several share names
//! nobody.

use super::super::{Book, ServiceError, identity};
use crate::store::profile_page;
use domain::contact::{self, Address};
use domain::ids::CustomerId;
use domain::problem::nearest;

/// What a customer can be looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierKind {
    /// The shop's own id.
    UserId,
    AnonymousId,
    /// A platform's, `taobao:买家会员名`.
    External,
    Phone,
    Email,
}

impl IdentifierKind {
    pub const ALL: [Self; 5] = [Self::UserId, Self::AnonymousId, Self::External, Self::Phone, Self::Email];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserId => "user_id",
            Self::AnonymousId => "anonymous_id",
            Self::External => "external",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How many of those who share a contact point are named.
const NAMED: i64 = 20;

/// The customer with this identifier or contact point, in the spelling of whoever asks. Several with one
/// contact point are a conflict that names them.
pub async fn find(
    book: &Book,
    kind: IdentifierKind,
    value: &str,
) -> Result<Option<CustomerId>, ServiceError> {
    match kind {
        IdentifierKind::UserId | IdentifierKind::AnonymousId | IdentifierKind::External => {
            by_identifier(book, kind, value.trim()).await
        }
        IdentifierKind::Phone => by_contact(book, kind, contact::phone(value)).await,
        IdentifierKind::Email => by_contact(book, kind, contact::email(value)).await,
    }
}

/// Who is meant by `cus_42` or `KIND:VALUE`, such as `user_id:12346`. Whether there is a customer of an id is
/// seen when they are read; who was merged is who they are now.
pub async fn resolve(book: &Book, meant: &str) -> Result<CustomerId, ServiceError> {
    if let Ok(id) = meant.parse() {
        return identity::canonical(book, id).await;
    }
    let (kind, value) = read(meant)?;
    let found = find(book, kind, value).await?;
    found.ok_or_else(|| ServiceError::NotFound(format!("a customer with the {} {value}", kind.as_str())))
}

fn read(meant: &str) -> Result<(IdentifierKind, &str), ServiceError> {
    let bad = |remedy: String| ServiceError::invalid("customer", "names_nobody", remedy);
    let Some((kind, value)) = meant.split_once(':') else {
        return Err(bad(format!(
            "\"{meant}\" is no customer's id; write cus_42, or KIND:VALUE such as user_id:{meant}"
        )));
    };
    let known = IdentifierKind::ALL.map(IdentifierKind::as_str);
    let kind = IdentifierKind::parse(kind).ok_or_else(|| {
        bad(match nearest(kind, known) {
            Some(near) => format!("nobody is known by \"{kind}\"; did you mean {near}?"),
            None => format!("nobody is known by \"{kind}\"; known are {}", known.join(", ")),
        })
    })?;
    Ok((kind, value))
}

async fn by_identifier(
    book: &Book,
    kind: IdentifierKind,
    value: &str,
) -> Result<Option<CustomerId>, ServiceError> {
    // A platform's id names its own namespace; others are the shop's.
    let elsewhere = value.split_once(':').filter(|_| kind == IdentifierKind::External);
    let here = (book.shop_key.as_str(), value);
    Ok(profile_page::find_by_identifier(book.store.reader(), kind.as_str(), here, elsewhere).await?)
}

async fn by_contact(
    book: &Book,
    kind: IdentifierKind,
    address: Option<Address>,
) -> Result<Option<CustomerId>, ServiceError> {
    let Some(address) = address else {
        let detail = format!(
            "this isn't written like one; give {}",
            match kind {
                IdentifierKind::Phone => "a number such as +8613800138001",
                _ => "an address such as lin@example.com",
            }
        );
        return Err(ServiceError::invalid(kind.as_str(), "not_a_contact_point", detail));
    };
    let mut found =
        profile_page::find_by_contact(book.store.reader(), address.channel, &address.value, NAMED + 1)
            .await?;
    if found.len() <= 1 {
        return Ok(found.pop());
    }
    let more = if found.len() as i64 > NAMED { " and more" } else { "" };
    let named: Vec<String> = found.iter().take(NAMED as usize).map(ToString::to_string).collect();
    Err(ServiceError::Conflict(format!(
        "several customers share this {}: {}{more}; ask for one of them by id",
        kind.as_str(),
        named.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_read_or_refused_with_a_remedy() {
        assert_eq!(read("user_id:a:b").unwrap(), (IdentifierKind::UserId, "a:b"));
        for (meant, remedy) in
            [("12346", "user_id:12346"), ("emial:x", "did you mean email?"), ("fax:1", "known are")]
        {
            let told = read(meant).unwrap_err().to_string();
            assert!(told.contains(remedy), "{told}");
        }
    }
}
