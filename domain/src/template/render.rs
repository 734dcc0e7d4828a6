//! Rendering a mail within bounds: no missing value, little time, little memory, and a subject that can't
//! break a header.

use super::context::MailContext;
use super::{MailTemplate, Part, Rendered, syntax};
use crate::problem::Problem;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter, filters, tests,
};

/// The most bytes one part may become.
pub const MAX_OUTPUT: usize = 256 * 1024;
/// The most characters of a subject.
pub const MAX_SUBJECT: usize = 300;
/// Instructions one part may take; some ten milliseconds at worst.
const FUEL: u64 = 50_000;

/// Why a mail didn't render. Says nothing of the values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("{part} line {line}: a value shown here is missing")]
    Missing { part: Part, line: usize },
    #[error("{part} becomes larger than {MAX_OUTPUT} bytes")]
    TooLarge { part: Part },
    #[error("{part} takes too long")]
    OutOfFuel { part: Part },
    #[error("the value of {field} is too long to show")]
    ValueTooLong { field: &'static str },
    #[error("the subject is empty")]
    EmptySubject,
    #[error("the subject is longer than {MAX_SUBJECT} characters")]
    LongSubject,
    #[error("{part}: {detail}")]
    Other { part: Part, detail: String },
}

/// A checked and compiled mail, to be rendered any number of times.
pub struct CompiledMail {
    env: Environment<'static>,
}

impl std::fmt::Debug for CompiledMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CompiledMail")
    }
}

impl MailTemplate {
    /// Checks every part's constructs, then compiles; the problems of all parts at once.
    pub fn compile(&self) -> Result<CompiledMail, Vec<Problem>> {
        let mut problems = Vec::new();
        for part in Part::ALL {
            problems.extend(syntax::check(part.as_str(), self.source(*part)).err().unwrap_or_default());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut env = environment();
        for part in Part::ALL {
            let source = self.source(*part).to_owned();
            if let Err(e) = env.add_template_owned(part.as_str(), source) {
                problems.push(Problem::new(part.as_str(), "template_syntax", e.kind().to_string()));
            }
        }
        if problems.is_empty() { Ok(CompiledMail { env }) } else { Err(problems) }
    }
}

/// An engine with the listed filters and tests and nothing else: what `syntax` lets through by mistake
/// still finds no function to call.
fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(50);
    env.set_debug(false);
    env.set_auto_escape_callback(|name| {
        if name == Part::Html.as_str() { AutoEscape::Html } else { AutoEscape::None }
    });
    // None means absent, and nobody is to be greeted as "none".
    env.set_formatter(|out, state, value| {
        if value.is_none() || value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, "a value shown here is missing"));
        }
        escape_formatter(out, state, value)
    });
    for name in ["default", "d"] {
        env.add_filter(name, filters::default);
    }
    for name in ["escape", "e"] {
        env.add_filter(name, filters::escape);
    }
    env.add_filter("upper", filters::upper);
    env.add_filter("lower", filters::lower);
    env.add_filter("trim", filters::trim);
    env.add_filter("length", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env
}

impl CompiledMail {
    /// The mail for one touch.
    pub fn render(&self, context: &MailContext) -> Result<Rendered, RenderError> {
        if let Some(field) = context.too_long() {
            return Err(RenderError::ValueTooLong { field });
        }
        let subject = one_line(&self.part(Part::Subject, context)?);
        if subject.is_empty() {
            return Err(RenderError::EmptySubject);
        }
        if subject.chars().nth(MAX_SUBJECT).is_some() {
            return Err(RenderError::LongSubject);
        }
        Ok(Rendered { subject, text: self.part(Part::Text, context)?, html: self.part(Part::Html, context)? })
    }

    fn part(&self, part: Part, context: &MailContext) -> Result<String, RenderError> {
        self.part_of(part, context.to_value())
    }

    fn part_of(&self, part: Part, value: minijinja::Value) -> Result<String, RenderError> {
        let other = |detail: &str| RenderError::Other { part, detail: detail.to_owned() };
        let template = self.env.get_template(part.as_str()).map_err(|e| other(&e.kind().to_string()))?;
        // A slice takes what fits and refuses the rest, which ends the rendering: no more can be held.
        let mut bytes = vec![0_u8; MAX_OUTPUT];
        let mut rest = bytes.as_mut_slice();
        let done = template.render_captured_to(value, &mut rest).map(|_| ());
        let written = MAX_OUTPUT - rest.len();
        done.map_err(|e| match e.kind() {
            ErrorKind::WriteFailure => RenderError::TooLarge { part },
            ErrorKind::UndefinedError => RenderError::Missing { part, line: e.line().unwrap_or(0) },
            ErrorKind::OutOfFuel => RenderError::OutOfFuel { part },
            kind => other(&kind.to_string()),
        })?;
        std::str::from_utf8(&bytes[..written]).map(str::to_owned).map_err(|_| other("not UTF-8"))
    }
}

/// Every run of blanks and control characters (line breaks of any kind, NUL) becomes one space.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(breaks).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod render_tests;
