//! What goes when an import is taken back.

use crate::customer::identity::Kind;
use crate::time::Span;

/// How long after its end an import can be taken back.
pub const UNDO_WITHIN: Span = Span::days(7);

/// Who first gave a customer a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// The import to take back.
    Import,
    Others,
}

/// The places of those of one customer's names that go with the import that gave them. Whom others know too loses all of
/// them; whom the import alone brought keeps the strongest one: it ties nobody to anything, and the file, put right and
/// imported again, finds the same people.
pub fn names_to_take(names: &[(Kind, Giver)]) -> Vec<usize> {
    let given = || names.iter().enumerate().filter(|(_, (_, giver))| *giver == Giver::Import);
    let known_otherwise = names.iter().any(|(_, giver)| *giver == Giver::Others);
    let stays = given().min_by_key(|(place, (kind, _))| (*kind, *place)).map(|(place, _)| place);
    let stays = stays.filter(|_| !known_otherwise);
    given().map(|(place, _)| place).filter(|place| Some(*place) != stays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_the_import_alone_brought_keeps_the_strongest_name() {
        let own = |kind| (kind, Giver::Import);
        assert_eq!(names_to_take(&[own(Kind::Email), own(Kind::UserId), own(Kind::Phone)]), [0, 2]);
        assert_eq!(names_to_take(&[own(Kind::Email), own(Kind::Email)]), [1]);
        assert_eq!(names_to_take(&[own(Kind::Phone)]), Vec::<usize>::new());
        assert_eq!(names_to_take(&[]), Vec::<usize>::new());
    }

    #[test]
    fn whom_others_know_loses_all_that_the_import_gave_and_nothing_else() {
        let names =
            [(Kind::UserId, Giver::Import), (Kind::AnonymousId, Giver::Others), (Kind::Phone, Giver::Import)];
        assert_eq!(names_to_take(&names), [0, 2]);
        assert_eq!(names_to_take(&[(Kind::Email, Giver::Others)]), Vec::<usize>::new());
    }
}
