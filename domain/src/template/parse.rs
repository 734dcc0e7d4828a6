//! Reading a template document.

use super::{Locale, MailTemplate, Part, syntax};
use crate::document::Reader;
use crate::problem::Problem;
use serde_json::Value;

/// Reads a template document: key, locale, subject, text, html. Constructs are checked here too.
pub fn parse(document: &Value) -> (Option<MailTemplate>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, document);
    let mut problems = Vec::new();
    if let Some(mail) = &found {
        for part in Part::ALL {
            problems.extend(syntax::check(part.as_str(), mail.source(*part)).err().unwrap_or_default());
        }
    }
    let (found, mut all) = r.finish(found);
    all.extend(problems);
    (found.filter(|_| all.is_empty()), all)
}

fn read(r: &mut Reader, document: &Value) -> Option<MailTemplate> {
    let doc = r.map("", document, &["kind", "key", "locale", "subject", "text", "html"])?;
    r.kind(&doc, "template");
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let locale = doc.need(r, "locale").and_then(|v| r.choice("locale", v, &Locale::choices()));
    let subject = doc.need(r, "subject").and_then(|v| r.text("subject", v));
    let text = doc.need(r, "text").and_then(|v| r.text("text", v));
    let html = doc.need(r, "html").and_then(|v| r.text("html", v));
    Some(MailTemplate { key: key?, locale: locale?, subject: subject?, text: text?, html: html? })
}
