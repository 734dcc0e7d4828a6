//! What merging, parting and asking for candidates answer.

use domain::ids::CustomerId;
use domain::time::Instant;
use serde::Serialize;
use utoipa::ToSchema;

/// Two customers that are one now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Merged {
    /// Who they are now.
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    /// Everybody who is one with them; each can be given back.
    #[schema(value_type = Vec<String>, example = json!(["cus_57"]))]
    pub merged_from: Vec<CustomerId>,
}

/// A customer who is themselves again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parted {
    #[schema(value_type = String, example = "cus_57")]
    pub customer: CustomerId,
    #[schema(value_type = String, example = "cus_42")]
    pub parted_from: CustomerId,
}

/// Two customers that may be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CandidateView {
    #[schema(value_type = String, example = "cus_42")]
    pub first: CustomerId,
    #[schema(value_type = String, example = "cus_57")]
    pub second: CustomerId,
    /// The shop's own ids, where they have one.
    pub first_user_id: Option<String>,
    pub second_user_id: Option<String>,
    /// What they share: user_id, external, phone or email.
    #[schema(example = "phone")]
    pub by: String,
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Instant,
}

/// A customer with another kind of account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KindChanged {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    pub account_kind: &'static str,
    pub before: String,
}
