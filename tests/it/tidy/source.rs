//! Reading the tree: which files there are, and the code of a Rust file without its comments and texts.
//! No rule is decided here.

use std::path::Path;

/// One file of the repository. `path` is relative to its root, with `/` between the parts.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The part of the path before the first `/`: `src`, `domain`, `tests`, …
    pub fn top(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// `src/store/orders.rs` and `src/store.rs` are both of the room `store`.
    pub fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next().unwrap_or_default();
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// How many `super::` lead from this file's module to the crate's root.
    pub fn depth(&self) -> usize {
        let Some(inside) = self.path.strip_prefix("src/") else { return 0 };
        let parts = inside.split('/').count();
        match inside {
            "lib.rs" | "main.rs" => 0,
            _ if inside.ends_with("/mod.rs") => parts - 1,
            _ => parts,
        }
    }
}

const NOT_OURS: [&str; 6] =
    ["target", "data", "node_modules", "__pycache__", "vendor", "proptest-regressions"];

/// Every text file below `root` that people write: folders that tools fill are left out.
pub fn read_tree(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let path = entry.expect("an entry of the repository can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) && !matches!(name.as_str(), ".git" | ".venv") {
                    folders.push(path);
                }
                continue;
            }
            // What isn't UTF-8 (shipped data, images) has nothing to say to these rules.
            if let Ok(text) = std::fs::read_to_string(&path) {
                let relative = path.strip_prefix(root).expect("it was found below the root");
                found.push(Source { path: relative.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The code of a Rust text: comments and the insides of literals are blanked, lines stay where they are.
pub fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => line_end(&chars, i),
            '/' if chars.get(i + 1) == Some(&'*') => block_end(&chars, i),
            '"' => text_end(&chars, i + 1),
            'r' | 'b' | 'c' if starts_word(&chars, i) => literal_end(&chars, i),
            '\'' => char_end(&chars, i),
            _ => i,
        };
        if end == i {
            code.push(chars[i]);
            i += 1;
        } else {
            code.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    code
}

fn starts_word(chars: &[char], i: usize) -> bool {
    i == 0 || !(chars[i - 1].is_alphanumeric() || chars[i - 1] == '_')
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn block_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn text_end(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`; anything else beginning with these letters is a name.
fn literal_end(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() && i < from + 2 && matches!(chars[i], 'r' | 'b' | 'c') {
        i += 1;
    }
    let raw = chars[from..i].contains(&'r');
    let hashes = chars[i..].iter().take_while(|c| raw && **c == '#').count();
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return from;
    }
    if !raw {
        return text_end(chars, i + 1);
    }
    let closes = |at: usize| {
        chars[at] == '"' && chars.get(at + 1..=at + hashes).is_some_and(|h| h.iter().all(|c| *c == '#'))
    };
    (i + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes)
}

/// A character literal; a lifetime or label is code.
fn char_end(chars: &[char], from: usize) -> usize {
    if chars.get(from + 1) == Some(&'\\') {
        return (from + 3..chars.len()).find(|i| chars[*i] == '\'').map_or(chars.len(), |i| i + 1);
    }
    if chars.get(from + 2) == Some(&'\'') { from + 3 } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank_and_the_rest_stays() {
        let code = code_of(
            "// sea_orm\nlet a = \"sea_orm \\\" x\"; /* a /* b */ sea_orm */ use b;\nlet r = r#\"sea_orm\"x\"#; z",
        );
        assert!(!code.contains("sea_orm"), "{code}");
        assert!(code.contains("use b;") && code.ends_with("; z"), "{code}");
        assert_eq!(code.lines().count(), 3);
    }

    #[test]
    fn a_quote_character_opens_no_text() {
        assert_eq!(code_of("let q = '\"'; use a;").trim_start(), "let q =    ; use a;");
        assert!(code_of("fn f<'a>(x: &'a str) {} let n = '\\''; use a;").ends_with("use a;"));
        assert!(code_of("let b = b'x'; crate::store").ends_with("crate::store"));
    }

    #[test]
    fn rooms_and_depths_follow_the_path() {
        let depth = |path| Source::new(path, "").depth();
        assert_eq!(Source::new("src/store/mod.rs", "").room(), Some("store"));
        assert_eq!(Source::new("src/system.rs", "").room(), Some("system"));
        assert_eq!((depth("src/lib.rs"), depth("src/store/mod.rs"), depth("src/store/a.rs")), (0, 1, 2));
    }
}
