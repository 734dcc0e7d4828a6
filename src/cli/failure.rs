//! How a command ends: exit codes and what is said on stderr. 0 done, 1 failed, 2 wrong usage or bad input,
//! 3 not found, 4 refused.

use crate::service::ServiceError;
use domain::problem::Problem;
use std::process::ExitCode;

/// Why a command didn't do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    Service(ServiceError),
    /// The input is wrong, which was found before anything was changed.
    Unchanged(Vec<Problem>),
    /// The input is wrong; says how.
    BadInput(String),
    /// Something outside the book: a file, a terminal.
    Failed(String),
    /// The person said no, or wasn't there to be asked.
    Refused(String),
    /// Whoever read our output went away; there is nothing left to say.
    Silent,
}

pub type Outcome = Result<(), Failure>;

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Failed(_) => 1,
            Self::Unchanged(_) | Self::BadInput(_) => 2,
            Self::Refused(_) => 4,
            Self::Service(error) => match error {
                ServiceError::Invalid(_) => 2,
                ServiceError::NotFound(_) => 3,
                ServiceError::Conflict(_) | ServiceError::Forbidden(_) | ServiceError::TooMany { .. } => 4,
                ServiceError::Unavailable { .. } | ServiceError::Internal(_) => 1,
            },
        }
    }

    /// The lines for stderr.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Silent => Vec::new(),
            Self::Service(ServiceError::Invalid(problems)) | Self::Unchanged(problems) => {
                let mut lines: Vec<String> = problems.iter().map(|p| format!("error: {p}")).collect();
                match (lines.len(), self) {
                    (0 | 1, Self::Unchanged(_)) => lines.push("nothing was changed".to_owned()),
                    (0 | 1, _) => {}
                    (n, _) => lines.push(format!("{n} problems; nothing was changed")),
                }
                lines
            }
            Self::Service(error) => vec![format!("error: {error}")],
            Self::Failed(detail) | Self::BadInput(detail) => vec![format!("error: {detail}")],
            Self::Refused(detail) => vec![format!("refused: {detail}")],
        }
    }

    /// Says why on stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        for line in self.lines() {
            eprintln!("{line}");
        }
        ExitCode::from(self.exit_code())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Service(ServiceError::Invalid(problems))
    }
}

/// What went wrong with a stream we write to.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Silent,
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_code() {
        let code = |error| Failure::Service(error).exit_code();
        assert_eq!(code(ServiceError::Internal(String::new())), 1);
        assert_eq!(code(ServiceError::invalid("a", "b", "c")), 2);
        assert_eq!(code(ServiceError::NotFound("x".into())), 3);
        assert_eq!(code(ServiceError::Conflict("x".into())), 4);
        assert_eq!(Failure::Refused(String::new()).exit_code(), 4);
        assert_eq!(Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).exit_code(), 0);
    }
}
