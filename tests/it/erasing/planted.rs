//! People drawn at random, with what senders say of them in every place where something may be said, good and bad. Every
//! word of theirs is unique, so that it can be looked for byte by byte.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// When all of it happened.
pub const WHEN: &str = "2026-09-01T00:00:00Z";

/// What is drawn of a person.
#[derive(Debug, Clone)]
struct Drawn {
    token: String,
    user: usize,
    tail: u32,
    name: usize,
    wide: String,
    spellings: Vec<usize>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let spellings = prop::collection::vec(0..8_usize, 16);
    ("[b-dg-z]{9}", 0..4_usize, 10_000_000..99_999_999_u32, 0..3_usize, "[\u{5200}-\u{5fff}]{4}", spellings)
        .prop_map(|(token, user, tail, name, wide, spellings)| Drawn {
            token,
            user,
            tail,
            name,
            wide,
            spellings,
        })
}

/// Somebody, and all that was planted of them.
#[derive(Debug)]
pub struct Person {
    drawn: Drawn,
    /// As senders write it: text or number.
    pub user: Value,
    pub name: String,
    pub email: String,
    digits: String,
    spelt: usize,
    planted: Vec<String>,
}

impl Person {
    /// The `n`-th of a run of the test.
    pub fn random(seed: u64, n: u64) -> Self {
        let mut bytes = [3; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&n.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let drawn = drawn().new_tree(&mut runner).expect("somebody").current();
        let token = &drawn.token;
        let user = match drawn.user {
            0 => json!(format!("roe-{token}")),
            1 => json!(7_000_000_000_u64 + u64::from(drawn.tail)),
            2 => json!(format!("taobao:{}", drawn.wide)),
            _ => json!(format!("R{token}.77")),
        };
        let name = match drawn.name {
            0 => format!("Ros{token} Quill{token}"),
            1 => format!("欧阳{}", drawn.wide.chars().rev().collect::<String>()),
            _ => format!("Zoë O'{token}"),
        };
        let email = format!("{token}.q@example.com");
        let digits = format!("138{}", drawn.tail);
        let mut person =
            Self { user, name, email, digits, spelt: 0, planted: Vec::new(), drawn: drawn.clone() };
        let id = person.id();
        person.planted = vec![id, person.name.clone(), person.email.clone(), person.digits.clone()];
        person.planted.push(format!("anon-{token}"));
        person
    }

    /// As the book knows it, without a platform.
    pub fn id(&self) -> String {
        let text = self.user.as_str().map_or_else(|| self.user.to_string(), str::to_owned);
        text.strip_prefix("taobao:").map_or(text.clone(), str::to_owned)
    }

    /// How a command line names them.
    pub fn key(&self) -> String {
        match self.drawn.user {
            2 => format!("external:taobao:{}", self.drawn.wide),
            _ => format!("user_id:{}", self.id()),
        }
    }

    /// A new word of theirs.
    pub fn word(&mut self) -> String {
        let word = format!("gos{}{}x", self.drawn.token, self.planted.len());
        self.planted.push(word.clone());
        word
    }

    /// Their number in the next spelling.
    pub fn phone(&mut self) -> String {
        let (a, b, c) = (&self.digits[..3], &self.digits[3..7], &self.digits[7..]);
        let spelt = match self.drawn.spellings[self.spelt % self.drawn.spellings.len()] {
            0 => self.digits.clone(),
            1 => format!("{a} {b} {c}"),
            2 => format!("+86 {a}-{b}-{c}"),
            3 => format!("0086{}", self.digits),
            4 => self.digits.chars().filter_map(|d| char::from_u32(u32::from(d) + 0xfee0)).collect(),
            5 => format!("+86({a}){b}.{c}"),
            6 => format!("{a}-{b}{c}"),
            _ => format!("+86{}", self.digits),
        };
        self.spelt += 1;
        self.planted.push(spelt.clone());
        spelt
    }

    /// Their address in other capitals.
    pub fn email_loud(&mut self) -> String {
        let loud = self.email.to_uppercase();
        self.planted.push(loud.clone());
        loud
    }

    /// All that must not be found once they are erased.
    pub fn planted(&self) -> Vec<&str> {
        self.planted.iter().map(String::as_str).collect()
    }

    /// What is said of them that can be taken in; `run` makes messages and orders others than another run's.
    pub fn good(&mut self, run: &str) -> Vec<Value> {
        let (id, name, token) = (self.id(), self.name.clone(), self.drawn.token.clone());
        let traits = json!({
            "name": name, "email": self.email_loud(), "phone": self.phone(), "timezone": "Asia/Shanghai",
            "address": {"street": self.word()}, "收货地址": self.word(), "likes": [self.word()],
            "consents": {"email": {"marketing": "granted"}},
        });
        let identify = json!({"type": "identify", "messageId": format!("customers:{run}:{id}@ab12#00000001"), "userId": self.user,
            "anonymousId": format!("anon-{token}"), "timestamp": WHEN, "traits": traits,
            "context": {"traits": {"nickname": self.word()}}});
        let number: u64 = self.digits.parse().expect("digits");
        let order = format!("O-{run}");
        let mut sold = json!({"order_id": order, "total": "300.00", "gift_message": self.word(), "收货人": name,
            "contact_phone": number, "note": self.word(), "shipping_address": {"street": self.word()}, "n": 7,
            "products": [{"sku": "S1", "name": "A mug", "price": 100, "quantity": 3, "personalization": self.word(),
                          "options": [{"text": self.word()}]}]});
        sold[self.word()] = json!(true);
        sold["products"][0]["engraving"] = json!({"front": [self.word(), self.phone()]});
        let mut n = 0;
        let mut track = |id: &str, event: &str, properties: Value| {
            n += 1;
            json!({"type": "track", "messageId": format!("{event} {n} {id} {run}"), "userId": self.user, "event": event,
                   "timestamp": WHEN, "properties": properties})
        };
        let (some, other) = (id.clone(), token);
        let mut events = vec![
            identify,
            track(&some, "Order Completed", sold),
            // Two versions of one instant: which one counts, its message's id says.
            track(&some, "Order Updated", json!({"order_id": order, "total": "250.00"})),
            track(&some, "Order Updated", json!({"order_id": order, "total": "260.00"})),
            track(&other, "Order Refunded", json!({"order_id": order, "total": "50.00"})),
        ];
        let parcel = json!({"order_id": order, "status": "out", "carrier": "SF", "place": self.word()});
        let failed = json!({"order_id": order, "reason": self.word(), "new_eta": "2026-09-03T00:00:00Z"});
        let ticket = json!({"ticket_id": format!("T-{run}"), "complaint": true, "category": "size", "theme": name,
            "description": self.word(), "attachment": {"caption": self.word()}});
        let review = json!({"product_id": "P1", "rating": 2, "body": self.word(), "title": self.word()});
        let answer = json!({"score": 2, "comment": self.word(), "because": self.word()});
        let wish = json!({"item": self.word(), "for": [{"whom": name}], "7": self.phone()});
        let group = self.word();
        n = 10;
        let mut track = |event: &str, properties: Value| {
            n += 1;
            json!({"type": "track", "messageId": format!("{id}/{n}/{run}"), "userId": self.user, "event": event,
                   "timestamp": WHEN, "properties": properties})
        };
        events.extend([
            track("Shipment Updated", parcel),
            track("Shipment Exception", failed),
            track("Ticket Opened", ticket),
            track("Product Reviewed", review),
            track("CSAT Submitted", answer),
            track("Consent Changed", json!({"channel": "sms", "granted": false})),
            track(&format!("{name} wished"), wish),
            json!({"type": "group", "messageId": format!("g {run}"), "userId": self.user, "timestamp": WHEN,
                   "traits": {"name": group, "plan": group}}),
        ]);
        events
    }

    /// What is said of them that can't be.
    pub fn bad(&mut self, run: &str) -> Vec<Value> {
        let mut n = 0;
        let mut id = || {
            n += 1;
            format!("bad {n} {run}")
        };
        let ring = format!("ring {} for {}", self.phone(), self.word());
        let (loud, word) = (self.email_loud(), self.word());
        let in_a_key = json!({ loud: word });
        let number: u64 = self.digits.parse().expect("digits");
        vec![
            json!({"type": "track", "messageId": id(), "userId": self.user, "event": "Order Completed", "timestamp": WHEN,
                   "properties": {"order_id": "X", "total": "free", "note": self.word()}}),
            json!({"type": "track", "messageId": id(), "userId": "courier-9", "event": "Order Completed", "timestamp": WHEN,
                   "properties": {"order_id": "X", "total": "free", "deep": [{"note": ring}]}}),
            json!({"type": "track", "messageId": id(), "userId": "courier-9", "timestamp": WHEN, "properties": in_a_key}),
            json!({"type": "identify", "messageId": id(), "timestamp": WHEN,
                   "traits": {"name": self.name.to_uppercase(), "x": self.word()}}),
            json!({"type": "track", "messageId": id(), "userId": "courier-9", "timestamp": WHEN, "event": "",
                   "properties": {"tel": number, "x": self.word()}}),
            json!({"type": "identify", "messageId": id(), "userId": self.user, "timestamp": WHEN,
                   "traits": {"birthday": format!("1999-02-31 {}", self.word())}}),
        ]
    }

    /// What isn't even JSON.
    pub fn torn(&mut self) -> String {
        let word = self.word();
        format!("{{\"userId\": {}, \"note\": \"{word} and then", self.user)
    }
}
