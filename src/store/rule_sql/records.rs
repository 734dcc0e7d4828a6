//! Conditions on what stands beside the log: the ledger of consents, coupons, ways through campaigns. Each table is looked up as it is now;
//! nothing of it waits for the keeper.

use super::compare::NEVER;
use super::condition::Writer;
use crate::store::reach;
use domain::customer::consent::Purpose;
use domain::rule::Age;
use domain::rule::record::{Answer, CampaignTest, ConsentTest, CouponTest, Deed, ReachTest, RecordTest};

impl Writer<'_> {
    pub(super) fn record(&mut self, test: &RecordTest) -> String {
        match test {
            RecordTest::Consent(test) => self.consent(test),
            RecordTest::Coupon(test) => self.coupon(test),
            RecordTest::Campaign(test) => self.campaign(test),
            RecordTest::Holdout(key) => self.holdout(key),
            RecordTest::Reachable(test) => self.reachable(*test),
        }
    }

    /// A denial of any side counts before every grant; of the word that counts the latest says how old it is.
    fn consent(&mut self, test: &ConsentTest) -> String {
        match test.answer {
            Answer::Unsaid => format!("NOT {}", self.anybody(test, None, None)),
            Answer::Denied => self.word("denied", test),
            Answer::Granted => {
                let (denied, granted) =
                    (self.anybody(test, Some("denied"), None), self.word("granted", test));
                format!("(NOT {denied} AND {granted})")
            }
            Answer::Said if test.said.is_none() => self.anybody(test, None, None),
            Answer::Said => {
                let denied = self.anybody(test, Some("denied"), None);
                let [no, yes] = ["denied", "granted"].map(|word| self.word(word, test));
                format!("({no} OR (NOT {denied} AND {yes}))")
            }
        }
    }

    /// Any side's last word is this one, and the latest of them is of the age that is asked for.
    fn word(&mut self, word: &str, test: &ConsentTest) -> String {
        match test.said {
            None => self.anybody(test, Some(word), None),
            Some(Age::Within(span)) => self.anybody(test, Some(word), Some(Age::Within(span))),
            Some(Age::OlderThan(span)) => {
                let any = self.anybody(test, Some(word), None);
                let young = self.anybody(test, Some(word), Some(Age::Within(span)));
                format!("({any} AND NOT {young})")
            }
        }
    }

    /// Whether any side's last word is this one (any, where none is given), of this age.
    fn anybody(&mut self, test: &ConsentTest, word: Option<&str>, age: Option<Age>) -> String {
        let (channel, purpose) = (self.bind(&test.channel), self.bind(test.purpose.as_str()));
        let now = self.now();
        let word = word.map(|word| format!(" AND c.state = {}", self.bind(word))).unwrap_or_default();
        let age = age.map(|age| format!(" AND {}", self.aged("c.occurred_at", age))).unwrap_or_default();
        let counts = |line: &str| {
            format!(
                "{line}.revokes IS NULL AND {line}.occurred_at <= {now} AND {line}.recorded_at <= {now} \
                 AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = {line}.id)"
            )
        };
        let lines = format!(
            "SELECT c.customer_id FROM consent c WHERE c.channel = {channel} AND c.purpose = {purpose}{word}{age} \
             AND {} AND NOT EXISTS (SELECT 1 FROM consent l WHERE l.customer_id = c.customer_id \
             AND l.channel = {channel} AND l.purpose = {purpose} AND (l.occurred_at > c.occurred_at \
             OR (l.occurred_at = c.occurred_at AND l.id > c.id)) AND COALESCE(l.origin_customer_id, l.customer_id) \
             = COALESCE(c.origin_customer_id, c.customer_id) AND {})",
            counts("c"),
            counts("l")
        );
        self.among(&lines, "c")
    }

    fn coupon(&mut self, CouponTest { batch }: &CouponTest) -> String {
        let now = self.now();
        let batch = batch.as_ref().map(|key| {
            format!(" AND k.batch_id IN (SELECT b.id FROM coupon_batch b WHERE b.key = {})", self.bind(key))
        });
        let held = format!(
            "SELECT k.customer_id FROM coupon k WHERE k.state IN ('issued', 'redeemed', 'expired') \
             AND k.issued_at <= {now} AND (k.expires_at IS NULL OR k.expires_at > {now}) \
             AND (k.redeemed_at IS NULL OR k.redeemed_at > {now}){}",
            batch.unwrap_or_default()
        );
        self.among(&held, "k")
    }

    /// As events are counted, each at its instant.
    fn campaign(&mut self, test: &CampaignTest) -> String {
        let at = match test.did {
            Deed::Entered => "n.entered_at",
            Deed::Left => "n.ended_at",
        };
        let (key, now) = (self.bind(&test.campaign), self.now());
        let window = self.window(test.window);
        let ways = format!(
            "SELECT e.customer_id FROM (SELECT n.customer_id, {at} AS occurred_at FROM enrollment n \
             WHERE n.campaign_id IN (SELECT g.id FROM campaign g WHERE g.key = {key})) e \
             WHERE e.occurred_at <= {now} AND {window}"
        );
        self.so_often(&ways, &test.count)
    }

    /// As the gate asks: a point that may be used, a word that allows it, not on the list of refusals.
    fn reachable(&mut self, test: ReachTest) -> String {
        let points = self.bind(test.points());
        let scope = if test.needs_opt_in() { "" } else { " AND s.scope <> 'marketing'" };
        let target = format!(
            "SELECT c.customer_id FROM contact_point c WHERE c.channel = {points} AND c.value_hash IS NOT NULL AND {} \
             AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.channel = {points} AND s.value_hash = c.value_hash{scope})",
            reach::is_target()
        );
        let target = self.among(&target, "c");
        let Some(purpose) = Purpose::parse(test.purpose.as_str()) else { return NEVER.to_owned() };
        let mut says = |answer| {
            let channel = test.channel.as_str().to_owned();
            self.consent(&ConsentTest { purpose, channel, answer, said: None })
        };
        if test.needs_opt_in() {
            format!("({target} AND {} AND p.account_kind = 'consumer')", says(Answer::Granted))
        } else {
            format!("({target} AND NOT {})", says(Answer::Denied))
        }
    }

    fn holdout(&mut self, key: &str) -> String {
        let (key, now) = (self.bind(key), self.now());
        let last = format!(
            "SELECT n.customer_id FROM enrollment n WHERE n.campaign_id IN (SELECT g.id FROM campaign g WHERE g.key = {key}) \
             AND n.arm = 'control' AND n.entered_at <= {now} AND NOT EXISTS (SELECT 1 FROM enrollment l \
             WHERE l.campaign_id = n.campaign_id AND l.customer_id = n.customer_id AND l.entered_at <= {now} \
             AND (l.entered_at > n.entered_at OR (l.entered_at = n.entered_at AND l.id > n.id)))"
        );
        self.among(&last, "n")
    }
}
