//! The HTTP client of tests.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore};

/// A client for plain HTTP. The library would else look for a crypto provider of the whole process, which nobody sets.
///
/// # Panics
/// Never: the protocol versions are those that the provider has.
#[expect(clippy::disallowed_methods, reason = "the one place where clients of tests are made")]
pub fn http_client() -> ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ring speaks TLS");
    Client::builder().tls_backend_preconfigured(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
