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

pub(super) use stable_names;

#[cfg(test)]
mod tests {
    use super::super::*;

    #[test]
    fn a_name_reads_back_and_a_wrong_one_lists_the_known() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
            let json = serde_json::to_string(state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), *state);
        }
        assert_eq!(State::parse("In_Progress"), None);
        let error = serde_json::from_str::<Level>("\"boss\"").unwrap_err().to_string();
        assert!(error.contains("\"boss\" is none of junior, senior, supervisor, manager"), "{error}");
    }
}
