//! HTTP clients of gateways: rustls with ring, no proxy of the environment, no redirect.
//!
//! Contract: TLS is always configured here. The client library would otherwise look for a crypto provider of the whole
//! process, which nobody sets.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder, redirect::Policy};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use sluice_kernel::{PortError, PortResult};

const WHAT: &str = "the HTTP client of a gateway";

/// Trusts whom the machine's trust store and the certificates in `trusted` vouch for. Reads files: not for a thread that serves.
pub(crate) fn trusting_machine(trusted: &[CertificateDer<'static>]) -> PortResult<ClientBuilder> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in trusted {
        roots.add(certificate.clone()).map_err(|error| PortError::internal(WHAT, error))?;
    }
    with_roots(roots)
}

/// For calls over plain HTTP: it trusts nobody.
pub(crate) fn without_tls() -> PortResult<ClientBuilder> {
    with_roots(RootCertStore::empty())
}

#[expect(clippy::disallowed_methods, reason = "the one place where clients of gateways are made")]
fn with_roots(roots: RootCertStore) -> PortResult<ClientBuilder> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PortError::internal(WHAT, error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).no_proxy())
}

pub(crate) fn built(client: ClientBuilder) -> PortResult<Client> {
    client.build().map_err(|error| PortError::internal(WHAT, error))
}
