//! Who may use which route. The routes come from the daemon's own description, so that a route without a row
//! here fails.

use crate::support::door::{ask, key, put_sal};
use crate::support::{TestDatabase, book::House, on_both_databases};
use kinkeeper::service::access::Role;
use std::collections::{BTreeMap, BTreeSet};

/// Who is let in.
enum Takes {
    Anybody,
    Keys(&'static [Role]),
    /// Nobody by a key: what is sent there is signed.
    Signed,
}
use Role::{Admin, Agent, Analyst, Ingest, Marketer, Supervisor};
use Takes::{Anybody, Keys, Signed};

const READERS: &[Role] = &[Agent, Supervisor, Marketer, Analyst, Admin];
const CALLERS: &[Role] = &[Agent, Supervisor];
const ADMINS: &[Role] = &[Admin];
const OPERATORS: &[Role] = &[Supervisor, Admin];

/// Every route but `/openapi.json`.
const ROUTES: &[(&str, &str, Takes)] = &[
    ("post", "/v1/{call}", Keys(&[Ingest])),
    ("post", "/api/public/apps/{call}", Keys(&[Ingest])),
    ("post", "/hooks/shopify", Signed),
    ("post", "/hooks/youzan", Signed),
    ("post", "/hooks/generic", Signed),
    ("get", "/healthz", Anybody),
    ("get", "/readyz", Anybody),
    ("get", "/metrics", Anybody),
    ("get", "/u/{token}", Anybody),
    ("post", "/u/{token}", Anybody),
    ("get", "/api/v1/callbacks", Keys(READERS)),
    ("post", "/api/v1/callbacks/next", Keys(CALLERS)),
    ("post", "/api/v1/callbacks/{id}/start", Keys(CALLERS)),
    ("post", "/api/v1/callbacks/{id}/decline", Keys(CALLERS)),
    ("post", "/api/v1/callbacks/{id}/outcome", Keys(CALLERS)),
    ("get", "/api/v1/customers", Keys(READERS)),
    ("get", "/api/v1/customers/{id}", Keys(READERS)),
    ("get", "/api/v1/customers/{id}/timeline", Keys(READERS)),
    ("get", "/api/v1/customers/{id}/explain", Keys(READERS)),
    ("post", "/api/v1/customers/{id}/notes", Keys(CALLERS)),
    ("post", "/api/v1/customers/{id}/consents", Keys(&[Agent, Supervisor, Admin])),
    ("get", "/api/v1/tags", Keys(&[Agent, Supervisor, Marketer, Analyst, Admin])),
    ("post", "/api/v1/tags/{key}/preview", Keys(&[Supervisor, Marketer, Analyst, Admin])),
    ("post", "/api/v1/tags/{key}/publish", Keys(ADMINS)),
    ("put", "/api/v1/customers/{id}/tags/{key}", Keys(&[Agent, Supervisor, Admin])),
    ("delete", "/api/v1/customers/{id}/tags/{key}", Keys(&[Agent, Supervisor, Admin])),
    ("get", "/api/v1/segments", Keys(READERS)),
    ("post", "/api/v1/segments/count", Keys(&[Supervisor, Marketer, Admin])),
    ("post", "/api/v1/segments/preview", Keys(&[Supervisor, Marketer, Admin])),
    ("get", "/api/v1/segments/{key}", Keys(READERS)),
    ("get", "/api/v1/segments/{key}/members", Keys(READERS)),
    ("put", "/api/v1/segments/{key}/pins/{id}", Keys(&[Agent, Supervisor, Marketer, Admin])),
    ("delete", "/api/v1/segments/{key}/pins/{id}", Keys(&[Agent, Supervisor, Marketer, Admin])),
    ("put", "/api/v1/segments/{key}/bans/{id}", Keys(&[Agent, Supervisor, Marketer, Admin])),
    ("delete", "/api/v1/segments/{key}/bans/{id}", Keys(&[Agent, Supervisor, Marketer, Admin])),
    ("post", "/api/v1/customers/{id}/correct", Keys(OPERATORS)),
    ("post", "/api/v1/customers/{id}/erase", Keys(ADMINS)),
    ("post", "/api/v1/customers/{id}/reveal", Keys(&[Agent, Supervisor, Admin])),
    ("post", "/api/v1/customers/{id}/export", Keys(ADMINS)),
    ("get", "/api/v1/customers/{id}/access-log", Keys(&[Supervisor, Admin])),
    ("get", "/api/v1/customers/by/{kind}/{value}", Keys(READERS)),
    ("get", "/docs", Anybody),
    ("get", "/api/v1/system", Keys(OPERATORS)),
    ("get", "/api/v1/batches", Keys(OPERATORS)),
    ("get", "/api/v1/batches/{id}", Keys(OPERATORS)),
    ("post", "/api/v1/batches/{id}/undo", Keys(ADMINS)),
    ("get", "/api/v1/reachability", Keys(&[Supervisor, Marketer, Analyst, Admin])),
    ("get", "/api/v1/audit", Keys(ADMINS)),
    ("get", "/api/v1/keys", Keys(ADMINS)),
    ("post", "/api/v1/keys", Keys(ADMINS)),
    ("post", "/api/v1/keys/{id}/revoke", Keys(ADMINS)),
    ("get", "/api/v1/staff", Keys(OPERATORS)),
    ("get", "/api/v1/quarantine", Keys(ADMINS)),
    ("get", "/api/v1/quarantine/{id}", Keys(ADMINS)),
    ("post", "/api/v1/quarantine/{id}/retry", Keys(ADMINS)),
    ("post", "/api/v1/quarantine/{id}/discard", Keys(ADMINS)),
    ("get", "/api/v1/customers/candidates", Keys(OPERATORS)),
    ("post", "/api/v1/customers/merge", Keys(OPERATORS)),
    ("post", "/api/v1/customers/unmerge", Keys(OPERATORS)),
];

/// Every door is open.
const SETTINGS: [&str; 5] = [
    "clock=2026-09-25T10:00:00+08:00",
    "hooks.shopify.secret=hush",
    "hooks.youzan.client_id=cid",
    "hooks.youzan.client_secret=csec",
    "hooks.generic.secret=hush",
];

/// Stands in a path for what is in braces.
const FILLED: [(&str, &str); 6] = [
    ("{call}", "batch"),
    ("{id}", "cus_1"),
    ("{key}", "comm_style"),
    ("{kind}", "user_id"),
    ("{token}", "abc"),
    ("{value}", "1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_route_takes_its_roles_and_nobody_else() {
    let house = House::open(TestDatabase::migrated_sqlite().await, &SETTINGS).await;
    let router = house.app.router();
    let mut keys = BTreeMap::new();
    for role in Role::ALL {
        keys.insert(*role, key(&house.app, role.as_str()).await);
    }
    let described = ask(&router, "GET", "/openapi.json", None).await.body;
    let mut seen = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let row = ROUTES.iter().find(|(m, p, _)| m == method && p == path);
            let Some((_, _, takes)) = row else { panic!("{method} {path}: say here whom it takes") };
            seen.insert((method.clone(), path.clone()));
            let filled = FILLED.iter().fold(path.clone(), |path, (brace, value)| path.replace(brace, value));
            assert!(!filled.contains('{'), "{filled}: say above what stands for the rest");
            let status = |key| {
                let (router, method, filled) = (&router, method.to_uppercase(), &filled);
                async move { ask(router, &method, filled, key).await.status.as_u16() }
            };
            let nobody = status(None).await;
            for (role, key) in &keys {
                let got = status(Some(key.as_str())).await;
                let let_in = match takes {
                    Anybody => true,
                    Keys(roles) => roles.contains(role),
                    Signed => false,
                };
                if matches!(takes, Signed) {
                    assert!([400, 401].contains(&got), "{method} {path} lets {role} in unsigned: {got}");
                } else if let_in {
                    assert!(![401, 403, 405].contains(&got), "{method} {path} refuses {role} with {got}");
                } else {
                    assert_eq!(got, 403, "{method} {path} takes {role}");
                }
            }
            match takes {
                Anybody => assert!(![401, 403].contains(&nobody), "{method} {path} asks for a key"),
                Signed => assert!([400, 401].contains(&nobody), "{method} {path} takes what isn't signed"),
                Keys(_) => assert_eq!(nobody, 401, "{method} {path} takes anybody"),
            }
        }
    }
    for (method, path, _) in ROUTES {
        assert!(
            seen.contains(&((*method).to_owned(), (*path).to_owned())),
            "{method} {path} is no route any more"
        );
    }
}

on_both_databases! {
    async fn a_problem_carries_the_id_that_the_log_has(database) {
        let house = House::open(database, &[]).await;
        let router = house.app.router();
        let drawn = ask(&router, "GET", "/api/v1/customers/cus_1", None).await;
        let id = drawn.headers["x-request-id"].to_str().expect("text").to_owned();
        assert_eq!((drawn.status.as_u16(), drawn.body["trace_id"].as_str()), (401, Some(id.as_str())));
        assert_eq!(id.len(), 32);
        let other = ask(&router, "GET", "/nowhere", None).await;
        assert_ne!(other.body["trace_id"].as_str(), Some(id.as_str()), "each request has its own");

        let wrong = ask(&router, "DELETE", "/healthz", None).await;
        assert_eq!((wrong.status.as_u16(), wrong.body["code"].as_str()), (405, Some("method_not_allowed")));
        assert_eq!(wrong.headers["content-type"], "application/problem+json");
        assert!(wrong.headers["allow"].to_str().expect("text").contains("GET"));
    }

    async fn a_key_opens_only_while_it_is_in_force(database) {
        let house = House::open(database, &["clock=2026-09-25T10:00:00+08:00"]).await;
        let router = house.app.router();
        let key = key(&house.app, "agent").await;
        let open = |key: String| {
            let router = router.clone();
            async move { ask(&router, "GET", "/api/v1/customers/cus_1", Some(&key)).await }
        };
        let known = open(key.clone()).await;
        assert_eq!(known.status, 404, "in force, and no such customer: {:?}", known.body);
        assert_eq!(known.headers["cache-control"], "no-store");

        let (id, secret) = key.rsplit_once('_').expect("a key has parts");
        let other = if secret.ends_with('0') { "1" } else { "0" };
        let wrong = format!("{id}_{}{other}", &secret[..secret.len() - 1]);
        for bad in [wrong, format!("kk_ffff_{secret}"), "kk_".to_owned(), String::new()] {
            let refused = open(bad.clone()).await;
            assert_eq!(refused.status, 401, "{bad}");
            assert!(refused.headers.contains_key("www-authenticate"));
            assert_eq!(refused.body["code"], "unauthorized");
        }

        put_sal(&house.app, "disabled").await;
        let refused = open(key.clone()).await;
        assert_eq!(refused.status, 401);
        assert!(refused.body["detail"].as_str().expect("a detail").contains("disabled"), "{:?}", refused.body);
        put_sal(&house.app, "active").await;
        assert_eq!(open(key).await.status, 404);
    }
}
