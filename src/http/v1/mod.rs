//! The API for agents, marketers and operators: which routes there are and whom each takes. One file a
//! resource; what they do is the services'.

mod asking;
mod batches;
mod callbacks;
mod consents;
mod correct;
mod customers;
mod explaining;
mod identity;
mod operations;
mod person;
mod quarantine;
mod request;
mod reveal;
mod segments;
mod tags;

use super::auth::Role;
use super::once::{Once, nothing, whole};
use super::{AppState, Problem};
use axum::http::Method;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whom one route takes.
#[derive(Debug)]
pub struct Access {
    pub method: Method,
    /// As the route is declared: `/api/v1/customers/{id}`.
    pub path: &'static str,
    pub roles: &'static [Role],
}

const fn access(method: Method, path: &'static str, roles: &'static [Role]) -> Access {
    Access { method, path, roles }
}

/// Who may read about customers: everybody but senders of facts.
const READERS: &[Role] = &[Role::Agent, Role::Supervisor, Role::Marketer, Role::Analyst, Role::Admin];

/// Who calls customers.
const CALLERS: &[Role] = &[Role::Agent, Role::Supervisor];

/// Who sees to it that it runs.
const OPERATORS: &[Role] = &[Role::Supervisor, Role::Admin];

/// Who plans what is sent, and sees what came of it.
const PLANNERS: &[Role] = &[Role::Supervisor, Role::Marketer, Role::Analyst, Role::Admin];

/// Who puts customers into segments and keeps them out.
const WHO_SORTS: &[Role] = &[Role::Agent, Role::Supervisor, Role::Marketer, Role::Admin];

/// Who runs the daemon.
const ADMINS: &[Role] = &[Role::Admin];

/// Every route of the API. One that isn't here takes nobody.
pub const ACCESS: &[Access] = &[
    access(Method::GET, "/api/v1/callbacks", READERS),
    access(Method::POST, "/api/v1/callbacks/next", CALLERS),
    access(Method::POST, "/api/v1/callbacks/{id}/start", CALLERS),
    access(Method::POST, "/api/v1/callbacks/{id}/decline", CALLERS),
    access(Method::POST, "/api/v1/callbacks/{id}/outcome", CALLERS),
    access(Method::GET, "/api/v1/customers", READERS),
    access(Method::GET, "/api/v1/customers/{id}", READERS),
    access(Method::GET, "/api/v1/customers/{id}/timeline", READERS),
    access(Method::GET, "/api/v1/customers/{id}/explain", READERS),
    access(Method::POST, "/api/v1/customers/{id}/notes", CALLERS),
    access(Method::POST, "/api/v1/customers/{id}/consents", &[Role::Agent, Role::Supervisor, Role::Admin]),
    access(Method::PUT, "/api/v1/customers/{id}/tags/{key}", &[Role::Agent, Role::Supervisor, Role::Admin]),
    access(
        Method::DELETE,
        "/api/v1/customers/{id}/tags/{key}",
        &[Role::Agent, Role::Supervisor, Role::Admin],
    ),
    access(Method::POST, "/api/v1/customers/{id}/correct", OPERATORS),
    access(Method::POST, "/api/v1/customers/{id}/erase", ADMINS),
    access(Method::POST, "/api/v1/customers/{id}/reveal", &[Role::Agent, Role::Supervisor, Role::Admin]),
    access(Method::POST, "/api/v1/customers/{id}/export", ADMINS),
    access(Method::GET, "/api/v1/customers/{id}/access-log", &[Role::Supervisor, Role::Admin]),
    access(Method::GET, "/api/v1/customers/by/{kind}/{value}", READERS),
    access(Method::GET, "/api/v1/system", OPERATORS),
    access(Method::GET, "/api/v1/batches", OPERATORS),
    access(Method::GET, "/api/v1/batches/{id}", OPERATORS),
    access(Method::POST, "/api/v1/batches/{id}/undo", ADMINS),
    access(Method::GET, "/api/v1/tags", READERS),
    access(Method::POST, "/api/v1/tags/{key}/preview", PLANNERS),
    access(Method::POST, "/api/v1/tags/{key}/publish", ADMINS),
    access(Method::GET, "/api/v1/segments", READERS),
    access(Method::POST, "/api/v1/segments/preview", &[Role::Supervisor, Role::Marketer, Role::Admin]),
    access(Method::POST, "/api/v1/segments/count", &[Role::Supervisor, Role::Marketer, Role::Admin]),
    access(Method::GET, "/api/v1/segments/{key}", READERS),
    access(Method::GET, "/api/v1/segments/{key}/members", READERS),
    access(Method::PUT, "/api/v1/segments/{key}/pins/{id}", WHO_SORTS),
    access(Method::DELETE, "/api/v1/segments/{key}/pins/{id}", WHO_SORTS),
    access(Method::PUT, "/api/v1/segments/{key}/bans/{id}", WHO_SORTS),
    access(Method::DELETE, "/api/v1/segments/{key}/bans/{id}", WHO_SORTS),
    access(Method::GET, "/api/v1/reachability", PLANNERS),
    access(Method::GET, "/api/v1/audit", ADMINS),
    access(Method::GET, "/api/v1/keys", ADMINS),
    access(Method::POST, "/api/v1/keys", ADMINS),
    access(Method::POST, "/api/v1/keys/{id}/revoke", ADMINS),
    access(Method::GET, "/api/v1/staff", OPERATORS),
    access(Method::GET, "/api/v1/quarantine", ADMINS),
    access(Method::GET, "/api/v1/quarantine/{id}", ADMINS),
    access(Method::POST, "/api/v1/quarantine/{id}/retry", ADMINS),
    access(Method::POST, "/api/v1/quarantine/{id}/discard", ADMINS),
    access(Method::GET, "/api/v1/customers/candidates", OPERATORS),
    access(Method::POST, "/api/v1/customers/merge", OPERATORS),
    access(Method::POST, "/api/v1/customers/unmerge", OPERATORS),
];

/// The routes, before anybody guards them.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(callbacks::list))
        .routes(routes!(callbacks::next))
        .routes(routes!(callbacks::start))
        .routes(routes!(callbacks::decline))
        .routes(routes!(callbacks::outcome))
        .routes(routes!(customers::search))
        .routes(routes!(customers::show))
        .routes(routes!(customers::timeline))
        .routes(routes!(explaining::explain))
        .routes(routes!(customers::note))
        .routes(routes!(consents::add))
        .routes(routes!(tags::list))
        .routes(routes!(tags::preview))
        .routes(routes!(tags::publish))
        .routes(routes!(tags::give, tags::take))
        .routes(routes!(segments::list))
        .routes(routes!(segments::show))
        .routes(routes!(asking::preview))
        .routes(routes!(asking::count))
        .routes(routes!(asking::members))
        .routes(routes!(segments::pin, segments::unpin))
        .routes(routes!(segments::ban, segments::unban))
        .routes(routes!(correct::correct))
        .routes(routes!(customers::erase))
        .routes(routes!(reveal::reveal))
        .routes(routes!(person::export))
        .routes(routes!(customers::access_log))
        .routes(routes!(customers::show_by))
        .routes(routes!(operations::system))
        .routes(routes!(operations::reachability))
        .routes(routes!(operations::audit))
        .routes(routes!(batches::list))
        .routes(routes!(batches::show))
        .routes(routes!(batches::undo))
        .routes(routes!(operations::list_keys))
        .routes(routes!(operations::make_key))
        .routes(routes!(operations::revoke_key))
        .routes(routes!(operations::list_staff))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::show))
        .routes(routes!(quarantine::retry))
        .routes(routes!(quarantine::discard))
        .routes(routes!(identity::candidates))
        .routes(routes!(identity::merge))
        .routes(routes!(identity::unmerge))
}
