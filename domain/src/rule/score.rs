//! Numbers that runs over the whole book give each customer: their keys, kinds, and what people call them. Nobody has one before the
//! first run; what each is of one customer is [`super::eval`]'s.

use super::describe::Lang;
use super::field::FieldKind;
use crate::customer::dealings::Score;
use crate::names::stable_names;

stable_names! {
    /// A number of a run that rules can name. It stands in `Score Settled` under this name, in millionths.
    ScoreNumber {
        /// The likelihood of an order within 180 d, of 1.
        POrder180 = "p_order_180",
        /// What they will spend within 365 d, in the base currency.
        Clv365 = "clv_365",
    }
}

impl ScoreNumber {
    /// The score it is a number of.
    pub const fn score(self) -> Score {
        match self {
            Self::POrder180 => Score::Churn,
            Self::Clv365 => Score::Clv,
        }
    }

    pub const fn kind(self) -> FieldKind {
        match self {
            Self::POrder180 => FieldKind::Number,
            Self::Clv365 => FieldKind::Money,
        }
    }

    /// What people call it.
    pub const fn name(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::POrder180, Lang::En) => "the likelihood of an order within 180 d",
            (Self::POrder180, Lang::ZhCn) => "180 天内再次下单的概率",
            (Self::Clv365, Lang::En) => "the spend expected within 365 d",
            (Self::Clv365, Lang::ZhCn) => "未来 365 天预计消费",
        }
    }
}
