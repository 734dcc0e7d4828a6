//! What a template can show: the fields, and the values for one touch.

use minijinja::Value;

/// Every field a template may name. Absent ones are none: a template tests them or uses `or`.
pub const FIELDS: &[&str] = &[
    "shop.name",
    "customer.name",
    "coupon.code",
    "coupon.face",
    "coupon.threshold",
    "coupon.expires_on",
    "unsubscribe_url",
    "occasion.name",
];

/// The longest value, in characters, that is shown; a longer one is somebody's mistake or mischief.
pub const MAX_VALUE: usize = 2_000;

/// Values for one touch, as they are to be read: amounts and dates already in the reader's form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MailContext {
    pub shop_name: String,
    pub customer_name: Option<String>,
    pub coupon: Option<CouponContext>,
    pub unsubscribe_url: Option<String>,
    pub occasion_name: Option<String>,
}

/// The coupon of a touch.
#[derive(Clone, PartialEq, Eq)]
pub struct CouponContext {
    pub code: String,
    /// `50.00 GBP`, `50 元`.
    pub face: String,
    /// In the same form; none without a threshold (无门槛).
    pub threshold: Option<String>,
    /// The last local date on which it may be used.
    pub expires_on: String,
}

impl MailContext {
    /// A name of nothing but blanks is none.
    fn name(&self) -> Option<&str> {
        self.customer_name.as_deref().map(str::trim).filter(|n| !n.is_empty())
    }

    /// The fields with values too long to show.
    pub fn too_long(&self) -> Option<&'static str> {
        let coupon = self.coupon.as_ref();
        let values = [
            ("shop.name", Some(self.shop_name.as_str())),
            ("customer.name", self.name()),
            ("coupon.code", coupon.map(|c| c.code.as_str())),
            ("coupon.face", coupon.map(|c| c.face.as_str())),
            ("coupon.threshold", coupon.and_then(|c| c.threshold.as_deref())),
            ("coupon.expires_on", coupon.map(|c| c.expires_on.as_str())),
            ("unsubscribe_url", self.unsubscribe_url.as_deref()),
            ("occasion.name", self.occasion_name.as_deref()),
        ];
        let long = |v: &Option<&str>| v.is_some_and(|v| v.chars().nth(MAX_VALUE).is_some());
        values.into_iter().find(|(_, v)| long(v)).map(|(field, _)| field)
    }

    /// As the engine reads it: every field is there, with none for what is absent.
    pub(super) fn to_value(&self) -> Value {
        let text = |v: Option<&str>| v.map_or(Value::from(()), Value::from);
        let coupon = self.coupon.as_ref().map_or(Value::from(()), |c| {
            Value::from_pairs([
                ("code", Value::from(c.code.as_str())),
                ("face", Value::from(c.face.as_str())),
                ("threshold", text(c.threshold.as_deref())),
                ("expires_on", Value::from(c.expires_on.as_str())),
            ])
        });
        Value::from_pairs([
            ("shop", Value::from_pairs([("name", self.shop_name.as_str())])),
            ("customer", Value::from_pairs([("name", text(self.name()))])),
            ("coupon", coupon),
            ("unsubscribe_url", text(self.unsubscribe_url.as_deref())),
            ("occasion", Value::from_pairs([("name", text(self.occasion_name.as_deref()))])),
        ])
    }
}
