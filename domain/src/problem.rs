//! What is wrong with something a person or a program handed in: where, what, and what to do.
//!
//! Parsers collect every problem they find rather than stopping at the first one.

use serde::Serialize;
use std::fmt;

/// One problem with an input. `at` names the place in the input's own terms (`steps[2].wait`,
/// `row 17, column paid_at`), `detail` says what is wrong and, where one exists, the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Place in the input; empty when the problem is with the whole of it.
    pub at: String,
    /// Stable machine-readable word, `snake_case`.
    pub code: &'static str,
    /// One sentence for a person.
    pub detail: String,
}

impl Problem {
    pub fn new(at: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { at: at.into(), code, detail: detail.into() }
    }

    /// The same problem seen from one level further out: `prefix.at`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.at = match (self.at.as_str(), prefix) {
            ("", p) => p.to_owned(),
            (at, "") => at.to_owned(),
            (at, p) if at.starts_with('[') => format!("{p}{at}"),
            (at, p) => format!("{p}.{at}"),
        };
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.at, self.detail) }
    }
}

impl std::error::Error for Problem {}

/// Collects what is wrong while the reading goes on, so that all of it is told at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Keeps a problem; of several at one place, the first.
    pub fn push(&mut self, problem: Problem) {
        if !self.0.iter().any(|known| known.at == problem.at) {
            self.0.push(problem);
        }
    }

    /// What was read, or nothing in its place and the problem kept.
    pub fn note<T: Default>(&mut self, read: Result<T, Problem>) -> T {
        read.unwrap_or_else(|problem| {
            self.push(problem);
            T::default()
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// `value`, unless a problem was kept on the way to it.
    pub fn or<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Several problems in one line, for people.
pub fn together(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The known name nearest to what was written, for "did you mean" remedies.
///
/// Nearest by Damerau–Levenshtein distance (optimal string alignment); nothing further away than a
/// third of the longer word is offered.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (distance(written, k), k))
        .filter(|(d, k)| *d * 3 <= written.chars().count().max(k.chars().count()).max(3))
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitution = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + substitution);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_none() {
        let keys = ["listen", "public_url", "timezone"];
        assert_eq!(nearest("lisen", keys), Some("listen"));
        assert_eq!(nearest("timezoen", keys), Some("timezone"));
        assert_eq!(nearest("elephant", keys), None);
    }

    #[test]
    fn all_problems_are_kept_and_one_a_place() {
        let mut problems = Problems::default();
        assert_eq!(problems.note(Ok(5)), 5);
        assert_eq!(problems.clone().or("read"), Ok("read"));
        assert_eq!(problems.note::<i64>(Err(Problem::new("a", "x", "is bad"))), 0);
        problems.push(Problem::new("b", "y", "is worse"));
        problems.push(Problem::new("a", "z", "again"));
        assert_eq!(together(&problems.or(()).unwrap_err()), "a: is bad; b: is worse");
    }

    #[test]
    fn places_nest() {
        let p = Problem::new("[2]", "x", "bad").under("steps").under("campaign");
        assert_eq!(p.to_string(), "campaign.steps[2]: bad");
    }
}
