//! Small server-rendered pages: no script, no network, everything that is shown is escaped.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};

/// Style and forms of our own, nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The API browser brings scripts of its own, from this server.
pub const BROWSER_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
                                  frame-ancestors 'none'";

pub const STYLE: &str = include_str!("html.css");

/// Text as it may stand between tags and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A page; `title` is escaped here, `content` is markup made of escaped parts.
pub fn page(status: StatusCode, title: &str, content: &str) -> HttpResponse {
    let title = escaped(title);
    let mut text = String::with_capacity(content.len() + 512);
    let written = write!(
        text,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/assets/page.css\"></head>\
         <body><main><h1>{title}</h1>{content}</main></body></html>\n"
    );
    if written.is_err() {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(escaped("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    }
}
