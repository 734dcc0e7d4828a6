//! The names by which an event says who it is about. What is masked, blocked or no real number isn't one.

use crate::contact::{self, Class};
use crate::names::stable_names;

stable_names! {
    /// A kind of identifier, the strongest first.
    Kind {
        /// The shop's own id.
        UserId = "user_id",
        /// A platform's own id, scoped by the platform: `taobao:买家会员名`.
        External = "external",
        /// A real number in E.164.
        Phone = "phone",
        /// A real mail address.
        Email = "email",
        /// A browser's or device's id; weak: several people may sit behind it.
        AnonymousId = "anonymous_id",
    }
}

impl Kind {
    /// Whether it speaks for a person, so that two customers named by it in one event may be one.
    pub const fn is_strong(self) -> bool {
        !matches!(self, Self::AnonymousId)
    }

    /// Whether a person has at most one within a scope, so that two of them make two people.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::UserId | Self::External)
    }
}

/// An identifier in the one spelling it is stored and compared in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub kind: Kind,
    /// The shop's `id_namespace` of a user or anonymous id, the platform of an external id; empty for phone and
    /// mail, which are the same everywhere.
    pub scope: String,
    pub value: String,
}

/// As many customers as share a phone number or mail address before it says nothing of who they are.
pub const SHARED_FROM: usize = 4;

/// Platforms whose ids may stand before a colon in a user id.
const PLATFORMS: [&str; 9] =
    ["taobao", "tmall", "jd", "douyin", "pdd", "youzan", "wechat", "shopify", "xiaohongshu"];

/// Numbers and addresses that staff type into a mandatory field, and hotlines; they never identify.
const BLOCKED: [(Kind, &str); 16] = [
    (Kind::Phone, "+8613800000000"),
    (Kind::Phone, "+8613800138000"),
    (Kind::Phone, "+8613888888888"),
    (Kind::Phone, "+8613900000000"),
    (Kind::Phone, "+8613999999999"),
    (Kind::Phone, "+8613666666666"),
    (Kind::Phone, "+8613111111111"),
    (Kind::Phone, "+8615000000000"),
    (Kind::Phone, "+8618888888888"),
    (Kind::Phone, "+8618800000000"),
    (Kind::Email, "a@a.com"),
    (Kind::Email, "na@na.com"),
    (Kind::Email, "no@email.com"),
    (Kind::Email, "none@none.com"),
    (Kind::Email, "test@test.com"),
    (Kind::Email, "123@qq.com"),
];

/// Whether the shipped list says that this value never identifies. `value` as stored. Chinese hotlines (400, 800,
/// 95xxx) are on it however they are written.
pub fn is_blocked(kind: Kind, value: &str) -> bool {
    let hotline = || {
        let digits = value.strip_prefix("+86").unwrap_or(value);
        let long = digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"));
        long || (digits.len() == 5 && digits.starts_with("95"))
    };
    BLOCKED.contains(&(kind, value)) || (kind == Kind::Phone && hotline())
}

/// Platform and id of an external id as written (`taobao:买家会员名`). A platform is spelt in lower case.
pub fn platform_of(written: &str) -> Option<(String, String)> {
    let (platform, id) = written.split_once(':')?;
    let (platform, id) = (platform.trim().to_ascii_lowercase(), id.trim());
    let sound = !platform.is_empty()
        && platform.len() <= 32
        && platform.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (sound && !id.is_empty()).then(|| (platform, id.to_owned()))
}

/// A real number or address in its one spelling.
pub(super) fn real(kind: Kind, written: &str) -> Option<String> {
    let address = if kind == Kind::Phone { contact::phone(written) } else { contact::email(written) };
    address.filter(|address| address.usable && address.class == Class::Real).map(|address| address.value)
}

/// The number or address in the place of a user id; what only looks like one is an id of the shop's.
fn address_of(user_id: &str) -> Option<(Kind, String)> {
    let (kind, written) = user_id.split_once(':')?;
    let kind = [Kind::Phone, Kind::Email].into_iter().find(|known| known.as_str() == kind)?;
    real(kind, written).map(|value| (kind, value))
}

/// What an event says about who it is about, as written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    pub user_id: Option<&'a str>,
    pub anonymous_id: Option<&'a str>,
    /// `platform:id`.
    pub external_ids: &'a [String],
    pub phone: Option<&'a str>,
    pub email: Option<&'a str>,
}

/// How somebody is named in the place of a user id who has none: `taobao:买家会员名`, `phone:+8613912345678`. Read back by
/// [`names`]. An anonymous id can't stand there.
pub fn in_place_of_user_id(kind: Kind, scope: &str, value: &str) -> Option<String> {
    match kind {
        Kind::UserId => Some(value.to_owned()),
        Kind::External => Some(format!("{scope}:{value}")),
        Kind::Phone | Kind::Email => Some(format!("{kind}:{value}")),
        Kind::AnonymousId => None,
    }
}

/// The names that may identify, the strongest first. A user id that begins with a platform is that platform's id, one
/// that begins with `phone:` or `email:` such an address; a nick with `*`, a relay or masked number, and whatever is
/// blocked name nobody.
pub fn names(given: Given<'_>, namespace: &str) -> Vec<Name> {
    let mut names = Vec::new();
    let mut add = |kind: Kind, scope: &str, value: &str| {
        let name = Name { kind, scope: scope.to_owned(), value: value.to_owned() };
        if !is_blocked(kind, value) && !names.contains(&name) {
            names.push(name);
        }
    };
    let known_platform = |id: &str| platform_of(id).filter(|(p, _)| PLATFORMS.contains(&p.as_str()));
    let mut externals: Vec<(String, String)> = Vec::new();
    if let Some(id) = given.user_id {
        match (address_of(id), known_platform(id)) {
            (Some((kind, value)), _) => add(kind, "", &value),
            (None, Some(external)) => externals.push(external),
            (None, None) => add(Kind::UserId, namespace, id),
        }
    }
    externals.extend(given.external_ids.iter().filter_map(|id| platform_of(id)));
    for (platform, id) in externals.iter().filter(|(_, id)| !id.contains(['*', '＊'])) {
        add(Kind::External, platform, id);
    }
    for (kind, written) in [(Kind::Phone, given.phone), (Kind::Email, given.email)] {
        if let Some(value) = written.and_then(|written| real(kind, written)) {
            add(kind, "", &value);
        }
    }
    if let Some(id) = given.anonymous_id {
        add(Kind::AnonymousId, namespace, id);
    }
    names
}
