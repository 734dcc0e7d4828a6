//! Mail templates: which constructs they may use (`syntax`), what they can show (`context`), how they are
//! rendered within bounds (`render`), and what keeps one from being sent (`lint`).

pub mod context;
pub mod lint;
pub mod parse;
pub mod render;
pub mod syntax;

use crate::names::stable_names;

stable_names! {
    /// The languages templates are written in.
    Locale {
        En = "en",
        ZhCn = "zh-CN",
    }
}

stable_names! {
    /// The parts of a mail.
    Part {
        Subject = "subject",
        Text = "text",
        Html = "html",
    }
}

/// A mail as declared: three template sources under a key and a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTemplate {
    pub key: String,
    pub locale: Locale,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl MailTemplate {
    /// The source of one part.
    pub fn source(&self, part: Part) -> &str {
        match part {
            Part::Subject => &self.subject,
            Part::Text => &self.text,
            Part::Html => &self.html,
        }
    }
}

/// A finished mail. The subject holds no control character, hence no line break.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl std::fmt::Debug for Rendered {
    /// Sizes only: what is inside is about a person and may hold a coupon code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { subject, text, html } = self;
        write!(f, "Rendered(subject {} B, text {} B, html {} B)", subject.len(), text.len(), html.len())
    }
}
