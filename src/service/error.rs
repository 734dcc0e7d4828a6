//! What a use case can answer instead of its result. The doors turn these into exit codes and problem+json.

use crate::store::StoreError;
use domain::problem::Problem;
use std::fmt;
use std::time::Duration;

#[derive(Debug)]
pub enum ServiceError {
    /// What was asked for doesn't exist; says what.
    NotFound(String),
    /// The input is wrong; every problem found, each with its place and remedy.
    Invalid(Vec<Problem>),
    /// The present state refuses it; says which state and what would help.
    Conflict(String),
    /// The caller may not do this.
    Forbidden(String),
    /// The caller did it too often; may again after this long.
    TooMany { retry_after: Duration, detail: String },
    /// Try again after this long.
    Unavailable { retry_after: Duration, detail: String },
    /// A defect or a broken row; the detail goes to the log, not to the caller.
    Internal(String),
}

impl ServiceError {
    /// One problem with the input.
    pub fn invalid(at: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(at, code, detail)])
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(detail) | StoreError::Outrun(detail) => {
                Self::Unavailable { retry_after: Duration::from_secs(1), detail }
            }
            StoreError::Conflict { constraint } => {
                Self::Conflict(format!("it exists already ({constraint})"))
            }
            StoreError::RowsAffected { what, .. } => {
                Self::Conflict(format!("{what}: somebody else was faster"))
            }
            StoreError::TooMuch => Self::invalid("", "too_large", error.to_string()),
            StoreError::NotIndexed { .. } => Self::Conflict(error.to_string()),
            StoreError::TookTooLong(_) => {
                Self::Unavailable { retry_after: Duration::from_secs(60), detail: error.to_string() }
            }
            StoreError::WrongBook(detail) => Self::Conflict(detail),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "{what} was not found"),
            Self::Invalid(problems) => {
                for (n, problem) in problems.iter().enumerate() {
                    if n > 0 {
                        writeln!(f)?;
                    }
                    write!(f, "{problem}")?;
                }
                Ok(())
            }
            Self::Conflict(detail)
            | Self::Forbidden(detail)
            | Self::TooMany { detail, .. }
            | Self::Internal(detail) => f.write_str(detail),
            Self::Unavailable { detail, .. } => write!(f, "not available just now: {detail}"),
        }
    }
}

impl std::error::Error for ServiceError {}
