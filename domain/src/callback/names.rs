//! The stable names of this room's enums, tested; the macro is the whole crate's.

pub(super) use crate::names::stable_names;

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
