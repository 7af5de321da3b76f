//! The few variables that tests read. Product code reads settings through `sluice_app::Config` alone.

/// The variable's value; `None` when it is unset or empty.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment which servers run; no product setting is read here"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
