//! Reads what a rule asks of the book beside the log: consents, coupons, campaigns.

use super::event::WINDOWS;
use super::leaves::TAG_OPS;
use super::{Reader, join, quoted};
use crate::campaign::definition::Channel;
use crate::customer::consent::{self, Purpose};
use crate::problem::nearest;
use crate::rule::ast::{Comparison, Rule};
use crate::rule::event::{Measure, Window};
use crate::rule::record::{Answer, CampaignTest, ConsentTest, CouponTest, Deed, ReachTest, RecordTest};
use serde_json::{Map, Value};

impl Reader {
    /// A leaf with one of these heads: `consent`, `coupon`, `campaign`, `holdout_of`, `reachable`.
    pub(super) fn record(
        &mut self,
        head: &'static str,
        fields: &Map<String, Value>,
        operand: &Value,
        path: &str,
    ) -> Option<Rule> {
        let test = match head {
            "consent" => RecordTest::Consent(self.consent(fields, operand, path)?),
            "coupon" => RecordTest::Coupon(self.coupon(fields, operand, path)?),
            "campaign" => RecordTest::Campaign(self.campaign(fields, operand, path)?),
            "reachable" => RecordTest::Reachable(self.reachable(fields, operand, path)?),
            _ => {
                self.only(fields, head, &[], path);
                RecordTest::Holdout(self.named("a campaign's key", operand, &join(path, head))?)
            }
        };
        Some(Rule::Record(test))
    }

    fn consent(&mut self, fields: &Map<String, Value>, purpose: &Value, path: &str) -> Option<ConsentTest> {
        let known: Vec<(&str, Purpose)> = Purpose::choices();
        let purpose = self.choice(&known, "a purpose", purpose, &join(path, "consent"));
        let at = join(path, "channel");
        let channel = match fields.get("channel") {
            None => self.refuse(&at, "missing", "say on which channel, for example channel: email"),
            Some(value) => self.channel(value, &at),
        };
        let beside = fields.iter().filter(|(key, _)| !matches!(key.as_str(), "channel" | "said"));
        let beside: Map<String, Value> = beside.map(|(key, value)| (key.clone(), value.clone())).collect();
        let answer = if beside.len() == 1 { Some(Answer::Said) } else { self.answer(&beside, path) };
        let said = self.aged(fields, "said", path);
        let (purpose, channel, answer, said) = (purpose?, channel?, answer?, said?);
        if answer == Answer::Unsaid && said.is_some() {
            let detail = "asks how long ago nothing was said; leave it out";
            return self.refuse(&join(path, "said"), "never", detail);
        }
        Some(ConsentTest { purpose, channel, answer, said })
    }

    fn answer(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Answer> {
        const WORDS: [(&str, Answer); 2] = [("granted", Answer::Granted), ("denied", Answer::Denied)];
        let (op, operand) = self.one_op(fields, "consent", &TAG_OPS, path)?;
        let at = join(path, op);
        let word = |reader: &mut Self, value: &Value, at: &str| reader.choice(&WORDS, "an answer", value, at);
        Some(match op {
            "eq" => word(self, operand, &at)?,
            "ne" if word(self, operand, &at)? == Answer::Granted => Answer::Denied,
            "ne" => Answer::Granted,
            "in" => {
                let several = self.several(operand, &at, word)?;
                let first = *several.first()?;
                if several.iter().all(|one| *one == first) { first } else { Answer::Said }
            }
            _ if self.yes(operand, &at)? => Answer::Said,
            _ => Answer::Unsaid,
        })
    }

    /// A channel in its one spelling.
    fn channel(&mut self, value: &Value, at: &str) -> Option<String> {
        let written = value.as_str().unwrap_or_default();
        self.plain(written, at)?;
        match consent::channel(written) {
            Some(channel) => Some(channel),
            None => {
                let detail = format!("{} is no channel; write for example email or sms", quoted(value));
                self.refuse(at, "bad_channel", detail)
            }
        }
    }

    fn coupon(&mut self, fields: &Map<String, Value>, held: &Value, path: &str) -> Option<CouponTest> {
        self.only(fields, "coupon", &["batch"], path);
        let batch = fields.get("batch").map(|batch| self.named("a batch's key", batch, &join(path, "batch")));
        if held.as_str() != Some("held") {
            let detail = format!(
                "{} is nothing that is known of coupons; write {{coupon: held}}, with batch: KEY for those of one batch",
                quoted(held)
            );
            return self.refuse(&join(path, "coupon"), "bad_value", detail);
        }
        Some(CouponTest {
            batch: match batch {
                None => None,
                Some(batch) => Some(batch?),
            },
        })
    }

    fn campaign(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<CampaignTest> {
        self.only(fields, "campaign", &["did", "count", "within", "before", "between"], path);
        let campaign = self.named("a campaign's key", name, &join(path, "campaign"));
        let did = match fields.get("did") {
            None => Some(Deed::Entered),
            Some(value) => self.choice(&Deed::choices(), "anything that is known", value, &join(path, "did")),
        };
        let count = match fields.get("count") {
            None => Some(Comparison::Gte(1)),
            Some(value) => match self.measure("count", value, &join(path, "count")) {
                Some(Measure::Count(count)) => Some(count),
                _ => None,
            },
        };
        let window = match self.one_of(fields, &WINDOWS, path) {
            Some(None) => Some(Window::Ever),
            Some(Some((key, value))) => self.window(key, value, &join(path, key)),
            None => None,
        };
        Some(CampaignTest { campaign: campaign?, did: did?, count: count?, window: window? })
    }

    fn reachable(&mut self, fields: &Map<String, Value>, channel: &Value, path: &str) -> Option<ReachTest> {
        self.only(fields, "reachable", &["purpose"], path);
        let channel =
            self.choice(&Channel::choices(), "a channel messages go by", channel, &join(path, "reachable"));
        let known = ReachTest::PURPOSES.map(|purpose| (purpose.as_str(), purpose));
        let purpose = match fields.get("purpose") {
            None => Some(known[0].1),
            Some(value) => self.choice(&known, "a purpose of messages", value, &join(path, "purpose")),
        };
        Some(ReachTest { channel: channel?, purpose: purpose? })
    }

    /// The key of something that this catalogue doesn't know.
    fn named(&mut self, what: &str, value: &Value, at: &str) -> Option<String> {
        match value.as_str().filter(|key| !key.is_empty()) {
            Some(key) => self.plain(key, at).map(|()| key.to_owned()),
            None => self.refuse(at, "not_a_key", format!("{} is not {what}", quoted(value))),
        }
    }

    fn choice<T: Copy>(&mut self, known: &[(&str, T)], what: &str, value: &Value, at: &str) -> Option<T> {
        let written = value.as_str().unwrap_or_default();
        if let Some((_, one)) = known.iter().find(|(name, _)| *name == written) {
            return Some(*one);
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let remedy = match nearest(written, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", names.join(", ")),
        };
        self.refuse(at, "unknown_value", format!("{} is not {what}; {remedy}", quoted(value)))
    }
}
