//! `[hooks]`: the secrets by which pushes of other systems are known to be theirs.

use super::reader::Reader;
use super::secret::Secret;

/// A door without its secret is closed.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    pub shopify: Option<Secret>,
    pub youzan: Option<YouzanSettings>,
    pub generic: Option<Secret>,
}

#[derive(Debug, Clone)]
pub struct YouzanSettings {
    pub client_id: String,
    pub client_secret: Secret,
}

impl HookSettings {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let shopify = secret(r, "hooks.shopify.secret");
        let client_id = r.text("hooks.youzan.client_id");
        let client_secret = secret(r, "hooks.youzan.client_secret");
        let generic = secret(r, "hooks.generic.secret");
        let youzan = match (client_id?, client_secret?) {
            (id, None) if id.is_empty() => None,
            (id, Some(client_secret)) if !id.is_empty() => {
                Some(YouzanSettings { client_id: id, client_secret })
            }
            (id, _) => {
                let missing =
                    if id.is_empty() { "hooks.youzan.client_id" } else { "hooks.youzan.client_secret" };
                r.problem(missing, "missing", "Youzan signs with both; set client_id and client_secret");
                None
            }
        };
        Some(Self { shopify: shopify?, youzan, generic: generic? })
    }
}

fn secret(r: &mut Reader, key: &str) -> Option<Option<Secret>> {
    let text = r.text_or_file(key)?;
    Some((!text.is_empty()).then(|| Secret::new(text)))
}
