//! What `deny.toml` says, as far as this workspace checks it (docs/adr/0022).

use std::{fs, sync::LazyLock};

use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::root;

pub static DENY: LazyLock<Deny> = LazyLock::new(|| {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    toml::from_str(&text).expect("deny.toml can be read")
});

#[derive(Deserialize)]
pub struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

impl Deny {
    /// An SPDX expression, or the old `A/B`. What cannot be read is not allowed.
    pub fn allows_licence(&self, expression: &str) -> bool {
        let allowed: Vec<Licensee> = self.licenses.allow.iter().map(|text| Licensee::parse(text).unwrap()).collect();
        let expression = Expression::parse_mode(expression, ParseMode::LAX);
        expression.is_ok_and(|expression| expression.evaluate(|asked| allowed.iter().any(|licence| licence.satisfies(asked))))
    }

    pub fn bans(&self, name: &str) -> bool {
        self.bans.deny.iter().any(|banned| banned.name == name && !banned.deny_multiple_versions)
    }

    /// Two versions of it mean two runtimes, two pools or types that do not fit.
    pub fn wants_once(&self, name: &str) -> bool {
        self.bans.deny.iter().any(|banned| banned.name == name && banned.deny_multiple_versions)
    }
}

#[test]
fn rules_are_read() {
    for allowed in ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND Zlib)", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
        assert!(DENY.allows_licence(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND AGPL-3.0", "", "MIT OR", "(MIT", "GPL-2.0 WITH LLVM-exception"]
    {
        assert!(!DENY.allows_licence(refused), "{refused}");
    }
    assert!(DENY.bans("openssl") && !DENY.bans("tokio"));
    assert!(DENY.wants_once("tokio") && !DENY.wants_once("openssl"));
}
