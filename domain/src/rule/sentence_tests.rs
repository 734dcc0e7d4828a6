//! Rules as sentences, each in both languages, as they stand in `sentences.txt`: the rule, then English, then Chinese. People
//! have read them; a change of a sentence is a change of that file.

use super::*;
use serde_json::Value;

const SENTENCES: &str = include_str!("sentences.txt");

#[test]
fn rules_are_the_sentences_that_people_have_read() {
    let mut written = String::new();
    let mut rules = 0;
    for block in SENTENCES.trim_end().split("\n\n") {
        let rule = block.lines().next().expect("a rule");
        let value: Value = serde_json::from_str(rule).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let parsed = parse(&value).unwrap_or_else(|problems| panic!("{rule}: {problems:?}"));
        assert_eq!(parse(&parsed.to_value()), Ok(parsed.clone()), "{rule} reads back");
        let (en, zh) = (describe(&parsed, Lang::En), describe(&parsed, Lang::ZhCn));
        written += &format!("{rule}\n{en}\n{zh}\n\n");
        rules += 1;
    }
    assert!(rules >= 60, "{rules}");
    assert!(written.trim_end() == SENTENCES.trim_end(), "sentences.txt should be\n{written}");
}
