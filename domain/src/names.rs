//! Enums with stable names: the text stored, sent and written in documents. Only the macro lives here.

/// Declares a plain enum whose variants have a stable name each: `ALL`, `as_str`, `parse`, `Display`
/// and serde by that name.
macro_rules! stable_names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// All names with what they stand for, for reading documents.
            #[allow(dead_code, reason = "not every enum stands in a document")]
            pub fn choices() -> Vec<(&'static str, Self)> {
                Self::ALL.iter().map(|v| (v.as_str(), *v)).collect()
            }

            /// Reads a stable name, exactly as written by [`Self::as_str`].
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(d)?;
                Self::parse(&text).ok_or_else(|| {
                    let known = [$($text),+].join(", ");
                    serde::de::Error::custom(format!("\"{text}\" is none of {known}"))
                })
            }
        }
    };
}

pub(crate) use stable_names;

#[cfg(test)]
mod tests {
    use crate::campaign::definition::Purpose;

    #[test]
    fn a_name_reads_back_and_a_wrong_one_lists_the_known() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.as_str()), Some(*purpose));
            let json = serde_json::to_string(purpose).unwrap();
            assert_eq!(serde_json::from_str::<Purpose>(&json).unwrap(), *purpose);
        }
        assert_eq!(Purpose::parse("Marketing"), None);
        let error = serde_json::from_str::<Purpose>("\"sales\"").unwrap_err().to_string();
        assert!(error.contains("\"sales\" is none of marketing, service, recovery, survey"), "{error}");
    }
}
