//! GET /docs/errors: every code, where the `type` of a problem leads to (`/docs/errors#CODE`).

use std::{fmt::Write as _, sync::LazyLock};

use actix_web::{HttpResponse, get, http::StatusCode};

use crate::html::{escaped, page};

/// The page that people read in the repository, too.
const SOURCE: &str = include_str!("../../../../../docs/errors.md");

static CONTENT: LazyLock<String> = LazyLock::new(|| content(SOURCE));

/// Rows of the table of codes: status, code, meaning, what to do.
fn rows(source: &str) -> impl Iterator<Item = [&str; 4]> {
    source.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let row = [cells.next()?, cells.next()?.strip_prefix('`')?.strip_suffix('`')?, cells.next()?, cells.next()?];
        cells.next().is_none().then_some(row)
    })
}

/// Text with its `code` marked up.
fn marked(text: &str) -> String {
    let parts = text.split('`').map(escaped).enumerate();
    parts.fold(String::new(), |all, (place, part)| if place % 2 == 1 { all + "<code>" + &part + "</code>" } else { all + &part })
}

fn content(source: &str) -> String {
    let mut text = String::from("<p>Every refusal is <code>application/problem+json</code>. Match on its <code>code</code>.</p>");
    for [status, code, meaning, advice] in rows(source) {
        let (id, meaning, advice) = (escaped(code), marked(meaning), marked(advice));
        let entry = write!(text, "<h2 id=\"{id}\">{id}</h2><p>{status}: {meaning}.</p><p class=\"quiet\">{advice}.</p>");
        debug_assert!(entry.is_ok(), "writing to a text does not fail");
    }
    text
}

#[get("/docs/errors")]
pub async fn errors() -> HttpResponse {
    page(StatusCode::OK, "Errors", &CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_codes::CODES;

    #[test]
    fn every_code_has_its_place_on_the_page() {
        for known in CODES {
            assert!(CONTENT.contains(&format!("<h2 id=\"{}\">", known.code)), "{}", known.code);
        }
        assert!(content("| 400 | `x` | a `<b>` & more | do |\n").contains("a <code>&lt;b&gt;</code> &amp; more"));
    }
}
