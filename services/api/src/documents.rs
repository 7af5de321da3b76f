//! The served documents, written once, and the methods each path knows.

use actix_web::{dev::ResourceDef, web::Bytes};
use utoipa::openapi::{OpenApi, PathItem};

use crate::{asyncapi, endpoint::tag_of};

/// `Allow` of the whole server, and of a page.
const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const PAGE_METHODS: &str = "GET, HEAD, OPTIONS";

/// Methods of a path item, as they stand in `Allow`. HEAD is wherever GET is, OPTIONS everywhere.
fn methods(item: &PathItem) -> String {
    let known =
        [("GET, HEAD", &item.get), ("POST", &item.post), ("PUT", &item.put), ("PATCH", &item.patch), ("DELETE", &item.delete)];
    let names = known.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name);
    names.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
}

/// A document as it is sent, and its ETag.
#[derive(Clone)]
pub struct Written {
    pub text: Bytes,
    pub tag: String,
}

impl From<String> for Written {
    fn from(text: String) -> Self {
        Self { tag: tag_of(text.as_bytes()), text: Bytes::from(text) }
    }
}

pub struct Documents {
    pub openapi: Written,
    pub asyncapi: Written,
    paths: Vec<(ResourceDef, String)>,
}

impl Documents {
    /// For a process that serves the routes of `document`, and `pages`, which no document describes.
    pub fn of(document: &OpenApi, pages: &[&str]) -> Self {
        let described = document.paths.paths.iter().map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
        let pages = pages.iter().map(|page| (ResourceDef::new(*page), PAGE_METHODS.to_owned()));
        Self {
            openapi: document.to_json().unwrap_or_default().into(),
            asyncapi: asyncapi::asyncapi().to_string().into(),
            paths: described.chain(pages).collect(),
        }
    }

    /// `Allow` of a path that exists; `*` is the server itself.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        if path == "*" {
            return Some(ALL_METHODS);
        }
        self.paths.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, allow)| allow.as_str())
    }
}
