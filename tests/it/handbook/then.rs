//! What can happen in a story, at one instant, in words: facts from the shop and what its people do. How it
//! reaches the daemon is `scene`'s.

use super::scene::{Act, Handbook, at, coupons};
use domain::campaign::gate::Consent;
use domain::time::Instant;
use serde_json::{Value, json};

/// What happens at one instant.
pub struct Then<'b> {
    when: Instant,
    book: &'b mut Handbook,
}

impl<'b> Then<'b> {
    pub fn new(when: Instant, book: &'b mut Handbook) -> Self {
        Self { when, book }
    }

    fn act(self, act: Act) -> Self {
        self.book.put(self.when, act);
        self
    }

    fn told(self, name: &str, event: &str, properties: Value) -> Self {
        let said = self.book.track(name, event, self.when, properties);
        self.act(Act::Told(vec![said]))
    }

    pub fn orders(self, name: &str, id: &str, total: &str) -> Self {
        let said = self.book.order(name, id, self.when, total);
        self.act(Act::Told(vec![said]))
    }

    /// An order of another instant is told now, as it would be by a shop that comes late.
    pub fn tells_late(self, name: &str, id: &str, paid: &str) -> Self {
        let said = self.book.order(name, id, at(paid), "300");
        self.book.people.entry(name.to_owned()).or_insert(None);
        self.act(Act::Told(vec![said]))
    }

    /// An old order is imported as history.
    pub fn imports(self, name: &str, id: &str, paid: &str) -> Self {
        let said = self.book.order(name, id, at(paid), "300");
        self.book.people.entry(name.to_owned()).or_insert(None);
        self.act(Act::Imported(vec![said]))
    }

    pub fn cancels(self, name: &str, id: &str) -> Self {
        self.told(name, "Order Cancelled", json!({ "order_id": id }))
    }

    /// A refund of the whole order.
    pub fn refunds(self, name: &str, id: &str) -> Self {
        self.told(name, "Order Refunded", json!({ "order_id": id, "refund_id": format!("r-{id}") }))
    }

    /// A refund of a part.
    pub fn refunds_some(self, name: &str, id: &str, amount: &str) -> Self {
        let said = json!({ "order_id": id, "refund_id": format!("r-{id}"), "amount": amount });
        self.told(name, "Order Refunded", said)
    }

    pub fn opts_out(self, name: &str) -> Self {
        let said = self.book.consent(name, self.when, Consent::Refused);
        self.act(Act::Told(vec![said]))
    }

    pub fn complains(self, name: &str, ticket: &str) -> Self {
        self.told(name, "Ticket Opened", json!({ "ticket_id": ticket, "complaint": true }))
    }

    /// A ticket that isn't a complaint.
    pub fn asks(self, name: &str, ticket: &str, properties: Value) -> Self {
        let mut properties = properties;
        properties["ticket_id"] = json!(ticket);
        self.told(name, "Ticket Opened", properties)
    }

    pub fn settles(self, name: &str, ticket: &str) -> Self {
        self.told(name, "Ticket Resolved", json!({ "ticket_id": ticket }))
    }

    /// One file tells of tickets settled at these instants.
    pub fn tells_of_settled(self, name: &str, tickets: &[(&str, &str)]) -> Self {
        let said = |(ticket, when): &(&str, &str)| {
            self.book.track(name, "Ticket Resolved", at(when), json!({ "ticket_id": ticket }))
        };
        let said = tickets.iter().map(said).collect();
        self.act(Act::Told(said))
    }

    /// Something else happened, under a name of its own.
    pub fn happens(self, name: &str, event: &str) -> Self {
        self.told(name, event, json!({}))
    }

    pub fn pauses(self, campaign: &'static str) -> Self {
        self.act(Act::Pause(campaign))
    }

    pub fn starts(self, campaign: &'static str) -> Self {
        self.act(Act::Start(campaign))
    }

    pub fn stops_all(self) -> Self {
        self.act(Act::StopAll)
    }

    pub fn resumes(self) -> Self {
        self.act(Act::Resume)
    }

    pub fn suppresses(self, address: &str) -> Self {
        self.act(Act::Suppress(address.to_owned()))
    }

    pub fn names(self, name: &str, kind: &'static str) -> Self {
        self.act(Act::Name(name.to_owned(), kind))
    }

    /// The coupons get another budget.
    pub fn budgets(self, yuan: u32) -> Self {
        self.act(Act::Apply(coupons(yuan)))
    }
}
