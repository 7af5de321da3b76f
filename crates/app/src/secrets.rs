//! Secrets of the embedded default: made once in the data folder and read from there by every command.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use sluice_kernel::IdGenerator;

use crate::{Config, ConfigError, Secret};

/// The secrets a process works with, and whether one of them was generated: then the shop is a demo and listens on
/// loopback alone.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub jwt: Secret,
    pub sandbox: Secret,
    pub generated: bool,
}

impl Secrets {
    /// Settings first, then the files in the data folder, which are made where they are missing.
    pub fn resolve(config: &Config, ids: &dyn IdGenerator) -> Result<Self, ConfigError> {
        let (jwt, jwt_generated) = resolve_one(config.auth.jwt_secret.as_ref(), &config.data_dir, "jwt.secret", ids)?;
        let (sandbox, _) = resolve_one(config.pay.sandbox_secret.as_ref(), &config.data_dir, "sandbox.secret", ids)?;
        Ok(Self { jwt, sandbox, generated: jwt_generated })
    }

    /// For commands that only look: settings and files as they are; what is missing is made up for this run and not kept.
    pub fn look(config: &Config, ids: &dyn IdGenerator) -> Result<Self, ConfigError> {
        let find = |setting: Option<&Secret>, name: &'static str| -> Result<Secret, ConfigError> {
            if let Some(secret) = setting {
                return Ok(secret.clone());
            }
            let path = config.data_dir.join(name);
            let found = read_secret(&path).map_err(|error| unusable(&path, &error))?;
            Ok(Secret::new(found.unwrap_or_else(|| ids.token())))
        };
        let jwt = find(config.auth.jwt_secret.as_ref(), "jwt.secret")?;
        let sandbox = find(config.pay.sandbox_secret.as_ref(), "sandbox.secret")?;
        Ok(Self { jwt, sandbox, generated: config.auth.jwt_secret.is_none() })
    }

    /// A generated secret is known to everybody who can read the data folder, so strangers must not reach the shop.
    pub fn check_listen(&self, address: SocketAddr) -> Result<(), ConfigError> {
        if !self.generated || address.ip().is_loopback() {
            return Ok(());
        }
        let reason = format!("the demo mode listens on loopback only; set auth.jwt_secret to listen on {address}");
        Err(ConfigError::Invalid { key: "listen", reason })
    }
}

fn resolve_one(
    setting: Option<&Secret>,
    folder: &Path,
    name: &'static str,
    ids: &dyn IdGenerator,
) -> Result<(Secret, bool), ConfigError> {
    if let Some(secret) = setting {
        return Ok((secret.clone(), false));
    }
    let path = folder.join(name);
    let failed = |error: std::io::Error| unusable(&path, &error);
    if let Some(text) = read_secret(&path).map_err(failed)? {
        return Ok((Secret::new(text), true));
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let made = format!("{}{}", ids.token(), ids.token());
    match write_new(&path, &made) {
        Ok(()) => Ok((Secret::new(made), true)),
        // Another process was faster: its secret counts.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = read_secret(&path).map_err(failed)?.unwrap_or_default();
            Ok((Secret::new(text), true))
        }
        Err(error) => Err(failed(error)),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Invalid { key: "data_dir", reason: format!("{}: {error}", path.display()) }
}

fn read_secret(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Appears under its name only when it is whole, so that a reader never sees half of it.
fn write_new(path: &PathBuf, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use sluice_kernel::SequenceIds;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_read_by_every_command_on_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let first = Secrets::resolve(&config, &SequenceIds::starting_at(1)).unwrap();
        let second = Secrets::resolve(&config, &SequenceIds::starting_at(99)).unwrap();
        assert!(first.generated && second.generated);
        assert_eq!(first.jwt, second.jwt);
        assert_ne!(first.jwt, first.sandbox);
    }

    #[test]
    fn a_demo_listens_on_loopback_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let demo = Secrets::resolve(&config, &SequenceIds::starting_at(1)).unwrap();
        assert!(demo.check_listen("127.0.0.1:8080".parse().unwrap()).is_ok());
        let line = demo.check_listen("0.0.0.0:8080".parse().unwrap()).unwrap_err().to_string();
        assert!(line.contains("loopback only"), "{line}");
        config.auth.jwt_secret = Some(Secret::new("set by an operator"));
        let set = Secrets::resolve(&config, &SequenceIds::starting_at(1)).unwrap();
        assert!(set.check_listen("0.0.0.0:8080".parse().unwrap()).is_ok());
    }
}
