//! Which room names which: the paths a file's code mentions, resolved to rooms and crates.

use super::source::{Source, code_of};

/// A path's first two parts as written at `line` (1-based): `crate::store`, `sea_orm::…`.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub line: usize,
    pub name: String,
}

/// The rooms of `src/` that this file names through `crate::`, `kinkeeper::` or a chain of `super::`.
pub fn rooms_named(file: &Source) -> Vec<Mention> {
    let tokens = tokens(&code_of(&file.text));
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let begins_path = i == 0 || tokens[i - 1].text != "::" || is_global(&tokens, i);
        let after = match token.text.as_str() {
            "crate" | "kinkeeper" if begins_path && follows(&tokens, i) => i + 2,
            "super" if begins_path => match climb(&tokens, i, file.depth()) {
                Some(after) => after,
                None => continue,
            },
            _ => continue,
        };
        heads(&tokens, after, &mut found);
    }
    found
}

/// Where `name::` is written at the head of a path, or `use name;`.
pub fn crate_named(file: &Source, names: &[&str]) -> Vec<Mention> {
    let tokens = tokens(&code_of(&file.text));
    let head = |i: usize| i == 0 || tokens[i - 1].text != "::" || is_global(&tokens, i);
    let used = |i: usize| follows(&tokens, i) || (i > 0 && tokens[i - 1].text == "use");
    tokens
        .iter()
        .enumerate()
        .filter(|(i, t)| names.contains(&t.text.as_str()) && head(*i) && used(*i))
        .map(|(_, t)| Mention { line: t.line, name: t.text.clone() })
        .collect()
}

struct Token {
    text: String,
    line: usize,
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                n => n,
            };
            if !first.is_whitespace() {
                found.push(Token { text: rest[..length].to_owned(), line: n + 1 });
            }
            rest = &rest[length..];
        }
    }
    found
}

fn follows(tokens: &[Token], i: usize) -> bool {
    tokens.get(i + 1).is_some_and(|t| t.text == "::")
}

/// `::name` with nothing before the colons that they could belong to.
fn is_global(tokens: &[Token], i: usize) -> bool {
    let Some(before) = i.checked_sub(2).map(|at| tokens[at].text.as_str()) else { return true };
    let word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    !(word || before == ">") || matches!(before, "use" | "in" | "return" | "mut" | "as")
}

/// Follows `super::super::…` from `i`; the token behind it if the chain reaches the crate's root. An inline
/// `mod tests` adds one level, so one more than the file's own depth still counts.
fn climb(tokens: &[Token], mut i: usize, depth: usize) -> Option<usize> {
    let mut steps = 0;
    while tokens.get(i).is_some_and(|t| t.text == "super") && follows(tokens, i) {
        (steps, i) = (steps + 1, i + 2);
    }
    (steps == depth || steps == depth + 1).then_some(i)
}

/// The names at one place of a path: one, or those of a `{…}` group at its first level.
fn heads(tokens: &[Token], at: usize, found: &mut Vec<Mention>) {
    let mut note = |t: &Token| found.push(Mention { line: t.line, name: t.text.clone() });
    let Some(first) = tokens.get(at) else { return };
    if first.text != "{" {
        return note(first);
    }
    let (mut level, mut expects) = (1, true);
    for token in &tokens[at + 1..] {
        match token.text.as_str() {
            "{" => level += 1,
            "}" => level -= 1,
            "," if level == 1 => expects = true,
            _ if expects && level == 1 => {
                note(token);
                expects = false;
            }
            _ => {}
        }
        if level == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(path: &str, text: &str) -> Vec<String> {
        rooms_named(&Source::new(path, text)).into_iter().map(|m| m.name).collect()
    }

    #[test]
    fn every_way_of_naming_a_room_is_seen() {
        assert_eq!(rooms("src/http/a.rs", "use crate::store::Orders;"), ["store"]);
        assert_eq!(
            rooms("src/http/a.rs", "use crate::{service::{a, b}, store as s, app};"),
            ["service", "store", "app"]
        );
        assert_eq!(rooms("src/http/a.rs", "fn f() -> crate::delivery::Letter {}"), ["delivery"]);
        assert_eq!(rooms("src/http/a.rs", "use super::super::store;"), ["store"]);
        assert_eq!(rooms("src/main.rs", "use kinkeeper::cli;"), ["cli"]);
        assert_eq!(rooms("src/http/a.rs", "use super::store; // crate::store"), Vec::<String>::new());
    }

    #[test]
    fn a_crate_is_told_from_a_part_of_a_path() {
        let named = |text| crate_named(&Source::new("src/app.rs", text), &["entity", "sea_orm"]).len();
        assert_eq!(named("use ::entity::customer;"), 1);
        assert_eq!(named("use entity::{customer, orders};"), 1);
        assert_eq!(named("let a: ::entity::customer::Model; fn f() -> sea_orm::DbErr {}"), 2);
        assert_eq!(named("use crate::store::entity::customer; let entity = 3; icu::entity::x"), 0);
    }
}
