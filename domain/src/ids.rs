//! Typed ids. Inside they are the database's integers; outside they are strings that name their kind,
//! such as `cus_42`, so that one kind can't be taken for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The text isn't an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not {prefix}… with a number behind it")]
pub struct NotAnId {
    given: String,
    prefix: &'static str,
}

macro_rules! id_type {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or_else(|| NotAnId { given: text.to_owned(), prefix: $prefix })
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

id_type! {
    /// A customer of the book.
    CustomerId = "cus_";
    /// A shop.
    ShopId = "shop_";
    /// Where facts come from: a write key or an import belongs to one.
    SourceId = "src_";
    /// An event of the log.
    EventId = "evt_";
    /// A campaign.
    CampaignId = "cmp_";
    /// One immutable version of a campaign.
    CampaignVersionId = "cmv_";
    /// One slot of a campaign's schedule.
    OccurrenceId = "occ_";
    /// One customer's way through a campaign.
    EnrollmentId = "enr_";
    /// One planned contact.
    TouchpointId = "tp_";
    /// A batch of coupons.
    CouponBatchId = "cpb_";
    /// A coupon.
    CouponId = "cpn_";
    /// A member of staff.
    StaffId = "stf_";
    /// A callback: a task for a person.
    CallbackId = "cb_";
    /// A refused event kept for repair.
    QuarantineId = "qua_";
    /// A file being, or having been, imported.
    ImportId = "imp_";
    /// Consents that came in together, signed.
    ConsentBatchId = "csb_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_no_other_kind_does() {
        assert_eq!("cus_42".parse(), Ok(CustomerId(42)));
        assert!("cb_42".parse::<CustomerId>().is_err());
        assert!("cus_-1".parse::<CustomerId>().is_err());
        assert!("cus_".parse::<CustomerId>().is_err());
        assert_eq!(CallbackId(7).to_string(), "cb_7");
    }
}
