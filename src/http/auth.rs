//! Who may use which route of the API. Deny by default: a route takes those its row in [`super::v1::ACCESS`]
//! names, and one without a row takes nobody.

use super::v1::{ACCESS, Access};
use super::{AppState, Problem};
pub use crate::service::access::{Principal, Role};
use crate::service::access::{Refused, authenticate};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets a request in that carries a key in force whose role the route takes; the handler finds the
/// [`Principal`] as an argument. What the API answers is nobody else's to keep.
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&state, request.method(), request.headers(), path(&request)).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The route as declared; empty where there is none.
fn path(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

async fn admit(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
) -> Result<Principal, Problem> {
    let written = bearer(headers)?;
    let principal = authenticate(&state.book, written)
        .await?
        .map_err(|refused: Refused| Problem::unauthorized(refused.detail()))?;
    principal.require(find(ACCESS, method, path)?.roles)?;
    Ok(principal)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let none = "send an API key as `Authorization: Bearer kk_…`; `kinkeeper key create` makes one";
    let given = headers.get(header::AUTHORIZATION).ok_or_else(|| Problem::unauthorized(none))?;
    let (scheme, key) = given
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(|| Problem::unauthorized(none))?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(Problem::unauthorized(none)) }
}

/// The row of a route. A HEAD is the GET without its body.
fn find<'a>(table: &'a [Access], method: &Method, path: &str) -> Result<&'a Access, Problem> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut rows = table.iter().filter(|row| row.path == path).peekable();
    if rows.peek().is_none() {
        return Err(Problem::forbidden("no role may use this route"));
    }
    rows.find(|row| row.method == *method).ok_or_else(|| Problem::no_such_method(path, method))
}

impl Principal {
    /// Refuses whoever has none of these roles, and says which it takes.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let wanted: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        Err(Problem::forbidden(format!(
            "a key of role {} may not do this; it takes {}",
            self.role,
            wanted.join(", ")
        )))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    /// Only `guard` puts one there: outside it nobody is let in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| Problem::unauthorized("this route isn't behind the guard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Access] = &[Access { method: Method::GET, path: "/a/{id}", roles: &[Role::Agent] }];

    #[test]
    fn a_route_without_a_row_takes_nobody() {
        assert_eq!(find(TABLE, &Method::GET, "/a/{id}").unwrap().roles, [Role::Agent]);
        assert!(find(TABLE, &Method::HEAD, "/a/{id}").is_ok());
        assert_eq!(find(TABLE, &Method::POST, "/a/{id}").unwrap_err().status, 405);
        assert_eq!(find(TABLE, &Method::GET, "/a/1").unwrap_err().status, 403);
        assert_eq!(find(TABLE, &Method::GET, "").unwrap_err().status, 403);
    }

    #[test]
    fn only_a_bearer_key_is_looked_at() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(str::to_owned).map_err(|problem| problem.status)
        };
        assert_eq!(with("Bearer kk_1_2"), Ok("kk_1_2".to_owned()));
        assert_eq!(with("bearer  kk_1_2 "), Ok("kk_1_2".to_owned()));
        for bad in ["kk_1_2", "Basic a2s6", "Bearer", ""] {
            assert_eq!(with(bad), Err(401), "{bad}");
        }
        assert_eq!(bearer(&HeaderMap::new()).unwrap_err().status, 401);
    }
}
