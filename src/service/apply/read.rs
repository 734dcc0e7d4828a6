//! YAML text into declared documents whose every field still knows its line and column. What a document
//! means is its kind's; nothing here opens a file.

use domain::problem::Problem;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

/// A text to read documents from.
#[derive(Debug, Clone)]
pub struct Input {
    /// As shown in problems, usually the file's path.
    pub name: String,
    pub text: String,
    /// The kind of documents that name none, where the place says it, as with shipped ones.
    pub kind: Option<&'static str>,
}

/// One document of an input.
#[derive(Debug, Clone)]
pub struct Document {
    /// The input's name.
    pub file: String,
    /// 1 for the file's first document.
    pub number: usize,
    /// Without `kind`.
    pub value: Value,
    /// What `kind:` said; empty where it was missing.
    pub kind: String,
    /// Line and column of every place; none where it came as JSON.
    places: BTreeMap<String, (u64, u64)>,
}

impl Document {
    /// One that came as JSON: its places have no lines, and are found under `at`.
    pub fn of(mut value: Value, kind: &'static str, at: &str) -> Self {
        let kind = kind_of(&mut value, Some(kind));
        Self { file: at.to_owned(), number: 1, value, kind, places: BTreeMap::new() }
    }

    /// The problem seen from outside: file, line, column, document and field.
    pub fn locate(&self, problem: Problem) -> Problem {
        if self.places.is_empty() {
            return problem.under(&self.file);
        }
        let (line, column) = self.line_of(&problem.at);
        let at = if problem.at.is_empty() { String::new() } else { format!(", {}", problem.at) };
        Problem { at: format!("{}:{line}:{column}, document {}{at}", self.file, self.number), ..problem }
    }

    /// Where a place stands; a field that is missing stands where its parent does.
    fn line_of(&self, at: &str) -> (u64, u64) {
        let mut at = at;
        loop {
            if let Some(found) = self.places.get(at) {
                return *found;
            }
            match at.rfind(['.', '[']) {
                Some(cut) => at = &at[..cut],
                None => return self.places.get("").copied().unwrap_or((1, 1)),
            }
        }
    }
}

/// Every document of every input, and what kept the others from being read.
pub fn read_all(inputs: &[Input]) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for input in inputs {
        match read(input) {
            Ok(found) => documents.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    (documents, problems)
}

/// Takes out what kind of document it says it is; `unless_said` where it doesn't.
fn kind_of(value: &mut Value, unless_said: Option<&str>) -> String {
    let said = value.as_object_mut().and_then(|fields| fields.remove("kind"));
    let said = said.and_then(|kind| kind.as_str().map(str::to_owned));
    said.or_else(|| unless_said.map(str::to_owned)).unwrap_or_default()
}

/// Reads every document of a text. One that isn't YAML spoils its file only.
pub fn read(input: &Input) -> Result<Vec<Document>, Problem> {
    let nodes: Vec<Spanned<Node>> = serde_saphyr::from_multiple(&input.text).map_err(|error| {
        let at = match error.location() {
            Some(at) => format!("{}:{}:{}", input.name, at.line(), at.column()),
            None => input.name.clone(),
        };
        let detail = error.without_snippet().to_string();
        Problem::new(at, "not_yaml", format!("this isn't readable as YAML: {detail}"))
    })?;
    Ok(nodes
        .into_iter()
        .enumerate()
        .map(|(index, node)| {
            let mut places = BTreeMap::new();
            let mut value = settle(node, "", &mut places);
            let kind = kind_of(&mut value, input.kind);
            Document { file: input.name.clone(), number: index + 1, value, kind, places }
        })
        .collect())
}

/// A value whose parts know where they stand.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn settle(node: Spanned<Node>, at: &str, places: &mut BTreeMap<String, (u64, u64)>) -> Value {
    let stands = (node.referenced.line(), node.referenced.column());
    places.entry(at.to_owned()).or_insert(stands);
    match node.value {
        Node::Scalar(value) => value,
        Node::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| settle(item, &format!("{at}[{i}]"), places))
            .collect(),
        Node::Map(fields) => {
            let mut map = Map::new();
            for (key, value) in fields {
                let at = if at.is_empty() { key.value.clone() } else { format!("{at}.{}", key.value) };
                // A field is found by its name; the value may stand lines below.
                places.insert(at.clone(), (key.referenced.line(), key.referenced.column()));
                map.insert(key.value, settle(value, &at, places));
            }
            Value::Object(map)
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a list, text, a number or true/false")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Node, E> {
        Ok(Node::Scalar(v.into()))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Node, E> {
        Ok(Node::Scalar(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Node, E> {
        Ok(Node::Scalar(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Node, E> {
        Ok(Node::Scalar(v.into()))
    }
    fn visit_str<E>(self, v: &str) -> Result<Node, E> {
        Ok(Node::Scalar(v.into()))
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        Node::deserialize(d)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        Input { name: "book.yaml".to_owned(), text: text.to_owned(), kind: None }
    }

    #[test]
    fn a_problem_knows_its_line() {
        let text = "kind: campaign\nsteps:\n  - send: {channels: [email]}\n  - wait: {for: 7x}\n---\n\nkind: staff\nkey: 2011-12-25\n";
        let documents = read(&input(text)).expect("is YAML");
        assert_eq!(documents.len(), 2);
        assert_eq!((documents[0].kind.as_str(), documents[1].kind.as_str()), ("campaign", "staff"));
        let seen = documents[0].locate(Problem::new("steps[1].wait.for", "x", "a span such as 7d"));
        assert_eq!(seen.at, "book.yaml:4:12, document 1, steps[1].wait.for");
        let missing = documents[0].locate(Problem::new("steps[0].send.template", "missing", "needed"));
        assert_eq!(missing.at, "book.yaml:3:5, document 1, steps[0].send.template");
        let whole = documents[1].locate(Problem::new("name", "missing", "needed"));
        assert_eq!(whole.at, "book.yaml:7:1, document 2, name");
        assert_eq!(documents[1].value["key"], "2011-12-25");
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let problem = read(&input("kind: a\nsteps: [1, 2\nkey: x\n")).expect_err("an open list");
        assert!(problem.at.starts_with("book.yaml:"), "{problem}");
        let twice = read(&input("kind: a\nkey: x\nkey: y\n")).expect_err("a key twice");
        assert!(twice.at.starts_with("book.yaml:3"), "{twice}");
    }
}
