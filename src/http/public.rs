//! Pages for everybody, without login: behind the links of mails. They carry no personal data but what the
//! link's owner knows, set no cookies, and load nothing from elsewhere.

use super::{AppState, Problem};
use crate::service::optout::{self, Page, Standing};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, context};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show, stop))
}

/// What the opt-out link of a mail would do. Changes nothing.
#[utoipa::path(get, path = "/u/{token}", tag = "public", params(("token" = String, Path)),
    responses((status = 200, content_type = "text/html"), (status = 404, content_type = "text/html")))]
async fn show(
    State(state): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(optout::show(&state.book, &token).await?, &headers)
}

/// Stops marketing mail. Also takes RFC 8058 one-click requests: `List-Unsubscribe=One-Click`.
#[utoipa::path(post, path = "/u/{token}", tag = "public", params(("token" = String, Path)),
    responses((status = 200, content_type = "text/html"), (status = 404, content_type = "text/html")))]
async fn stop(
    State(state): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = optout::stop(&state.book, &token).await?;
    state.alarm.ring();
    answer(page, &headers)
}

const TEMPLATE: &str = include_str!("../../web/unsubscribe.html");

fn answer(page: Option<Page>, headers: &HeaderMap) -> Result<Response, Problem> {
    let lang = language(page.as_ref(), headers);
    let (status, state) = match page.as_ref().map(|p| p.standing) {
        None => (StatusCode::NOT_FOUND, "unknown"),
        Some(Standing::Open) => (StatusCode::OK, "open"),
        Some(Standing::Stopped) => (StatusCode::OK, "stopped"),
    };
    let shop = page.as_ref().map(|p| p.shop_name.as_str());
    let masked = page.as_ref().and_then(|p| p.masked.as_deref());
    let mut env = Environment::new();
    let html = env
        .add_template("unsubscribe.html", TEMPLATE)
        .and_then(|()| env.get_template("unsubscribe.html"))
        .and_then(|t| t.render(context! { lang, state, shop, masked }))
        .map_err(|e| Problem::from(crate::service::ServiceError::Internal(e.to_string())))?;
    let mut response = (status, Html(html)).into_response();
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The customer's own language if known, else the browser's, else the shop's.
fn language(page: Option<&Page>, headers: &HeaderMap) -> &'static str {
    let theirs = page.filter(|p| p.locale_is_theirs).and_then(|p| known(&p.locale));
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    let browser = accepted.and_then(|list| list.split(',').find_map(known));
    let shop = page.and_then(|p| known(&p.locale));
    theirs.or(browser).or(shop).unwrap_or("en")
}

/// A language of the house for `zh`, `zh-CN;q=0.8`, `en-GB`.
fn known(tag: &str) -> Option<&'static str> {
    match tag.trim().split([';', '-', '_']).next()?.to_ascii_lowercase().as_str() {
        "zh" => Some("zh-CN"),
        "en" => Some("en"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_speaks_the_customers_language_then_the_browsers() {
        let page = |locale: &str, theirs| Page {
            shop_name: "S".into(),
            masked: None,
            locale: locale.into(),
            locale_is_theirs: theirs,
            standing: Standing::Open,
        };
        let mut headers = HeaderMap::new();
        assert_eq!(language(Some(&page("zh-CN", false)), &headers), "zh-CN");
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("fr, en-GB;q=0.8"));
        assert_eq!(language(Some(&page("zh-CN", false)), &headers), "en");
        assert_eq!(language(Some(&page("zh_CN", true)), &headers), "zh-CN");
        assert_eq!(language(None, &headers), "en");
    }
}
