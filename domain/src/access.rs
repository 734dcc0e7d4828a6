//! What a key lets its holder do. Checking keys is a service's; which route takes whom is the doors'.

use crate::names::stable_names;

stable_names! {
    /// What a key is for.
    Role {
        /// Sends facts, and nothing else.
        Ingest = "ingest",
        Agent = "agent",
        Supervisor = "supervisor",
        Marketer = "marketer",
        Analyst = "analyst",
        Admin = "admin",
    }
}

stable_names! {
    /// How somebody looked at customers.
    Act {
        /// A profile or its history.
        Viewed = "viewed",
        Searched = "searched",
        /// A page of many.
        Listed = "listed",
        /// Contact points unmasked.
        Revealed = "revealed",
        Exported = "exported",
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn a_role_reads_back_and_nothing_else_is_one() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
