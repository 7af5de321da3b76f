//! The served documents, written once, and the methods each path knows.

use actix_web::{dev::ResourceDef, web::Bytes};
use utoipa::openapi::{OpenApi, PathItem};

use crate::asyncapi;

/// Methods of a path item, as they stand in `Allow`.
fn methods(item: &PathItem) -> Vec<&'static str> {
    let known = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("HEAD", &item.head),
    ];
    known.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect()
}

pub struct Documents {
    pub openapi: Bytes,
    pub asyncapi: Bytes,
    paths: Vec<(ResourceDef, String)>,
}

impl Documents {
    /// For a process that serves the routes of `document`.
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self {
            openapi: Bytes::from(document.to_json().unwrap_or_default()),
            asyncapi: Bytes::from(asyncapi::asyncapi().to_string()),
            paths: paths.map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item).join(", "))).collect(),
        }
    }

    /// `Allow` of a path that exists.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.paths.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, allow)| allow.as_str())
    }
}
