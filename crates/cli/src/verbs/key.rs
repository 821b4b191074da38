//! `tvilling key`: the keys that staff present.

use serde_json::{Value, json};
use store::keys::Keys;

use crate::arguments::{KeyVerb, Role};
use crate::output;

pub(crate) fn run(verb: KeyVerb, json: bool) -> anyhow::Result<()> {
    match verb {
        KeyVerb::Add { dir, name, role } => {
            let key = Keys::open(&dir)?.add(&name, role.into())?;
            output::print(json, &json!({ "name": name, "key": key }), &key);
        }
        KeyVerb::List { dir } => {
            let keys = Keys::open(&dir)?.list();
            let objects: Vec<Value> = keys
                .iter()
                .map(|(name, role)| json!({ "name": name, "role": role.as_str() }))
                .collect();
            let lines: Vec<String> = keys
                .iter()
                .map(|(name, role)| format!("{name}\t{}", role.as_str()))
                .collect();
            output::print(json, &json!({ "keys": objects }), &lines.join("\n"));
        }
        KeyVerb::Revoke { dir, name } => {
            Keys::open(&dir)?.revoke(&name)?;
            output::print(
                json,
                &json!({ "revoked": name }),
                &format!("{name}: revoked"),
            );
        }
    }
    Ok(())
}

impl From<Role> for model::Role {
    fn from(role: Role) -> model::Role {
        match role {
            Role::Reader => model::Role::Reader,
            Role::Editor => model::Role::Editor,
            Role::Admin => model::Role::Admin,
        }
    }
}
