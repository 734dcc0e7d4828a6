//! The restricted language of templates, checked on the parsed tree before anything is compiled.
//!
//! Allowed are output, `if`/`elif`/`else`, `for` over a given list, fields, constants, comparisons, `and`
//! `or` `not`, the filters of [`FILTERS`] and the tests of [`TESTS`]. Everything that can build a value
//! larger than its inputs (`*`, `~`, `join`, `replace`, `range`, assignment, macros, blocks, calls) is not,
//! since the engine's fuel counts instructions and not memory; constants are folded while compiling, so the
//! check must come before. What nests is bounded by counting tokens first, as deep trees overflow the stack.

use crate::problem::Problem;
use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Token, parse, tokenize};
use std::collections::BTreeSet;

/// Filters whose result is no larger than a small multiple of their input.
pub const FILTERS: &[&str] =
    &["default", "d", "escape", "e", "upper", "lower", "trim", "length", "first", "last"];
/// Tests on values.
pub const TESTS: &[&str] = &["defined", "undefined", "none"];

/// The longest source of one part, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;
/// The most `{{ }}` and `{% %}` in one part.
pub const MAX_TAGS: usize = 500;
/// The most tokens inside one of them.
pub const MAX_TOKENS: usize = 100;
/// The deepest nesting of `if` and `for`.
const MAX_DEPTH: usize = 10;

/// What a part looks at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Used {
    /// Fields by their paths, `coupon.code`; those of loop variables aren't here.
    pub fields: BTreeSet<String>,
    /// Those of them that are printed.
    pub printed: BTreeSet<String>,
}

/// Checks one part's source. `at` names the part in problems.
pub fn check(at: &str, source: &str) -> Result<Used, Vec<Problem>> {
    if let Some(problem) = too_large(at, source) {
        return Err(vec![problem]);
    }
    let tree = parse(source, "template", Default::default())
        .map_err(|e| vec![Problem::new(place(at, e.line()), "template_syntax", said(&e))])?;
    let mut walk = Walk { at, used: Used::default(), problems: Vec::new(), loops: Vec::new() };
    walk.stmt(&tree, 0);
    if walk.problems.is_empty() { Ok(walk.used) } else { Err(walk.problems) }
}

fn place(at: &str, line: Option<usize>) -> String {
    line.map_or_else(|| at.to_owned(), |n| format!("{at} line {n}"))
}

fn said(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Size, tags and tokens, counted without building a tree.
fn too_large(at: &str, source: &str) -> Option<Problem> {
    if source.len() > MAX_SOURCE {
        let detail = format!("{} bytes are too many; at most {MAX_SOURCE}", source.len());
        return Some(Problem::new(at, "template_too_large", detail));
    }
    let (mut tags, mut inside) = (0, 0);
    for token in tokenize(source, false, Default::default()) {
        // What can't be read as tokens is reported by the parser, with its line.
        let Ok((token, span)) = token else { return None };
        match token {
            Token::VariableStart | Token::BlockStart => (tags, inside) = (tags + 1, 0),
            Token::TemplateData(_) => {}
            _ => inside += 1,
        }
        let line = usize::from(span.start_line);
        if tags > MAX_TAGS {
            let detail = format!("more than {MAX_TAGS} tags are too many");
            return Some(Problem::new(place(at, Some(line)), "template_too_large", detail));
        }
        if inside > MAX_TOKENS {
            let detail = format!("this tag is too long; at most {MAX_TOKENS} words and signs");
            return Some(Problem::new(place(at, Some(line)), "template_too_large", detail));
        }
    }
    None
}

struct Walk<'a> {
    at: &'a str,
    used: Used,
    problems: Vec<Problem>,
    /// Names bound by the loops around.
    loops: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Printed,
    Looked,
}

impl Walk<'_> {
    fn refuse(&mut self, line: u16, what: &str, remedy: &str) {
        let at = place(self.at, Some(usize::from(line)));
        self.problems.push(Problem::new(
            at,
            "construct_not_allowed",
            format!("{what} isn't allowed here; {remedy}"),
        ));
    }

    fn body(&mut self, body: &[Stmt<'_>], depth: usize) {
        for stmt in body {
            self.stmt(stmt, depth);
        }
    }

    fn stmt(&mut self, stmt: &Stmt<'_>, depth: usize) {
        const REMEDY: &str = "use output, if and for";
        match stmt {
            Stmt::Template(t) => self.body(&t.children, depth),
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(e) => self.expr(&e.expr, Role::Printed),
            Stmt::IfCond(s) => {
                let line = s.span().start_line;
                if depth >= MAX_DEPTH {
                    return self.refuse(line, "nesting this deep", "10 levels of if and for are enough");
                }
                self.expr(&s.expr, Role::Looked);
                self.body(&s.true_body, depth + 1);
                // An elif is an if alone in the else; it doesn't nest for the reader.
                let elif = matches!(s.false_body.as_slice(), [Stmt::IfCond(_)]);
                self.body(&s.false_body, if elif { depth } else { depth + 1 });
            }
            Stmt::ForLoop(s) => {
                let line = s.span().start_line;
                if depth >= MAX_DEPTH {
                    return self.refuse(line, "nesting this deep", "10 levels of if and for are enough");
                }
                if s.recursive || s.filter_expr.is_some() {
                    self.refuse(line, "a recursive or filtered loop", "use a plain `for x in list`");
                }
                let Expr::Var(target) = &s.target else {
                    return self.refuse(line, "taking items apart", "use a plain `for x in list`");
                };
                if path(&s.iter).is_none() {
                    self.refuse(line, "looping over anything but a field", "use a plain `for x in list`");
                }
                self.expr(&s.iter, Role::Looked);
                self.loops.push(target.id.to_owned());
                self.body(&s.body, depth + 1);
                self.loops.pop();
                self.body(&s.else_body, depth + 1);
            }
            Stmt::Set(s) => self.refuse(s.span().start_line, "`set`", REMEDY),
            Stmt::SetBlock(s) => self.refuse(s.span().start_line, "`set`", REMEDY),
            Stmt::WithBlock(s) => self.refuse(s.span().start_line, "`with`", REMEDY),
            Stmt::FilterBlock(s) => self.refuse(s.span().start_line, "`filter`", REMEDY),
            Stmt::AutoEscape(s) => self.refuse(s.span().start_line, "`autoescape`", REMEDY),
            Stmt::Do(s) => self.refuse(s.span().start_line, "`do`", REMEDY),
            // Include, import, extends, block, macro, call and whatever a feature adds.
            _ => self.problems.push(Problem::new(
                self.at,
                "construct_not_allowed",
                format!("include, import, extends, block, macro and call aren't allowed here; {REMEDY}"),
            )),
        }
    }

    fn expr(&mut self, expr: &Expr<'_>, role: Role) {
        let line = expr.span().start_line;
        match expr {
            Expr::Const(_) => {}
            Expr::Var(_) | Expr::GetAttr(_) => match path(expr) {
                Some(path) => self.field(path, role),
                None => {
                    self.refuse(line, "an attribute of an expression", "name a field, such as customer.name")
                }
            },
            Expr::UnaryOp(e) if matches!(e.op, UnaryOpKind::Not) => self.expr(&e.expr, Role::Looked),
            Expr::BinOp(e) => self.operator(e, line, role),
            Expr::Compare(e) => {
                self.expr(&e.expr, Role::Looked);
                for op in &e.ops {
                    self.expr(&op.expr, Role::Looked);
                }
            }
            Expr::IfExpr(e) => {
                self.expr(&e.test_expr, Role::Looked);
                self.expr(&e.true_expr, role);
                if let Some(other) = &e.false_expr {
                    self.expr(other, role);
                }
            }
            Expr::Filter(e) => {
                if !FILTERS.contains(&e.name) {
                    self.refuse(
                        line,
                        &format!("the filter `{}`", e.name),
                        &format!("use {}", FILTERS.join(", ")),
                    );
                }
                if let Some(inner) = &e.expr {
                    self.expr(inner, role);
                }
                self.arguments(&e.args, line, role);
            }
            Expr::Test(e) => {
                if !TESTS.contains(&e.name) {
                    self.refuse(
                        line,
                        &format!("the test `{}`", e.name),
                        &format!("use {}", TESTS.join(", ")),
                    );
                }
                self.expr(&e.expr, Role::Looked);
                self.arguments(&e.args, line, Role::Looked);
            }
            other => self.refuse(line, &format!("a {}", other.description()), "name fields and constants"),
        }
    }

    fn operator(&mut self, e: &BinOp<'_>, line: u16, role: Role) {
        let role = match e.op {
            // What is printed may be either side.
            BinOpKind::ScAnd | BinOpKind::ScOr => role,
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte => Role::Looked,
            _ => return self.refuse(line, "arithmetic and joining", "values come ready to be shown"),
        };
        self.expr(&e.left, role);
        self.expr(&e.right, role);
    }

    fn arguments(&mut self, args: &[CallArg<'_>], line: u16, role: Role) {
        for arg in args {
            match arg {
                CallArg::Pos(e) => self.expr(e, role),
                _ => self.refuse(line, "a named or spread argument", "give arguments in their order"),
            }
        }
    }

    fn field(&mut self, path: String, role: Role) {
        let root = path.split('.').next().unwrap_or_default();
        let in_loop = root == "loop" && !self.loops.is_empty();
        if in_loop || self.loops.iter().any(|l| l == root) {
            return;
        }
        if role == Role::Printed {
            self.used.printed.insert(path.clone());
        }
        self.used.fields.insert(path);
    }
}

/// `a.b.c` for a plain path.
fn path(expr: &Expr<'_>) -> Option<String> {
    match expr {
        Expr::Var(v) => Some(v.id.to_owned()),
        Expr::GetAttr(g) => path(&g.expr).map(|p| format!("{p}.{}", g.name)),
        _ => None,
    }
}
